"""``where`` and Arrow predicates, evaluated against the metadata of a segment."""

from .filters import Predicate, matching, unified_types

__all__ = [
    "Predicate",
    "matching",
    "unified_types",
]
