"""Changes an index: builds, adds, deletes, compacts, rewrites and verifies."""

from .builder import IndexBuilder, building
from .compaction import compact
from .generations import (
    GRACE_SECONDS,
    OnDisk,
    collect_garbage,
    commit,
    make_missing_folders,
    older_generations,
    on_disk,
    read_generation,
    read_manifest,
    require_free,
)
from .merge_policy import segments_to_merge
from .rewriting import Analyse, Tokenize, replace_column
from .verification import Verification, verify
from .writer import IndexWriter

__all__ = [
    "GRACE_SECONDS",
    "Analyse",
    "IndexBuilder",
    "IndexWriter",
    "OnDisk",
    "Tokenize",
    "Verification",
    "building",
    "collect_garbage",
    "commit",
    "compact",
    "make_missing_folders",
    "older_generations",
    "on_disk",
    "read_generation",
    "read_manifest",
    "replace_column",
    "require_free",
    "segments_to_merge",
    "verify",
]
