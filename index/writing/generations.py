"""Generations: reads manifests, commits the next one, and deletes files that no manifest lists.

``MANIFEST`` is the newest generation; replacing it is the commit. ``MANIFEST.<number>`` are older ones, to which the
index can be rolled back. A file that no manifest lists is not part of the index: a writer that dies leaves files
behind, but never half an index.
"""

import dataclasses
import time
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from ...errors import ArgumentError, IndexCorrupt, IndexExists, IndexModelMismatch, IndexNotFound, IndexStoreError
from ...errors.arguments import require_folder_place
from ...errors.counts import counted
from ..files import COMPACTION_LOCK, LOCK, PUBLISHED, PUBLISHED_LOCK, STAGING_LOCK, Filesystem, is_compacting
from ..manifest import MANIFEST_NAME, MOST_SEGMENTS, Manifest, ModelFingerprint
from ..reading import SEGMENTS
from ..segments import QUANTISERS, TOMBSTONES
from .staging_area import STAGING, remove_abandoned

BUILDING = "BUILDING"
"""The manifest of an unfinished build, which ``resume`` continues."""
FOLDERS = (SEGMENTS, TOMBSTONES, QUANTISERS)
GRACE_SECONDS = 3600.0
"""How long an old generation stays after it was replaced, because readers may be opening it."""
KEPT_GENERATIONS = 20
"""The newest of the old generations stay until a compaction."""
MANY_GRACE_SECONDS = 60.0
"""How long older ones stay. That is long enough for a reader that is opening one; each small commit makes a generation,
and hundreds within the hour took many times the space of the documents.
"""


def read_manifest(path: Path) -> Manifest:
    """Read the newest generation.

    Raises:
        IndexNotFound: There is no index at ``path``, or only an unfinished build.
        IndexCorrupt: The manifest is damaged, or older than another that is there.
    """
    manifest = path / MANIFEST_NAME
    older = older_generations(path)  # listed before it is read: a commit meanwhile adds to them
    try:
        newest = Manifest.from_bytes(manifest.read_bytes(), source=str(manifest))
    except (FileNotFoundError, NotADirectoryError):
        if (path / BUILDING).exists():
            raise IndexNotFound(
                f"{path} holds {_unfinished(path)}; continue it with `bicross index SOURCE -o {path} --resume`"
            ) from None
        reason = "does not exist" if not path.exists() else "is not an index: it has no MANIFEST"
        raise IndexNotFound(f"{path} {reason}; build one with `bicross index SOURCE -o {path}`") from None
    if older and older[-1] > newest.generation:
        reason = f"it is generation {newest.generation}, and {manifest.name}.{older[-1]} came after it"
        raise IndexCorrupt(f"{manifest} is not the newest: {reason}; restore it, or delete what came after it")
    return newest


@dataclasses.dataclass(frozen=True, slots=True)
class OnDisk:
    """What a folder holds.

    Attributes:
        newest: The identity and the number of the newest generation; None where there is none.
        unfinished: The number of documents that an interrupted build has left; None where there is no such build.
    """

    newest: tuple[str, int] | None
    unfinished: int | None


def on_disk(path: Path) -> OnDisk:
    """Return what a folder holds; of a damaged manifest nothing is said, and a missing folder holds nothing."""
    newest, begun = _read_if_any(path / MANIFEST_NAME), _read_if_any(path / BUILDING)
    return OnDisk(
        None if newest is None else (newest.uuid, newest.generation), None if begun is None else begun.documents
    )


def read_generation(path: Path, generation: int) -> Manifest:
    """Read one generation, the newest or an older one.

    Raises:
        ArgumentError: The index does not have this generation.
        IndexCorrupt: Its manifest is damaged.
    """
    newest = read_manifest(path)
    if generation == newest.generation:
        return newest
    old = path / f"{MANIFEST_NAME}.{generation}"
    try:
        if generation not in older_generations(path):
            raise FileNotFoundError(generation)
        manifest = Manifest.from_bytes(old.read_bytes(), source=str(old))
    except FileNotFoundError:
        numbers = ", ".join(map(str, [*older_generations(path), newest.generation]))
        raise ArgumentError(f"{path} has no generation {generation}; there are {numbers}") from None
    if manifest.generation != generation:
        raise IndexCorrupt(f"{old} is damaged: it holds generation {manifest.generation}")
    return manifest


