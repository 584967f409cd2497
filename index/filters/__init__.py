"""Filters on metadata: parses ``where`` and evaluates it, or an Arrow expression, for the segments of an index."""

from .fields import IndexFields
from .filters import Predicate, matching

__all__ = [
    "IndexFields",
    "Predicate",
    "matching",
]
