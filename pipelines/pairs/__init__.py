"""Compares the documents of a collection with each other: duplicates, pairs that are alike, and clusters."""

from .clustering import CLUSTER_THRESHOLD, Cluster, Clusters, cluster_documents
from .comparison import TextPairScorer
from .deduplication import Deduplicated, Dropped, dedupe_file, require_writable
from .duplicates import DEFAULT_THRESHOLD, DEFAULT_TOP_K, Grouping, find_duplicates
from .records import DuplicateGroup, Duplicates, SimilarPair

__all__ = [
    "CLUSTER_THRESHOLD",
    "DEFAULT_THRESHOLD",
    "DEFAULT_TOP_K",
    "Cluster",
    "Clusters",
    "Deduplicated",
    "Dropped",
    "DuplicateGroup",
    "Duplicates",
    "Grouping",
    "SimilarPair",
    "TextPairScorer",
    "cluster_documents",
    "dedupe_file",
    "find_duplicates",
    "require_writable",
]
