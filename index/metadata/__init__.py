"""Metadata of documents: which values are kept, how they are written as JSON, and their columns for filters."""

from .arrow_arrays import array_of, arrow_mask, arrow_scalar, arrow_values, mask_of
from .currencies import CURRENCY
from .field_columns import (
    ARROW_TYPES,
    COMPARABLE,
    INT64_MAX,
    INT64_MIN,
    LISTS,
    FieldColumns,
    Kind,
    columns_of_array,
    columns_of_values,
    first_keys,
    member,
)
from .stored_json import canonical_json, parse_json, parse_written, to_json
from .values import MAX_DEPTH, plain_metadata

__all__ = [
    "ARROW_TYPES",
    "COMPARABLE",
    "CURRENCY",
    "INT64_MAX",
    "INT64_MIN",
    "LISTS",
    "MAX_DEPTH",
    "FieldColumns",
    "Kind",
    "array_of",
    "arrow_mask",
    "arrow_scalar",
    "arrow_values",
    "canonical_json",
    "columns_of_array",
    "columns_of_values",
    "first_keys",
    "mask_of",
    "member",
    "parse_json",
    "parse_written",
    "plain_metadata",
    "to_json",
]
