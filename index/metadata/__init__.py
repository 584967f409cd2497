"""Metadata of documents: which values are kept, and how they are written as JSON."""

from .stored_json import canonical_json, parse_json, parse_written, to_json
from .values import MAX_DEPTH, plain_metadata

__all__ = [
    "MAX_DEPTH",
    "canonical_json",
    "parse_json",
    "parse_written",
    "plain_metadata",
    "to_json",
]
