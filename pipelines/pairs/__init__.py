"""Compares the documents of a collection with each other: duplicates, and pairs that are alike."""

from .comparison import Scorer
from .deduplication import Deduplicated, Dropped, dedupe_file, require_writable
from .duplicates import DEFAULT_THRESHOLD, DEFAULT_TOP_K, Grouping, find_duplicates
from .records import DuplicateGroup, Duplicates, SimilarPair

__all__ = [
    "DEFAULT_THRESHOLD",
    "DEFAULT_TOP_K",
    "Deduplicated",
    "Dropped",
    "DuplicateGroup",
    "Duplicates",
    "Grouping",
    "Scorer",
    "SimilarPair",
    "dedupe_file",
    "find_duplicates",
    "require_writable",
]