def older_generations(path: Path) -> list[int]:
    """Return the numbers of the older generations that the index can be rolled back to, ascending."""
    suffixes = (entry.name.removeprefix(f"{MANIFEST_NAME}.") for entry in path.glob(f"{MANIFEST_NAME}.*"))
    return sorted(int(suffix) for suffix in suffixes if suffix.isdecimal() and suffix == str(int(suffix)))


def commit(path: Path, manifest: Manifest, filesystem: Filesystem, *, reason: str) -> Manifest:
    """Make a manifest the next generation. The caller holds the lock.

    After an error it is unknown which generation is the newest: read it again.

    Args:
        path: The folder of the index.
        manifest: The generation. The bytes of its files must be on disk; this function brings their names there.
        filesystem: Writes the files.
        reason: What made the generation, in a word.

    Returns:
        The manifest with its number and time.

    Raises:
        IndexStoreError: There would be more segments than can be opened, and more than there were.
    """
    content = _bytes_if_any(path / MANIFEST_NAME)
    old = _parsed_if_sound(path / MANIFEST_NAME, content)
    if old is None or len(manifest.segments) > len(old.segments):
        require_few_segments(path, len(manifest.segments))
    for folder in FOLDERS:
        filesystem.fsync_folder(path / folder)
    if old is not None:
        filesystem.replace(path / f"{MANIFEST_NAME}.{old.generation}", content)
    generation = old.generation + 1 if old is not None else max(older_generations(path), default=0) + 1
    if old is None and (path / MANIFEST_NAME).exists():
        generation += 1  # the generation that is being replaced is damaged; it came after the older ones
    next_one = dataclasses.replace(manifest, generation=generation, committed=time.time(), reason=reason)
    filesystem.replace(path / MANIFEST_NAME, next_one.to_bytes())
    return next_one


def require_few_segments(path: Path, segments: int) -> None:
    """Raise ``IndexStoreError`` where an index has, or would have, more segments than can be opened."""
    if segments > MOST_SEGMENTS:
        raise IndexStoreError(
            f"{path}: {segments:,} segments are more than the {MOST_SEGMENTS:,} that an index can have; merge them "
            f"first: `bicross compact {path}`, or Index.compacted({str(path)!r})"
        )


def require_own_model(path: Path, older: Manifest, model: ModelFingerprint) -> None:
    """Raise ``IndexModelMismatch`` where an older generation is of another model than the index."""
    try:
        older.model.require_same(model)
    except IndexModelMismatch as error:
        raise IndexModelMismatch(
            f"{path} cannot go back to generation {older.generation}, which is of another model: {error}"
        ) from None


def prepare_folders(path: Path, filesystem: Filesystem) -> None:
    """Make the folders of an index. Existing ones are left as they are."""
    filesystem.make_folder(path)
    make_missing_folders(path, filesystem)
    filesystem.fsync_folder(path)
    # A writer that died may have made the folder itself and not brought its name to disk.
    filesystem.fsync_folder(path.parent)


def make_missing_folders(path: Path, filesystem: Filesystem) -> None:
    """Make folders that are missing: some ways to copy an index, such as git, leave out empty folders."""
    for folder in FOLDERS:
        filesystem.make_folder(path / folder)


def collect_garbage(path: Path, filesystem: Filesystem, *, grace: float, compacted: bool) -> None:
    """Delete old generations, and then every file that no remaining generation lists. The caller holds the lock.

    A file that cannot be deleted now (an open one on Windows) is left for the next time.

    Args:
        path: The folder of the index.
        filesystem: Deletes the files.
        grace: Seconds after which a generation that was replaced may be deleted; at most ``MANY_GRACE_SECONDS`` count
            for those beyond ``KEPT_GENERATIONS``.
        compacted: Consider all old generations; otherwise only those beyond ``KEPT_GENERATIONS``.
    """
    with suppress(OSError):
        old = older_generations(path)
        surplus = old[:-KEPT_GENERATIONS]
        followers = [*(path / f"{MANIFEST_NAME}.{number}" for number in old[1:]), path / MANIFEST_NAME]
        for number, follower in zip(old if compacted else surplus, followers, strict=False):
            superseded = _read_if_any(follower)
            seconds = min(grace, MANY_GRACE_SECONDS) if number in surplus else grace
            if superseded is not None and superseded.committed + seconds > time.time():
                break  # later generations were replaced later
            filesystem.remove_file(path / f"{MANIFEST_NAME}.{number}")
        _remove_unlisted(path, filesystem)
    remove_abandoned(path, filesystem)


