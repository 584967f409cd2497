"""Filters on metadata: parses ``where`` and evaluates it, or an Arrow expression, for the segments of an index."""

from .field_info import FieldInfo, describe_fields
from .field_parts import FieldFacts, Which
from .fields import IndexField, IndexFields
from .where_evaluation import Predicate, matching
from .where_parser import join_conditions

__all__ = [
    "FieldFacts",
    "FieldInfo",
    "IndexField",
    "IndexFields",
    "Predicate",
    "Which",
    "describe_fields",
    "join_conditions",
    "matching",
]
