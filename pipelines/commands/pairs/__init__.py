"""The commands that compare texts."""

from typing import TYPE_CHECKING

from bicross.lazy import lazy_names

if TYPE_CHECKING:
    from .classify import classify_command
    from .cluster import cluster_command
    from .duplicates import dedupe_command, duplicates_command
    from .score import score_command

__all__ = ["classify_command", "cluster_command", "dedupe_command", "duplicates_command", "score_command"]

# Each command alone is imported when it is run.
__getattr__ = lazy_names(
    __name__,
    {
        "classify": ("classify_command",),
        "cluster": ("cluster_command",),
        "duplicates": ("dedupe_command", "duplicates_command"),
        "score": ("score_command",),
    },
)
