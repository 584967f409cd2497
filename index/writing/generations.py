"""Generations: reads manifests, commits the next one, and deletes what none of them lists.

``MANIFEST`` is the newest generation; replacing it is the commit. ``MANIFEST.<number>`` are older ones, to which one
can roll back. What none of them lists is not part of the index: a writer that dies leaves files behind, never half an
index.
"""

import dataclasses
import time
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from ...errors import ArgumentError, IndexCorrupt, IndexExists, IndexNotFound
from ..files import COMPACTION_LOCK, LOCK, Filesystem, is_compacting
from ..manifest import MANIFEST_NAME, Manifest
from ..reading import SEGMENTS
from ..segments import QUANTISERS, TOMBSTONES

BUILDING = "BUILDING"
"""A build's manifest while it is not finished: what ``resume`` continues."""
FOLDERS = (SEGMENTS, TOMBSTONES, QUANTISERS)
GRACE_SECONDS = 3600.0
"""How long an old generation stays after the one that replaced it: readers may be opening it."""
KEPT_GENERATIONS = 20
"""More than these old generations are kept only for their grace time, or until a compaction."""


def read_manifest(path: Path) -> Manifest:
    """The newest generation; ``IndexNotFound`` where there is none."""
    manifest = path / MANIFEST_NAME
    older = older_generations(path)  # listed before it is read: a commit meanwhile adds to them
    try:
        newest = Manifest.from_bytes(manifest.read_bytes(), source=str(manifest))
    except (FileNotFoundError, NotADirectoryError):
        if (path / BUILDING).exists():
            reason = "holds a build that was not finished; continue it with `bicross index SOURCE -o PATH --resume`"
            raise IndexNotFound(f"{path} {reason}") from None
        reason = "does not exist" if not path.exists() else "is not an index: it has no MANIFEST"
        raise IndexNotFound(f"{path} {reason}; build one with `bicross index SOURCE -o {path}`") from None
    if older and older[-1] > newest.generation:
        reason = f"it is generation {newest.generation}, and {manifest.name}.{older[-1]} came after it"
        raise IndexCorrupt(f"{manifest} is not the newest: {reason}; restore it, or delete what came after it")
    return newest


def read_generation(path: Path, generation: int) -> Manifest:
    """One generation, the newest or an older one; ``ArgumentError`` where it is not there."""
    newest = read_manifest(path)
    if generation == newest.generation:
        return newest
    old = path / f"{MANIFEST_NAME}.{generation}"
    try:
        manifest = Manifest.from_bytes(old.read_bytes(), source=str(old))
    except FileNotFoundError:
        there = ", ".join(map(str, [*older_generations(path), newest.generation]))
        raise ArgumentError(f"{path} has no generation {generation}; there are {there}") from None
    if manifest.generation != generation:
        raise IndexCorrupt(f"{old} is damaged: it holds generation {manifest.generation}")
    return manifest


def older_generations(path: Path) -> list[int]:
    """The numbers of the older generations that can be rolled back to, ascending."""
    suffixes = (entry.name.removeprefix(f"{MANIFEST_NAME}.") for entry in path.glob(f"{MANIFEST_NAME}.*"))
    return sorted(int(suffix) for suffix in suffixes if suffix.isdecimal() and suffix == str(int(suffix)))


def commit(path: Path, manifest: Manifest, filesystem: Filesystem, *, reason: str) -> Manifest:
    """Make ``manifest`` the next generation. Its files must be on disk; their names are brought there here.

    The lock is held by the caller. After an error nobody can say which generation is the newest: read it again.
    """
    for folder in FOLDERS:
        filesystem.fsync_folder(path / folder)
    old = _read_if_any(path / MANIFEST_NAME)
    if old is not None:
        filesystem.replace(path / f"{MANIFEST_NAME}.{old.generation}", old.to_bytes())
    generation = old.generation + 1 if old is not None else max(older_generations(path), default=0) + 1
    if old is None and (path / MANIFEST_NAME).exists():
        generation += 1  # the one that is being replaced is damaged; it came after the last of the older ones
    next_one = dataclasses.replace(manifest, generation=generation, committed=time.time(), reason=reason)
    filesystem.replace(path / MANIFEST_NAME, next_one.to_bytes())
    return next_one


