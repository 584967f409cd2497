"""Compares the documents of a collection with each other: duplicates, and pairs that are alike."""

from .comparison import Scorer
from .duplicates import DEFAULT_THRESHOLD, DEFAULT_TOP_K, Grouping, find_duplicates
from .records import DuplicateGroup, Duplicates, SimilarPair

__all__ = [
    "DEFAULT_THRESHOLD",
    "DEFAULT_TOP_K",
    "DuplicateGroup",
    "Duplicates",
    "Grouping",
    "Scorer",
    "SimilarPair",
    "find_duplicates",
]
