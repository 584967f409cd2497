"""Filters on metadata: parses ``where`` and evaluates it, or an Arrow expression, for the segments of an index."""

from .dates import date_span
from .field_info import FieldEnds, FieldInfo, describe_field, describe_fields, ends_of
from .field_parts import FieldFacts, Which
from .fields import IndexField, IndexFields
from .where_evaluation import Predicate, matching
from .where_parser import (
    And,
    Comparison,
    Condition,
    Contains,
    Field,
    Filter,
    Flag,
    IsNull,
    Not,
    OneOf,
    Or,
    StartsWith,
    Value,
    join_conditions,
    parse_predicate,
)

__all__ = [
    "And",
    "Comparison",
    "Condition",
    "Contains",
    "Field",
    "FieldEnds",
    "FieldFacts",
    "FieldInfo",
    "Filter",
    "Flag",
    "IndexField",
    "IndexFields",
    "IsNull",
    "Not",
    "OneOf",
    "Or",
    "Predicate",
    "StartsWith",
    "Value",
    "Which",
    "date_span",
    "describe_field",
    "describe_fields",
    "ends_of",
    "join_conditions",
    "matching",
    "parse_predicate",
]
