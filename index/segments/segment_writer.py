"""Writes one immutable segment. Knows no other segment and no model.

- ``documents.arrow``: id, title, text, metadata (JSON); uncompressed Arrow IPC, read row by row from a memory map.
- ``metadata.arrow``: the metadata again as typed columns, for filters; one record batch.
- ``passages.arrow``: row of the document, start and end in its text; one record batch, a document's passages together.
- ``ids.arrow``: hashed ids, sorted, with the hash of each document's content; one record batch.
- ``vectors.faiss``: a vector per passage, in the same order.
- ``tokens.arrow``: the token ids of each passage, in the same order, where the index keeps them.
- ``terms.arrow``: which terms occur in which passages, and how often, where the index keeps them.
"""

import base64
import json
from array import array
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..document import Document, Passage
from ..files import CheckedFile, FileEntry, Filesystem, RecordBatch, create_checked, record_batch
from ..manifest import POSTINGS_FILE, TOKEN_IDS_FILE, Canary, SegmentEntry
from ..vectors import VectorIndex
from .ids import IdTableWriter
from .metadata import MetadataColumns
from .postings import PostingsWriter, TermCounts
from .token_ids import TokenType, TokenWriter

DOCUMENTS = "documents.arrow"
METADATA = "metadata.arrow"
PASSAGES = "passages.arrow"
IDS = "ids.arrow"
VECTORS = "vectors.faiss"

DOCUMENT_SCHEMA = pa.schema([(name, pa.large_utf8()) for name in ("id", "title", "text", "metadata")])
PASSAGE_SCHEMA = pa.schema([(name, pa.int64()) for name in ("document", "start", "end")])

CANARY_K = 10


@dataclass(frozen=True, slots=True)
class EmbeddedBatch:
    """Documents, the passages of each, and their unit vectors: float32 of shape (passages, dimension).

    ``tokens`` has a flat array of uint16 or uint32 for each passage, in the order of the vectors, where the index keeps
    token ids; ``terms`` a list of strings for each, where it keeps the terms of an analyzer.
    """

    documents: Sequence[Document]
    passages: Sequence[Sequence[Passage]]
    vectors: NDArray[np.float32]
    tokens: Sequence[NDArray[np.unsignedinteger[Any]]] | None = None
    terms: Sequence[Sequence[str]] | TermCounts | None = None


class SegmentWriter(AbstractContextManager["SegmentWriter"]):
    """Writes one segment into a new folder.

    Documents and token ids go to disk as they come; vectors and terms are held until ``finish``.
    """

    def __init__(
        self,
        filesystem: Filesystem,
        folder: Path,
        vectors: VectorIndex,
        *,
        token_type: TokenType | None = None,
        has_postings: bool = False,
    ) -> None:
        """``vectors`` is empty, and trained where it must be. ``token_type`` holds the token ids of all batches."""
        self._filesystem = filesystem
        self._folder = folder
        self._vectors = vectors
        self._metadata, self._ids = MetadataColumns(), IdTableWriter()
        self._passages = {name: array("q") for name in PASSAGE_SCHEMA.names}
        self._first: NDArray[np.float32] | None = None
        self.documents = 0
        self._stack = ExitStack()
        filesystem.make_folder(folder)
        self._file = self._stack.enter_context(create_checked(filesystem, folder / DOCUMENTS))
        self._arrow: Any = pa.ipc.new_file(self._file, DOCUMENT_SCHEMA)
        self.token_type = token_type
        self._tokens: TokenWriter | None = None
        if token_type is not None:
            self._token_file = self._stack.enter_context(create_checked(filesystem, folder / TOKEN_IDS_FILE))
            self._tokens = TokenWriter(self._token_file, token_type)
        self._postings = PostingsWriter() if has_postings else None

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    @property
    def passages(self) -> int:
        """Passages written so far."""
        return len(self._vectors)

    def write(self, batch: EmbeddedBatch) -> None:
        """Append a batch."""
        columns = (
            [document.id for document in batch.documents],
            [document.title for document in batch.documents],
            [document.text for document in batch.documents],
            [json.dumps(dict(document.metadata)) for document in batch.documents],
        )
        arrays: list[Any] = [pa.array(column, pa.large_utf8()) for column in columns]
        self._arrow.write_batch(record_batch(arrays, DOCUMENT_SCHEMA))
        for document in batch.documents:
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
        if self._tokens is not None and batch.tokens is not None:
            self._tokens.write(batch.tokens)
        if self._postings is not None and batch.terms is not None:
            self._postings.write(batch.terms)

    def finish(self) -> SegmentEntry:
        """Bring everything to disk and return what the manifest is to say of it."""
        self._arrow.close()
        files = {DOCUMENTS: self._file.entry()}
        if self._tokens is not None:
            self._tokens.close()
            files[TOKEN_IDS_FILE] = self._token_file.entry()
        self._stack.close()
        passages = [pa.array(np.frombuffer(column, np.int64)) for column in self._passages.values()]
        files[METADATA] = self._write_batch(METADATA, self._metadata.to_record_batch())
        files[PASSAGES] = self._write_batch(PASSAGES, record_batch(passages, PASSAGE_SCHEMA))
        files[IDS] = self._write_batch(IDS, self._ids.to_record_batch())
        if self._postings is not None:
            files[POSTINGS_FILE] = self._write_batch(POSTINGS_FILE, self._postings.to_record_batch())
        with create_checked(self._filesystem, self._folder / VECTORS) as file:
            self._vectors.write(file.write)
            files[VECTORS] = file.entry()
        self._filesystem.fsync_folder(self._folder)
        return SegmentEntry(self._folder.name, self.documents, len(self._vectors), files, self._canary())

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


def write_batch(file: CheckedFile, batch: RecordBatch) -> None:
    """One record batch as a whole Arrow file."""
    with pa.ipc.new_file(file, batch.schema) as arrow:
        cast(Any, arrow).write_batch(batch)
