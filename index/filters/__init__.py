"""Filters on metadata: parses ``where`` and evaluates it, or an Arrow expression, for a segment."""

from .filters import Predicate, matching, unified_types

__all__ = [
    "Predicate",
    "matching",
    "unified_types",
]