def _remove_unlisted(path: Path, filesystem: Filesystem) -> None:
    for name in (MANIFEST_NAME, BUILDING):
        filesystem.remove_file(path / f"{name}.tmp")
    files = [path / MANIFEST_NAME, path / BUILDING, *(path / f"{MANIFEST_NAME}.{n}" for n in older_generations(path))]
    manifests = [_named(file, _state(file)) for file in files if file.exists()]
    listed = {name for names in manifests if names is not None for name in names}
    unlisted = [entry for folder in FOLDERS for entry in (path / folder).iterdir() if entry.name not in listed]
    # It is unknown what a damaged manifest lists, and it may be restored. A compaction writes files that no manifest
    # lists yet; a compaction that begins after this check makes other files than those that were listed above.
    if None in manifests or is_compacting(path):
        return
    for entry in unlisted:
        filesystem.remove_folder(entry)


def _state(file: Path) -> tuple[int, int, int]:
    """Return inode, mtime and size, which show that a file was written again."""
    status = file.stat()
    return status.st_ino, status.st_mtime_ns, status.st_size


@lru_cache(maxsize=2000)
def _named(manifest: Path, state: tuple[int, int, int]) -> frozenset[str] | None:
    """Return the names that a manifest lists; None if it is damaged.

    The manifest of an old generation never changes, so each is read once in a process. Many small commits within the
    grace time leave hundreds of them, and reading all of them took most of the time of a commit.
    """
    content = _read_if_any(manifest)
    return None if content is None else frozenset(content.named())


def _read_if_any(manifest: Path) -> Manifest | None:
    """Read a manifest; None if it is missing or damaged."""
    return _parsed_if_sound(manifest, _bytes_if_any(manifest))


def _bytes_if_any(manifest: Path) -> bytes:
    """Read the bytes of a manifest; none if it is missing."""
    with suppress(FileNotFoundError, NotADirectoryError):
        return manifest.read_bytes()
    return b""


def _parsed_if_sound(manifest: Path, content: bytes) -> Manifest | None:
    with suppress(IndexCorrupt):
        return Manifest.from_bytes(content, source=str(manifest))
    return None


def _unfinished(path: Path) -> str:
    """Describe an interrupted build, with the number of its documents unless its manifest is damaged."""
    documents = on_disk(path).unfinished
    return "a build that was not finished" + ("" if documents is None else f", with {counted(documents, 'document')}")


def require_free(path: Path, *, overwrite: bool, resume: bool) -> None:
    """Check that a new index can be built at ``path``.

    Raises:
        IndexExists: An index, an unfinished build, or another file is there.
        ArgumentError: No folder can be made there.
    """
    if not path.exists():
        if path.is_symlink():
            raise IndexExists(f"{path} is a symbolic link to nothing; remove it, or choose another path")
        require_folder_place(path, "an index")
        return
    if not path.is_dir():
        raise IndexExists(f"{path} is a file; an index is a folder: choose another path")
    names = {entry.name for entry in path.iterdir()}
    if BUILDING in names and not (overwrite or resume):
        raise IndexExists(
            f"{path} holds {_unfinished(path)}; continue it with resume=True, or start again with overwrite=True"
        )
    if MANIFEST_NAME in names:
        if not overwrite and not (resume and BUILDING in names):
            raise IndexExists(f"{path} already holds an index; choose another path, or replace it with overwrite=True")
        return
    written = {f"{name}.tmp" for name in (BUILDING, MANIFEST_NAME, PUBLISHED)}
    ours = {*FOLDERS, STAGING, LOCK, COMPACTION_LOCK, STAGING_LOCK, PUBLISHED, PUBLISHED_LOCK, BUILDING, *written}
    if names - ours:
        raise IndexExists(f"{path} is a folder with other files in it, and not an index; choose another path")
