"""Publishes an index: uploads the files that a store lacks, then creates the next manifest there: the commit."""

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ...errors import IndexCorrupt, ObjectStoreError, PublishConflict
from ...errors.arguments import checked_count, checked_flag, checked_number, checked_path
from ..files import FileEntry, Filesystem, verify_content
from ..manifest import Manifest
from .history import local_publication, note, require_descent
from .object_store import ObjectStore
from .probing import probe
from .pruning import LEAST_GRACE_SECONDS, Pruned, prune_store
from .publications import (
    FILES,
    Publication,
    lacking,
    manifest_name,
    newest_number,
    newest_publication,
    objects_of,
)

KEPT_PUBLICATIONS = 3
PRUNE_GRACE_SECONDS = 86400.0
FRESH_SECONDS = LEAST_GRACE_SECONDS / 2
"""How long what no publication lists is safe from being pruned, at least, after it was seen at half the grace time."""
THREADS = 4
_TRIES = 10


@dataclass(frozen=True, slots=True)
class Published:
    """What ``publish`` did.

    Attributes:
        url: Where the index is.
        generation: The generation that the store holds now.
        number: The number of the publication there.
        is_new: False where the store had this generation already.
        uploaded_files: Files that were uploaded.
        uploaded_bytes: Their bytes.
        removed_publications: Old publications that were removed.
        removed_files: Files that were removed.
    """

    url: str
    generation: int
    number: int
    is_new: bool
    uploaded_files: int = 0
    uploaded_bytes: int = 0
    removed_publications: int = 0
    removed_files: int = 0


def publish(
    path: str | Path,
    url: str | ObjectStore,
    *,
    generation: int | None = None,
    prune: bool = False,
    keep: int = KEPT_PUBLICATIONS,
    grace: float = PRUNE_GRACE_SECONDS,
) -> Published:
    """Publish a generation of an index to an object store, from where it can be opened by its URL.

    Only files that the store lacks are uploaded. Readers see the new generation as a whole when all of it is there, and
    the old one until then. What was uploaded before an error is used by the next try.

    Args:
        path: The folder of the index. It may be changed meanwhile.
        url: A folder of a store: "s3://bucket/folder", "gs://...", "az://..." or "file:///...".
        generation: The number of the generation; None is the newest.
        prune: Remove old publications, and files that none of those that stay lists.
        keep: How many publications stay at least.
        grace: Seconds for which more stay, because readers may be copying them: from 3600 up.

    Returns:
        What was uploaded and removed.

    Raises:
        ArgumentError: An argument cannot be, or the index does not have the generation.
        IndexCorrupt: A file of the index, or the newest manifest in the store, is damaged.
        IndexNotFound: There is no index at ``path``.
        PublishConflict: The store holds another index, or a generation that this one does not continue.
        ObjectStoreError: The store does not answer, does not let the caller in, or lacks conditional writes.

    Example:
        >>> publish("my-index", "s3://bucket/my-index", prune=True)
    """
    folder = checked_path(path)
    number = None if generation is None else checked_count(generation, "generation", least=0)
    checked_flag(prune, "prune")
    keep = checked_count(keep, "keep")
    grace = checked_number(grace, "grace", LEAST_GRACE_SECONDS, 1e9)
    local_publication(folder, number)  # before anything is asked of the store
    store = url if isinstance(url, ObjectStore) else ObjectStore(url, make=True)
    now = probe(store)
    published = _publish(folder, store, number, now)
    pruned = prune_store(store, keep=keep, grace=grace, now=now) if prune else Pruned(0, 0)
    return Published(
        store.url,
        published.generation,
        published.number,
        published.is_new,
        published.uploaded_files,
        published.uploaded_bytes,
        pruned.publications,
        pruned.files,
    )


def _publish(path: Path, store: ObjectStore, generation: int | None, now: float) -> Published:
    uploaded: dict[str, int] = {}
    for _ in range(_TRIES):
        local = local_publication(path, generation)
        newest = newest_publication(store)
        is_new = newest is None or newest.content != local.content
        if newest is not None and is_new:
            require_descent(path, local, newest, store.url)
        uploaded |= _upload(path, store, local.manifest, _safe(store, newest, now))
        missing = lacking(local.manifest, _sizes(store))
        if missing:
            continue  # somebody removed files meanwhile
        note(path, local, Filesystem())
        number = newest.number if newest is not None else 0
        if not is_new or _commit(store, local.content, number):
            number += is_new
            _require_whole(store, local.manifest, number)
            return Published(store.url, local.generation, number, is_new, len(uploaded), sum(uploaded.values()))
        # Somebody was faster. What is there now may be this very generation, or one that this continues, or another.
    raise PublishConflict(f"{store.url}: others published or removed files {_TRIES} times meanwhile; try again")


def _commit(store: ObjectStore, content: bytes, number: int) -> bool:
    """Create the publication after ``number``; return whether it was created, which makes it the newest."""
    began = time.monotonic(), time.time()
    if newest_number(store) != number or not store.create(manifest_name(number + 1), content):
        return False
    # While a process sleeps for hours, others publish, and the name that it is about to create may be pruned.
    slept = max(time.monotonic() - began[0], time.time() - began[1])  # the first stands still in some kinds of sleep
    if slept > FRESH_SECONDS and newest_number(store) > number + 1:
        raise PublishConflict(
            f"{store.url}: the store took {slept:,.0f} seconds to answer, and others have published: publish again"
        )
    return True


def _safe(store: ObjectStore, newest: Publication | None, now: float) -> Mapping[str, int]:
    """Return the sizes of the objects that nobody prunes within ``FRESH_SECONDS``.

    They are listed by the newest publication, or are too new. Others are uploaded again.
    """
    listed = objects_of(newest.manifest).keys() if newest is not None else ()
    return {
        entry.name: entry.bytes
        for entry in store.below(FILES)
        if entry.name in listed or entry.modified > now - FRESH_SECONDS
    }


def _sizes(store: ObjectStore) -> Mapping[str, int]:
    return {entry.name: entry.bytes for entry in store.below(FILES)}


def _upload(path: Path, store: ObjectStore, manifest: Manifest, sizes: Mapping[str, int]) -> dict[str, int]:
    """Upload the files of a generation that a store lacks; return the sizes of these by their names."""
    missing = lacking(manifest, sizes)

    def upload(item: tuple[str, tuple[str, FileEntry]]) -> None:
        name, (place, entry) = item
        try:
            verify_content(path / place, entry)  # damage is not to be spread
            store.write(name, path / place)
        except (IndexCorrupt, ObjectStoreError, OSError):
            if (path / place).exists():
                raise
            raise IndexCorrupt(
                f"{path / place} is missing: either generation {manifest.generation} was removed by a compaction "
                f"meanwhile, and the next try publishes a newer one, or the index is damaged: see bicross verify {path}"
            ) from None

    with ThreadPoolExecutor(THREADS) as pool:
        for result in [pool.submit(upload, item) for item in missing.items()]:
            try:
                result.result()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
    return {name: entry.bytes for name, (_, entry) in missing.items()}


def _require_whole(store: ObjectStore, manifest: Manifest, number: int) -> None:
    """Check that all files of a publication are there after its commit.

    Raises:
        ObjectStoreError: Somebody pruned some in the last moment before it.
    """
    if missing := lacking(manifest, _sizes(store)):
        raise ObjectStoreError(
            f"{store.url}: {manifest_name(number)} is published, and {len(missing)} of its files were removed by "
            f"another process in the same moment, such as {next(iter(missing))}: publish again, which uploads them"
        )
