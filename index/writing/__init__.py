"""Changes an index: builds, adds, deletes, compacts, rewrites and verifies."""

from .builder import IndexBuilder, building
from .compaction import compact, segments_to_merge
from .generations import (
    GRACE_SECONDS,
    collect_garbage,
    commit,
    make_missing_folders,
    older_generations,
    read_generation,
    read_manifest,
)
from .rewriting import Analyse, Tokenize, replace_column
from .verification import Verification, verify
from .writer import IndexWriter

__all__ = [
    "GRACE_SECONDS",
    "Analyse",
    "IndexBuilder",
    "IndexWriter",
    "Tokenize",
    "Verification",
    "building",
    "collect_garbage",
    "commit",
    "compact",
    "make_missing_folders",
    "older_generations",
    "read_generation",
    "read_manifest",
    "replace_column",
    "segments_to_merge",
    "verify",
]
