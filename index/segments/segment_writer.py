"""SegmentWriter: writes the files of one segment.

- ``documents.arrow``: id, title, text, metadata (JSON); uncompressed Arrow IPC, read row by row from a memory map.
- ``metadata.arrow``: the metadata again as typed columns, for filters; one record batch.
- ``passages.arrow``: row of the document, start and end in its text; one record batch, a document's passages together.
- ``ids.arrow``: hashed ids, sorted, with the hash of each document's content; one record batch.
- ``vectors.faiss``: a vector for each passage, in the same order.
- ``tokens.arrow``: the token ids of each passage, in the same order, if the index stores them.
- ``terms.arrow``: which terms occur in which passages, and how often, if the index stores them.
- ``token_vectors.arrow``: the token vectors of each passage, in the order of the passages, if the index stores them.
"""

import base64
from array import array
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..document import Document
from ..files import CheckedFile, FileEntry, Filesystem, RecordBatch, create_checked, record_batch, write_batch
from ..manifest import Canary, SegmentEntry
from ..metadata import to_json
from ..vectors import VectorIndex
from .columns import Kind, PassageColumn
from .embedded_batch import EmbeddedBatch
from .ids import IdTableWriter
from .metadata import MetadataColumns

DOCUMENTS = "documents.arrow"
METADATA = "metadata.arrow"
PASSAGES = "passages.arrow"
IDS = "ids.arrow"
VECTORS = "vectors.faiss"

DOCUMENT_SCHEMA = pa.schema([(name, pa.large_utf8()) for name in ("id", "title", "text", "metadata")])
PASSAGE_SCHEMA = pa.schema([(name, pa.int64()) for name in ("document", "start", "end")])

CANARY_K = 10
ROWS = 1024
CHARACTERS = 2**22
"""Documents, and characters of their titles and texts, after which a record batch of ``documents.arrow`` ends."""


class SegmentWriter(AbstractContextManager["SegmentWriter"]):
    """Writes one segment to a folder that is there, and empty.

    Documents, token ids and token vectors are written in batches. Vectors and postings stay in memory until ``finish``.
    """

    def __init__(
        self,
        filesystem: Filesystem,
        folder: Path,
        vectors: VectorIndex,
        *,
        columns: Mapping[PassageColumn[Any], Iterable[Kind]],
    ) -> None:
        """Create the files.

        Args:
            filesystem: Writes the files.
            folder: The folder. It is not made here: a builder whose folder was taken away must not begin anew.
            vectors: An empty index, trained if its layout needs that.
            columns: The columns that every batch has, each with the kinds of all its values.
        """
        self._filesystem = filesystem
        self._folder = folder
        self._vectors = vectors
        self._metadata, self._ids = MetadataColumns(), IdTableWriter()
        self._passages = {name: array("q") for name in PASSAGE_SCHEMA.names}
        self._first: NDArray[np.float32] | None = None
        self.documents = 0
        self._stack = ExitStack()
        self._file = self._open(DOCUMENTS)
        self._rows = _DocumentRows(self._file)
        self._column_files = {column: self._open(column.file) for column in columns}
        self._columns = {column: column.writer(self._column_files[column], kinds) for column, kinds in columns.items()}

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    @property
    def passages(self) -> int:
        """The number of passages so far."""
        return len(self._vectors)

    def fits(self, columns: Mapping[PassageColumn[Any], Iterable[Kind]]) -> bool:
        """Whether the files of the columns can take values of these kinds."""
        return all(self._columns[column].fits(kind) for column, kinds in columns.items() for kind in kinds)

    def write(self, batch: EmbeddedBatch) -> None:
        """Append a batch."""
        for document in batch.documents:
            self._rows.append(document)
            self._metadata.append(document.metadata)
            self._ids.append(document)
        for row, passages in enumerate(batch.passages, start=self.documents):
            self._passages["document"].extend([row] * len(passages))
            self._passages["start"].extend([passage.start for passage in passages])
            self._passages["end"].extend([passage.end for passage in passages])
        self.documents += len(batch.documents)
        if self._first is None and len(batch.vectors):
            self._first = np.array(batch.vectors[:1], np.float32)
        self._vectors.add(batch.vectors)
        for column, writer in self._columns.items():
            writer.write(column.of(batch))

    def finish(self) -> SegmentEntry:
        """Bring everything to disk, and return the entry of the segment for the manifest."""
        self._rows.close()
        files = {DOCUMENTS: self._file.entry()}
        for column, writer in self._columns.items():
            writer.close()
            files[column.file] = self._column_files[column].entry()
        self._stack.close()
        passages = [pa.array(np.frombuffer(column, np.int64)) for column in self._passages.values()]
        files[METADATA] = self._write_batch(METADATA, self._metadata.to_record_batch())
        files[PASSAGES] = self._write_batch(PASSAGES, record_batch(passages, PASSAGE_SCHEMA))
        files[IDS] = self._write_batch(IDS, self._ids.to_record_batch())
        with create_checked(self._filesystem, self._folder / VECTORS) as file:
            self._vectors.write(file.write)
            files[VECTORS] = file.entry()
        self._filesystem.fsync_folder(self._folder)
        return SegmentEntry(self._folder.name, self.documents, len(self._vectors), files, self._canary())

    def _open(self, name: str) -> CheckedFile:
        return self._stack.enter_context(create_checked(self._filesystem, self._folder / name))

    def _write_batch(self, name: str, batch: RecordBatch) -> FileEntry:
        with create_checked(self._filesystem, self._folder / name) as file:
            write_batch(file, batch)
            return file.entry()

    def _canary(self) -> Canary | None:
        if self._first is None:
            return None
        scores, _ = self._vectors.search(self._first, CANARY_K)
        query = base64.b64encode(self._first.astype("<f4").tobytes()).decode("ascii")
        return Canary(query, tuple(float(score) for score in scores[0]))


class _DocumentRows:
    """Writes ``documents.arrow``. The same documents make the same bytes, in whatever batches they come."""

    def __init__(self, file: CheckedFile) -> None:
        self._arrow: Any = pa.ipc.new_file(file, DOCUMENT_SCHEMA)
        self._rows: list[tuple[str, str, str, str]] = []
        self._characters = 0

    def append(self, document: Document) -> None:
        """Add the next row."""
        self._rows.append((document.id, document.title, document.text, to_json(document.metadata, document.id)))
        self._characters += len(document.title) + len(document.text)
        if len(self._rows) >= ROWS or self._characters >= CHARACTERS:
            self._flush()

    def close(self) -> None:
        """Write the rest."""
        if self._rows:
            self._flush()
        self._arrow.close()

    def _flush(self) -> None:
        arrays: list[Any] = [pa.array(column, pa.large_utf8()) for column in zip(*self._rows, strict=True)]
        self._arrow.write_batch(record_batch(arrays, DOCUMENT_SCHEMA))
        self._rows, self._characters = [], 0
