"""Changes an index: builds, adds, deletes, compacts, rewrites and verifies."""

from .batches import check_batch, check_kinds, kinds_of_batch, kinds_of_index
from .builder import IndexBuilder, building
from .compaction import compact, rewrite
from .generations import (
    BUILDING,
    GRACE_SECONDS,
    OnDisk,
    collect_garbage,
    commit,
    make_missing_folders,
    older_generations,
    on_disk,
    prepare_folders,
    read_generation,
    read_manifest,
    require_few_segments,
    require_free,
    require_own_model,
)
from .merge_policy import segments_to_merge
from .quantiser_training import MERGED_PASSAGES, check_asked, wants_another_layout
from .rewriting import Analyse, EncodeTokens, Tokenize, drop_column, replace_column
from .staging_area import STAGING, driving_build, remove_abandoned
from .verification import Verification, verify
from .writer import IndexWriter, new_segment

__all__ = [
    "BUILDING",
    "GRACE_SECONDS",
    "MERGED_PASSAGES",
    "STAGING",
    "Analyse",
    "EncodeTokens",
    "IndexBuilder",
    "IndexWriter",
    "OnDisk",
    "Tokenize",
    "Verification",
    "building",
    "check_asked",
    "check_batch",
    "check_kinds",
    "collect_garbage",
    "commit",
    "compact",
    "driving_build",
    "drop_column",
    "kinds_of_batch",
    "kinds_of_index",
    "make_missing_folders",
    "new_segment",
    "older_generations",
    "on_disk",
    "prepare_folders",
    "read_generation",
    "read_manifest",
    "remove_abandoned",
    "replace_column",
    "require_few_segments",
    "require_free",
    "require_own_model",
    "rewrite",
    "segments_to_merge",
    "verify",
    "wants_another_layout",
]
