"""The one process that plans the chunks of a build, has them written, and commits them."""

import dataclasses
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ....errors import ClusterError
from ....index import Document, DocumentReader, SourceReport
from ....index.files import Filesystem
from ....index.sources import SourceFile, SourceOptions, SourcePart, parts_of
from ....index.staging import (
    Adopted,
    SealedChunk,
    adopt_added,
    adopt_new,
    driving_build,
    plan,
    remove_documents,
    sealed,
    stage_documents,
)
from ...progress import chunk_progress
from .accounts import account_of, without_copies
from .job import ChunkDone, ChunkExecutor, ChunkJob, SourceChunk


@dataclass(frozen=True, slots=True)
class ChunkedDocuments:
    """The documents of a build: a source that other processes can read, or documents that this process has.

    Attributes:
        reader: What reads the source; None where there is none.
        given: The documents; empty where there is a reader.
    """

    reader: DocumentReader | None
    given: Iterable[Document] = ()

    @property
    def options(self) -> SourceOptions:
        """How other processes read them."""
        return SourceOptions() if self.reader is None else self.reader.options

    @property
    def skip_errors(self) -> bool:
        """Whether bad rows are left out."""
        return self.reader is not None and self.reader.errors is not None

    @contextmanager
    def parts(self, path: Path, *, part_bytes: int | None) -> Generator[list[SourcePart]]:
        """Yield the documents in parts; those of this process are on the disk until the end of the block."""
        if self.reader is not None:
            yield [_absolute(part) for part in parts_of(self.reader, part_bytes=part_bytes)]
            return
        parts = stage_documents(path, self.given, part_bytes=part_bytes)
        try:
            yield parts
        finally:
            remove_documents(parts)


def build_in_chunks(
    job: ChunkJob,
    documents: ChunkedDocuments,
    executor: ChunkExecutor,
    *,
    stored: dict[str, object],
    overwrite: bool,
    progress: bool,
) -> int:
    """Build a new index, and return how many documents it has; with none of them nothing is committed.

    Chunks that are sealed already are not written again, whoever wrote them.
    """
    path = Path(job.path)
    with driving_build(path, Filesystem()), documents.parts(path, part_bytes=executor.part_bytes) as parts:
        chunks = plan(parts, job.settings)
        written = _written(job, chunks, executor, progress=progress)
        if sum(chunk.documents for chunk in written):
            names = [chunk.name for chunk in chunks]
            adopted = adopt_new(path, names, job.settings, stored=stored, overwrite=overwrite)
            _note(documents.reader, parts, written, adopted)
            return adopted.documents
    return 0


def add_in_chunks(job: ChunkJob, documents: ChunkedDocuments, executor: ChunkExecutor, *, progress: bool) -> int:
    """Add documents to an index in one commit, and return how many."""
    path = Path(job.path)
    with driving_build(path, Filesystem()), documents.parts(path, part_bytes=executor.part_bytes) as parts:
        chunks = plan(parts, job.settings)
        written = _written(job, chunks, executor, progress=progress)
        adopted = adopt_added(path, [chunk.name for chunk in chunks], job.settings)
        _note(documents.reader, parts, written, adopted)
        return adopted.documents


def _written(
    job: ChunkJob, chunks: Sequence[SourceChunk], executor: ChunkExecutor, *, progress: bool
) -> list[SealedChunk]:
    """Have those chunks written that are not sealed, and return all."""
    names = [chunk.name for chunk in chunks]
    before = sealed(job.path, names)
    lacking = [chunk for chunk in chunks if chunk.name not in before]
    sizes = {chunk.name: chunk.part.bytes for chunk in chunks}
    with chunk_progress(sum(sizes.values()), shown=progress) as show:
        for name, chunk in before.items():
            show(sizes[name], chunk.documents)

        def done(chunk: ChunkDone) -> None:
            show(sizes[chunk.name], chunk.documents)

        if lacking:
            executor.run(job, lacking, done)
    after = sealed(job.path, names)
    for chunk in chunks:
        if chunk.name not in after:
            raise ClusterError(
                f"the chunk of {chunk.part.shown} was written, and is not at {job.path}: that must be a folder which "
                "all machines see under this name"
            )
    return [after[name] for name in names]


def _note(
    reader: DocumentReader | None, parts: Sequence[SourcePart], chunks: Sequence[SealedChunk], adopted: Adopted
) -> SourceReport:
    report, bad = account_of(parts, chunks)
    report = without_copies(report, adopted.copies)
    if reader is not None:
        reader.take_account(report, bad)
    return report


def _absolute(part: SourcePart) -> SourcePart:
    """Name the files of a part as a process in another folder can find them."""
    entries = [
        dataclasses.replace(entry, path=entry.path.absolute()) if isinstance(entry, SourceFile) else entry
        for entry in part.entries
    ]
    return dataclasses.replace(part, entries=tuple(entries))
