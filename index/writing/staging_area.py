"""The folder for work that is not part of the index yet: where it lies, who may use it, and when it is too old.

Chunks of a build by many workers wait there until one process adopts them (``index/staging``). The folder is no part of
any generation: nobody who reads an index looks into it, and a writer removes from it only what nobody has touched for
long.
"""

import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..files import Filesystem, driving, is_driven

STAGING = "staging"
ABANDONED_SECONDS = 7 * 24 * 3600.0
"""How long staged work may lie untouched: a build that was interrupted can be continued within a week."""


@contextmanager
def driving_build(path: Path, filesystem: Filesystem) -> Generator[None]:
    """Hold the lock of the one process that plans and adopts staged work. Others may change the index meanwhile.

    Raises:
        IndexLocked: Another process holds the lock. The message names it.
    """
    filesystem.make_folder(path)
    with driving(path, filesystem):
        yield


def remove_abandoned(path: Path, filesystem: Filesystem, *, seconds: float = ABANDONED_SECONDS) -> None:
    """Delete staged work that nobody has touched for long, unless a build that uses the folder is running.

    What cannot be deleted now is left for the next time.

    Args:
        path: The folder of the index.
        filesystem: Deletes the files.
        seconds: How long it may lie untouched.
    """
    folder = path / STAGING
    if not folder.is_dir() or is_driven(path):
        return
    with suppress(OSError):
        for entry in folder.iterdir():
            if _touched(entry) + seconds <= time.time():
                filesystem.remove_folder(entry)
        if not any(folder.iterdir()):
            filesystem.rmdir(folder)


def _touched(entry: Path) -> float:
    """Return when something in a folder was last written."""
    return max(path.lstat().st_mtime for path in (entry, *entry.rglob("*")))
