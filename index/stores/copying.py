"""Copies a publication into a folder that can be opened as an index. Every file is verified while it is written."""

from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ...errors import IndexCorrupt, ObjectStoreError
from ..files import FileEntry, Filesystem, create_checked, verify_content, verify_size
from ..manifest import MANIFEST_NAME
from ..reading import SEGMENTS
from ..segments import QUANTISERS, TOMBSTONES
from ..writing import make_missing_folders
from .object_store import PART_BYTES, ObjectMissing, ObjectStore
from .publications import Publication, files_of, newest_number, object_name, require_newest

THREADS = 8
_TRIES = 10


def copy_newest(store: ObjectStore, folder: Path, filesystem: Filesystem, *, thorough: bool) -> Publication:
    """Copy the files of the newest publication that a folder lacks. The caller holds the lock, and writes the manifest.

    On return the files and their names are on disk.

    Args:
        store: The store.
        folder: The folder, which must be there.
        filesystem: Writes the files.
        thorough: Verify the checksums of the files that are there, not their sizes alone.

    Returns:
        The publication.

    Raises:
        IndexCorrupt: The manifest or a file in the store is damaged or missing.
        IndexNotFound: Nothing is published there.
        ObjectStoreError: The store does not answer, or publications were removed too fast.
    """
    for _ in range(_TRIES):
        newest = require_newest(store)
        make_missing_folders(folder, filesystem)
        try:
            _copy(store, newest, folder, filesystem, thorough=thorough)
        except ObjectMissing as error:
            if newest_number(store) == newest.number:
                name = str(error).removeprefix("read ")
                raise IndexCorrupt(
                    f"{store.url}/{name} is missing, though {MANIFEST_NAME}.{newest.number} lists it: publish the "
                    "index again, which uploads what is missing"
                ) from error
            continue  # it was superseded and pruned while it was copied
        return newest
    raise ObjectStoreError(f"{store.url}: publications were removed {_TRIES} times while they were copied: try again")


def _copy(
    store: ObjectStore, publication: Publication, folder: Path, filesystem: Filesystem, *, thorough: bool
) -> None:
    missing = [
        (place, entry)
        for place, entry in files_of(publication.manifest)
        if not _is_whole(folder / place, entry, thorough=thorough)
    ]
    for parent in {(folder / place).parent for place, _ in missing}:
        filesystem.make_folder(parent)
    with ThreadPoolExecutor(THREADS) as pool:
        jobs = [pool.submit(_copy_file, store, folder, place, entry, filesystem) for place, entry in missing]
        try:
            for job in jobs:
                job.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _is_whole(path: Path, entry: FileEntry, *, thorough: bool) -> bool:
    try:
        (verify_content if thorough else verify_size)(path, entry)
    except IndexCorrupt:
        return False
    return True


def _copy_file(store: ObjectStore, folder: Path, place: str, entry: FileEntry, filesystem: Filesystem) -> None:
    """Copy one file: under another name until it is verified."""
    target, name = folder / place, object_name(place, entry)
    part = target.with_name(f"{target.name}.part")
    filesystem.remove_folder(part)  # left by a process that died
    with create_checked(filesystem, part) as file:
        for content in _parts(store, name, entry.bytes):
            file.write(content)
        written = file.entry()
    if written != entry:
        filesystem.remove_file(part)
        raise IndexCorrupt(
            f"{store.url}/{name} is damaged: it has {written.bytes} bytes and the checksum {written.xxh3}, the "
            f"manifest says {entry.bytes} and {entry.xxh3}. Delete that object and publish the index again"
        )
    if target.is_dir():
        filesystem.remove_folder(target)
    filesystem.move(part, target)


def _parts(store: ObjectStore, name: str, size: int) -> Iterator[bytes]:
    """Yield the content of an object that should have a size: at most so many bytes, and one more if it is longer.

    Each request reads a part of bounded size, so that it ends in time on a slow line.
    """
    if not size:
        yield store.read(name)
        return
    start = 0
    while start < size:
        stop = min(start + PART_BYTES, size)
        # The last part asks for a byte more, which shows an object that is longer than it should be.
        content = store.read_part(name, start, stop + (stop == size))
        yield content
        if len(content) < stop - start:
            return
        start = stop


def unlisted(folder: Path, listed: Collection[str]) -> list[Path]:
    """Return the files of a folder that are at none of the given places."""
    files = (path for below in (SEGMENTS, TOMBSTONES, QUANTISERS) for path in (folder / below).rglob("*"))
    return [path for path in files if path.is_file() and path.relative_to(folder).as_posix() not in listed]
