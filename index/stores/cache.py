"""The copies of published indexes on this machine: where they are, which are in use, and how much they may take.

Each URL has a folder of its own, laid out as an index, which all processes share. A process that uses one holds a lock
file in it, which the system releases when the process dies.
"""

import hashlib
import os
import time
import uuid
from contextlib import suppress
from pathlib import Path

import filelock

from ...errors import ArgumentError, IndexCorrupt, IndexLocked
from ..files import LOCK, Filesystem, writing
from ..manifest import MANIFEST_NAME, Manifest
from .copying import unlisted
from .publications import Publication, files_of

FOLDER_VARIABLE = "BICROSS_STORE_CACHE"
SIZE_VARIABLE = "BICROSS_STORE_CACHE_GB"
DEFAULT_GB = 50.0
GRACE_SECONDS = 3600.0
"""How long files of a superseded publication stay: a process may be opening them."""
IN_USE = "in-use"
COPY = "COPY"
"""The file of a copy that holds its URL; it is written again whenever the copy is used."""


def cache_folder() -> Path:
    """Return the folder of all copies: ``BICROSS_STORE_CACHE``, else ``stores`` in the cache of bicross."""
    given = os.environ.get(FOLDER_VARIABLE)
    return Path(given or Path(os.environ.get("BICROSS_CACHE") or Path.home() / ".cache" / "bicross") / "stores")


def copy_folder(url: str) -> Path:
    """Return the folder for the copy of what is published at a URL."""
    return cache_folder() / hashlib.sha256(url.encode()).hexdigest()[:32]


def most_bytes() -> int:
    """Return how many bytes all copies may take together.

    Raises:
        ArgumentError: The environment has a value for it that is not a number.
    """
    given = os.environ.get(SIZE_VARIABLE) or str(DEFAULT_GB)
    try:
        gigabytes = float(given)
        return int(gigabytes * 1e9) if gigabytes >= 0 else int("")
    except (ValueError, OverflowError):
        raise ArgumentError(f"{SIZE_VARIABLE} must be a number of gigabytes, such as 50, not {given!r:.80}") from None


def hold(folder: Path, filesystem: Filesystem) -> filelock.BaseFileLock:
    """Say that this process uses a copy, until the lock is released or the process ends.

    The caller holds the lock of the copy.
    """
    filesystem.make_folder(folder / IN_USE)
    is_used(folder, filesystem)  # which removes what dead processes left
    lock = filelock.FileLock(folder / IN_USE / f"{os.getpid()}-{uuid.uuid4().hex}", timeout=0, thread_local=False)
    lock.acquire()
    return lock


def is_used(folder: Path, filesystem: Filesystem) -> bool:
    """Whether a process uses a copy. What dead processes left is removed; the caller holds the copy's lock."""
    in_use = False
    with suppress(FileNotFoundError):
        for path in (folder / IN_USE).iterdir():
            try:
                with filelock.FileLock(path, timeout=0):
                    filesystem.remove_file(path)
            except filelock.Timeout:
                in_use = True
    return in_use


def remove_superseded(folder: Path, new: Publication, filesystem: Filesystem) -> None:
    """Remove files of a copy that neither its manifest nor a publication lists, when they are old enough.

    The caller holds the lock of the copy, and has not written the manifest of the publication yet.
    """
    kept = {place for place, _ in files_of(new.manifest)}
    with suppress(FileNotFoundError, IndexCorrupt):
        manifest = folder / MANIFEST_NAME
        if manifest.stat().st_mtime > time.time() - GRACE_SECONDS:
            return  # what it does not list was superseded when it was written
        kept |= {place for place, _ in files_of(Manifest.from_bytes(manifest.read_bytes(), source=str(manifest)))}
    for path in unlisted(folder, kept):
        with suppress(OSError):  # an open one on Windows: the next time
            filesystem.remove_file(path)


def make_room(kept: Path | None, filesystem: Filesystem, *, most: int) -> int:
    """Remove copies, those first that were not used for the longest time, until the rest takes at most so many bytes.

    Args:
        kept: A copy that stays; so do those that are in use.
        filesystem: Deletes the files.
        most: How many bytes all copies may take.

    Returns:
        How many bytes were removed.
    """
    sizes = {folder: _bytes_in(folder) for folder in _copies()}
    removed = 0
    for folder in sorted(sizes, key=_last_used):
        if sum(sizes.values()) - removed <= most:
            break
        if folder != kept and _empty(folder, filesystem):
            removed += sizes[folder]
    return removed


def empty_cache() -> int:
    """Remove the copies of published indexes from this machine, except those that are in use.

    Returns:
        How many bytes were removed.
    """
    return make_room(None, Filesystem(), most=-1)


def _copies() -> list[Path]:
    try:
        return [path for path in cache_folder().iterdir() if path.is_dir()]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _bytes_in(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # another process cleans up, too
            total += path.stat().st_size if path.is_file() else 0
    return total


def _last_used(folder: Path) -> float:
    with suppress(FileNotFoundError):
        return (folder / COPY).stat().st_mtime
    return 0.0


def _empty(folder: Path, filesystem: Filesystem) -> bool:
    """Remove the content of a copy unless it is in use. The files of locks stay: others may wait for them."""
    try:
        with writing(folder, filesystem):
            if is_used(folder, filesystem):
                return False
            filesystem.remove_file(folder / MANIFEST_NAME)  # first: without it nothing else counts
            for path in folder.iterdir():
                if path.name not in (LOCK, IN_USE):
                    filesystem.remove_folder(path)
    except (IndexLocked, OSError):
        return False
    return True