def prepare_folders(path: Path, filesystem: Filesystem) -> None:
    """Make the folders of an index; those that are there stay."""
    filesystem.make_folder(path)
    make_missing_folders(path, filesystem)
    filesystem.fsync_folder(path)
    # A writer that died may have made the folder itself and not brought its name to disk.
    filesystem.fsync_folder(path.parent)


def make_missing_folders(path: Path, filesystem: Filesystem) -> None:
    """Many ways to copy an index, git for one, leave out folders that are empty."""
    for folder in FOLDERS:
        filesystem.make_folder(path / folder)


def collect_garbage(path: Path, filesystem: Filesystem, *, grace: float, compacted: bool) -> None:
    """Delete generations whose grace time has passed, and every file that no remaining one lists.

    Generations go when the index has been compacted, or when there are many. The lock is held by the caller. What
    cannot be deleted now (an open file on Windows) is left for the next time.
    """
    with suppress(OSError):
        old = older_generations(path)
        followers = [*(path / f"{MANIFEST_NAME}.{number}" for number in old[1:]), path / MANIFEST_NAME]
        for number, follower in zip(old if compacted else old[:-KEPT_GENERATIONS], followers, strict=False):
            superseded = _read_if_any(follower)
            if superseded is not None and superseded.committed + grace > time.time():
                break  # those after it were replaced later still
            filesystem.remove_file(path / f"{MANIFEST_NAME}.{number}")
        _remove_unlisted(path, filesystem)


def _remove_unlisted(path: Path, filesystem: Filesystem) -> None:
    for name in (MANIFEST_NAME, BUILDING):
        filesystem.remove_file(path / f"{name}.tmp")
    files = [path / MANIFEST_NAME, path / BUILDING, *(path / f"{MANIFEST_NAME}.{n}" for n in older_generations(path))]
    manifests = [_named(file, _state(file)) for file in files if file.exists()]
    listed = {name for names in manifests if names is not None for name in names}
    unlisted = [entry for folder in FOLDERS for entry in (path / folder).iterdir() if entry.name not in listed]
    # Nobody knows what a damaged manifest lists: it may be restored. A compaction writes files that no manifest lists
    # yet; one that begins after this question makes others than were found before it.
    if None in manifests or is_compacting(path):
        return
    for entry in unlisted:
        filesystem.remove_folder(entry)


def _state(file: Path) -> tuple[int, int, int]:
    """What of a file is another once it has been written again."""
    status = file.stat()
    return status.st_ino, status.st_mtime_ns, status.st_size


@lru_cache(maxsize=2000)
def _named(manifest: Path, state: tuple[int, int, int]) -> frozenset[str] | None:
    """What a manifest names, None where it is damaged. An old generation stays as it is, and is read once a process.

    Many small commits within the grace time leave hundreds; to read all of them took most of the time of a commit.
    """
    content = _read_if_any(manifest)
    return None if content is None else frozenset(content.named())


def _read_if_any(manifest: Path) -> Manifest | None:
    """None where it is missing, or damaged and therefore of no use to anybody."""
    with suppress(FileNotFoundError, IndexCorrupt):
        return Manifest.from_bytes(manifest.read_bytes(), source=str(manifest))
    return None


def require_free(path: Path, *, overwrite: bool, resume: bool) -> None:
    """Raise ``IndexExists`` where something at ``path`` is in the way of a new index."""
    if not path.exists():
        if path.is_symlink():
            raise IndexExists(f"{path} is a symbolic link to nothing; remove it, or choose another path")
        return
    if not path.is_dir():
        raise IndexExists(f"{path} is a file; an index is a folder: choose another path")
    names = {entry.name for entry in path.iterdir()}
    if BUILDING in names and not (overwrite or resume):
        raise IndexExists(
            f"{path} holds a build that was not finished; continue it with resume, or replace it with overwrite"
        )
    if MANIFEST_NAME in names:
        if not overwrite and not (resume and BUILDING in names):
            raise IndexExists(f"{path} already holds an index; choose another path, or replace it with overwrite")
        return
    ours = {*FOLDERS, LOCK, COMPACTION_LOCK, BUILDING, f"{BUILDING}.tmp", f"{MANIFEST_NAME}.tmp"}
    if names - ours:
        raise IndexExists(f"{path} is a folder with other files in it, and not an index; choose another path")
