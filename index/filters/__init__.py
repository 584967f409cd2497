"""Filters on metadata: parses ``where`` and evaluates it, or an Arrow expression, for the segments of an index."""

from .field_info import FieldInfo, describe_fields
from .fields import IndexFields
from .where_evaluation import Predicate, matching
from .where_parser import join_conditions

__all__ = [
    "FieldInfo",
    "IndexFields",
    "Predicate",
    "describe_fields",
    "join_conditions",
    "matching",
]
