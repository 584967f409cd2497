"""Commits: what stands between batches of documents and the next generation of an index. Knows no search and no model.

``MANIFEST`` says which segments there are; replacing it is the commit. What it does not list is not part of the index:
a writer that dies leaves files behind, never half an index.
"""

import dataclasses
import uuid
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock
import numpy as np

from ..errors import ArgumentError, DocumentError, IndexCorrupt, IndexExists, IndexLocked, IndexNotFound
from .filesystem import Filesystem
from .manifest import MANIFEST_NAME, Manifest, SegmentEntry
from .segment import EmbeddedBatch, SegmentWriter

SEGMENTS = "segments"
LOCK = "LOCK"
SEGMENT_PASSAGES = 250_000
"""A commit begins another segment after this many passages: it bounds the memory that a writer needs."""


def manifest_to_replace(path: Path, *, overwrite: bool) -> Manifest | None:
    """The manifest that a new index at ``path`` replaces; ``IndexExists`` where something is in the way."""
    if not path.exists():
        if path.is_symlink():
            raise IndexExists(f"{path} is a symbolic link to nothing; remove it, or choose another path")
        return None
    if not path.is_dir():
        raise IndexExists(f"{path} is a file; an index is a folder: choose another path")
    names = {entry.name for entry in path.iterdir()}
    if MANIFEST_NAME in names:
        if not overwrite:
            raise IndexExists(f"{path} already holds an index; choose another path, or replace it with overwrite")
        try:
            return read_manifest(path)
        except IndexCorrupt:
            return None  # to be replaced: its state does not matter
    if names - {SEGMENTS, LOCK, f"{MANIFEST_NAME}.tmp"}:
        raise IndexExists(f"{path} is a folder with other files in it, and not an index; choose another path")
    return None


def read_manifest(path: Path) -> Manifest:
    """The newest generation; ``IndexNotFound`` where there is none."""
    manifest = path / MANIFEST_NAME
    try:
        return Manifest.from_bytes(manifest.read_bytes(), source=str(manifest))
    except (FileNotFoundError, NotADirectoryError):
        reason = "does not exist" if not path.exists() else "is not an index: it has no MANIFEST"
        raise IndexNotFound(f"{path} {reason}; build one with `bicross index SOURCE -o {path}`") from None


@contextmanager
def writing(path: Path) -> Generator[None]:
    """Hold the lock of the one writer."""
    lock = filelock.FileLock(path / LOCK, timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise IndexLocked(f"{path} is being written to by another process; try again when it has finished") from None
    try:
        yield
    finally:
        lock.release()


def append(
    path: Path, base: Manifest, batches: Iterable[EmbeddedBatch], filesystem: Filesystem, *, known: set[str]
) -> Manifest:
    """Write ``batches`` as new segments and commit them after those of ``base``. On an error they are removed again."""
    segments: list[SegmentEntry] = []
    folders: list[Path] = []
    filesystem.make_folder(path / SEGMENTS)
    try:
        remaining = iter(_checked(batches, base.model.dimension, known))
        for batch in remaining:
            folders.append(path / SEGMENTS / f"{base.generation + 1}-{len(segments)}-{uuid.uuid4().hex[:8]}")
            with SegmentWriter(filesystem, folders[-1], base.model.dimension) as writer:
                writer.write(batch)
                while writer.passages < SEGMENT_PASSAGES and (batch := next(remaining, None)) is not None:
                    writer.write(batch)
                segments.append(writer.finish())
        filesystem.sync_folder(path / SEGMENTS)
    except BaseException:
        for folder in folders:
            filesystem.remove_folder(folder)
        raise
    # From here on the segments stay: when `replace` fails, nobody can say whether the new manifest is in place.
    manifest = dataclasses.replace(base, generation=base.generation + 1, segments=(*base.segments, *segments))
    filesystem.replace(path / MANIFEST_NAME, manifest.to_bytes())
    return manifest


def _checked(batches: Iterable[EmbeddedBatch], dimension: int, known: set[str]) -> Iterator[EmbeddedBatch]:
    """The batches that are not empty; an error where a batch does not fit together or repeats an id."""
    for batch in batches:
        passages = sum(len(p) for p in batch.passages)
        if len(batch.passages) != len(batch.documents) or not all(batch.passages):
            raise ArgumentError(f"{len(batch.documents)} documents need a non-empty list of passages each")
        if batch.vectors.shape != (passages, dimension):
            raise ArgumentError(
                f"{passages} passages need vectors of shape {(passages, dimension)}, not {batch.vectors.shape}"
            )
        if not np.isfinite(batch.vectors).all():
            row = int(np.flatnonzero(~np.isfinite(batch.vectors).all(axis=1))[0])
            raise ArgumentError(f"the vector of passage {row} in a batch has values that are not finite")
        for document in batch.documents:
            if document.id in known:
                raise DocumentError(f"the id {document.id!r} is there already; ids must be unique in an index")
            known.add(document.id)
        if batch.documents:
            yield batch


def remove_unlisted(path: Path, manifest: Manifest, filesystem: Filesystem) -> None:
    """Delete segments that the manifest does not list: those it replaced, and what writers that died left behind."""
    listed = {segment.name for segment in manifest.segments}
    for folder in (path / SEGMENTS).iterdir():
        if folder.name not in listed:
            filesystem.remove_folder(folder)
