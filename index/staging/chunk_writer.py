"""Writes one chunk: a segment in the staging folder, which nobody sees before it is whole."""

import dataclasses
import uuid
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, cast

from ...errors import ArgumentError, DocumentError, IndexStoreError
from ...errors.arguments import checked_callable, checked_instance, checked_path, described
from ..files import Filesystem
from ..manifest import Manifest, SegmentEntry
from ..segments import EmbeddedBatch, Kind, PassageColumn, SegmentWriter, kinds_of, template
from ..writing import STAGING, check_batch, check_kinds, kinds_of_batch
from .plan import ChunkSettings
from .seals import ChunkAccount, SealedChunk, read_seal, write_seal


def write_chunk(
    path: str | Path,
    name: str,
    batches: Iterable[EmbeddedBatch],
    settings: ChunkSettings,
    *,
    account: Callable[[], ChunkAccount] = ChunkAccount,
    filesystem: Filesystem | None = None,
) -> SealedChunk:
    """Write a chunk, or return it if it is sealed already. When this returns, it survives a kill and a power cut.

    It is written in a folder of its own, and gets its name when it is whole: of several processes that write the same
    chunk the first one counts, and what a later one has written is deleted. The folder is made first: when the chunks
    are adopted it is taken away, and a process that wakes later writes nothing more.

    Args:
        path: The folder of the index. It need not exist.
        name: The name of the chunk in its plan.
        batches: Its documents; not read where it is sealed already.
        settings: What all chunks of the build have in common.
        account: Called after the last batch: what became of the part of the source.
        filesystem: Writes the files; a test passes another one.

    Returns:
        The chunk, as the first process has sealed it.

    Raises:
        DocumentError: Two documents have the same id.
        ArgumentError: A batch does not fit.
        IndexCorrupt: The chunk is there, and its seal is damaged.
        IndexStoreError: The folder was taken away meanwhile.
    """
    path, filesystem = checked_path(path), filesystem or Filesystem()
    checked_instance(settings, ChunkSettings, "settings")
    checked_callable(account, "account")
    if not isinstance(cast("object", batches), Iterable) or isinstance(batches, str | bytes):
        raise ArgumentError(f"batches must be a list or generator of EmbeddedBatch, not {described(batches)}")
    done = read_seal(path, name)
    if done is not None:
        return done
    attempt = path / STAGING / f"{name}-{uuid.uuid4().hex}"
    try:
        filesystem.make_folder(attempt)
        entry = _written(attempt, batches, path, settings.manifest(), filesystem)
        named = None if entry is None else dataclasses.replace(entry, name=name)
        chunk = SealedChunk(name, settings.software, named, account())
        write_seal(filesystem, attempt, chunk)
        first = _given_its_name(path, attempt, chunk, filesystem)
    except FileNotFoundError as error:
        if attempt.exists():
            raise
        raise IndexStoreError(
            f"the chunk {name} was taken away while it was written: another process has adopted it, or has deleted it"
        ) from error
    except BaseException:
        with suppress(OSError):  # what stays is deleted when it is old
            filesystem.remove_folder(attempt)
        raise
    return first


def _written(
    attempt: Path, batches: Iterable[EmbeddedBatch], path: Path, manifest: Manifest, filesystem: Filesystem
) -> SegmentEntry | None:
    empty, ids, of_all = template(path, manifest), set[str](), dict[PassageColumn[Any], Kind]()
    with ExitStack() as stack:
        writer: SegmentWriter | None = None
        for batch in batches:
            check_batch(batch, manifest)
            check_kinds(batch, of_all)
            if not batch.documents:
                continue
            for document in batch.documents:
                if document.id in ids:
                    raise DocumentError(f"the id {document.id!r} is there already; ids must be unique in an index")
                ids.add(document.id)
            kinds = kinds_of(batch)
            if writer is None:
                writer = stack.enter_context(SegmentWriter(filesystem, attempt, empty.empty_copy(), columns=kinds))
            elif not writer.fits(kinds):
                raise ArgumentError("the token ids of a chunk must all be uint16, or all uint32")
            writer.write(batch)
            of_all |= kinds_of_batch(batch)
        return None if writer is None else writer.finish()


def _given_its_name(path: Path, attempt: Path, chunk: SealedChunk, filesystem: Filesystem) -> SealedChunk:
    """Rename an attempt; where another one has the name already, delete this one and return that."""
    try:
        filesystem.move(attempt, path / STAGING / chunk.name)
    except OSError:
        first = read_seal(path, chunk.name)
        if first is None:
            raise
        filesystem.fsync_folder(path / STAGING)
        filesystem.remove_folder(attempt)
        return first
    return chunk
