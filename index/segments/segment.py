"""Segment: opens the files of one segment for reading."""

import os
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...errors import DocumentError, IndexCorrupt
from ..document import Document, Passage, stored_document
from ..files import MappedFile, RecordBatch, map_verified, numbers, one_batch, open_batches
from ..manifest import SegmentEntry
from ..metadata import parse_json, parse_written
from ..vectors import VectorIndex
from .columns import COLUMNS, TOKEN_IDS, TOKEN_VECTORS, ColumnTable, Kind, PassageColumn, Table
from .embedded_batch import EmbeddedBatch
from .fields import SegmentFields
from .ids import IDS_SCHEMA, IdEntry, IdTable
from .metadata import check_columns
from .segment_writer import DOCUMENT_SCHEMA, DOCUMENTS, IDS, METADATA, PASSAGE_SCHEMA, PASSAGES, VECTORS
from .token_ids import TokenIds
from .token_vectors import TokenVectors

Verify = Literal["full", "size"]
"""How files are checked before they are read: "full" by their checksums, "size" by their sizes alone."""


class _Documents(NamedTuple):
    """The columns of each record batch of the documents, and the row in which each begins; at last their number."""

    columns: list[list[Any]]
    first_rows: list[int]


class _Passages(NamedTuple):
    """For each passage the row of its document, and where it begins and ends there."""

    document_rows: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]


class Segment:
    """The documents, passages and vectors of one segment, memory-mapped.

    All files are mapped from the beginning, so that they can be read after they were deleted. With ``verify="size"``
    the structure of each is checked when it is first needed: an index has many, and most searches need few.
    """

    def __init__(self, folder: Path, entry: SegmentEntry, like: VectorIndex, *, verify: Verify = "full") -> None:
        """Map the files of a segment.

        Args:
            folder: The folder of the segment.
            entry: What the manifest lists of it.
            like: An index with the layout of the vectors.
            verify: How files are checked.

        Raises:
            IndexCorrupt: A file is missing, damaged, or not what the manifest lists. With ``verify="size"`` whatever
                first needs a file may raise this too.
        """
        self._thorough = verify == "full"
        self.folder, self.entry, self._like = folder, entry, like
        place = str(folder)
        self._stored = [column for column in COLUMNS if column.file in entry.files]
        self._files = {
            # A text: to make a path takes as long as to read the file.
            name: map_verified(os.path.join(place, name), entry.files.get(name), thorough=self._thorough)  # noqa: PTH118
            for name in (DOCUMENTS, METADATA, PASSAGES, IDS, VECTORS, *(column.file for column in self._stored))
        }
        self._tables: dict[PassageColumn[Any], ColumnTable] = {}
        if self._thorough:
            _ = self._documents, self.fields, self.id_table, self._passages, self.kinds(), self.vectors

    @cached_property
    def _documents(self) -> _Documents:
        batches = open_batches(self._files[DOCUMENTS], DOCUMENT_SCHEMA, thorough=self._thorough)
        first_rows = [0, *accumulate(batch.num_rows for batch in batches)]
        if first_rows[-1] != len(self):
            raise IndexCorrupt(
                f"{self.folder / DOCUMENTS} holds {first_rows[-1]} documents; the manifest says {len(self)}"
            )
        return _Documents([batch.columns for batch in batches], first_rows)

    @cached_property
    def metadata(self) -> RecordBatch:
        """The metadata of the documents as typed columns."""
        metadata = one_batch(self._files[METADATA], None, rows=len(self), thorough=self._thorough)
        check_columns(metadata, self._files[METADATA])
        return metadata

    @cached_property
    def fields(self) -> SegmentFields:
        """The metadata of the documents, field by field."""
        return SegmentFields(self.metadata, self._metadata_texts, self._all_ids)

    @cached_property
    def id_table(self) -> IdTable:
        """The hashes of ids and contents."""
        ids = one_batch(self._files[IDS], IDS_SCHEMA, rows=len(self), thorough=self._thorough)
        return IdTable(ids, self._files[IDS])

    @cached_property
    def _passages(self) -> _Passages:
        file = self._files[PASSAGES]
        batch = one_batch(file, PASSAGE_SCHEMA, rows=self.entry.passages, thorough=self._thorough)
        passages = _Passages(*(numbers(batch, name, file) for name in PASSAGE_SCHEMA.names))
        _check_passages(file, passages, documents=len(self))
        return passages

    @cached_property
    def document_rows(self) -> NDArray[np.int64]:
        """The row of the document of each passage, ascending; int64 of shape (passages,)."""
        return self._passages.document_rows

    @cached_property
    def vectors(self) -> VectorIndex:
        """The vectors of the passages."""
        like, file = self._like, self._files[VECTORS]
        return VectorIndex.read(file, dimension=like.dimension, rows=self.entry.passages, like=like)

    def __len__(self) -> int:
        return self.entry.documents

    def find(self, ids: Sequence[str]) -> list[IdEntry | None]:
        """Return the last row of each id, with the hash of its content; None if the segment does not have the id."""
        return [
            next((entry for entry in entries if self.id(entry.row) == id_), None)
            for id_, entries in zip(ids, self.id_table.candidates(ids), strict=True)
        ]

    def id(self, row: int) -> str:
        """Return the id of a row."""
        columns, offset = self._place(row)
        return columns[0][offset].as_py()

    def ids_of(self, rows: Sequence[int]) -> list[str]:
        """Return the ids of ascending rows: faster than one by one."""
        ids: list[str] = []
        all_columns, first_rows = self._documents
        start = 0
        while start < len(rows):
            number = bisect_right(first_rows, rows[start]) - 1
            stop = bisect_left(rows, first_rows[number + 1], start)
            offsets = [row - first_rows[number] for row in rows[start:stop]]
            ids += all_columns[number][0].take(offsets).to_pylist()
            start = stop
        return ids

    def ids(self) -> Iterator[str]:
        """Yield the ids of all rows, in order."""
        for columns in self._documents.columns:
            yield from columns[0].to_pylist()

    def _metadata_texts(self) -> Iterator[Any]:
        yield from (columns[3] for columns in self._documents.columns)

    def _all_ids(self) -> Any:  # noqa: ANN401 - an Arrow array
        arrow: Any = pa
        return arrow.concat_arrays(
            [arrow.nulls(0, pa.large_utf8()), *(columns[0] for columns in self._documents.columns)]
        )

    def document(self, row: int) -> Document:
        """Return the document in a row. It takes a fraction of a millisecond, however large the segment is."""
        columns, offset = self._place(row)
        return self._document(row, [column[offset].as_py() for column in columns], parse_json)

    def documents(self, rows: Sequence[int], *, as_written: bool = False) -> Iterator[Document]:
        """Yield the documents in ascending ``rows``: faster than one by one."""
        parse = parse_written if as_written else parse_json
        all_columns, first_rows = self._documents
        start = 0
        while start < len(rows):
            number = bisect_right(first_rows, rows[start]) - 1
            stop = bisect_left(rows, first_rows[number + 1], start)
            offsets = np.asarray(rows[start:stop]) - first_rows[number]
            columns = [column.take(offsets).to_pylist() for column in all_columns[number]]
            for row, values in zip(rows[start:stop], zip(*columns, strict=True), strict=True):
                yield self._document(row, values, parse)
            start = stop

    def passage(self, row: int, document: Document) -> Passage:
        """Return a passage.

        Args:
            row: A row of ``vectors``.
            document: The document that the passage belongs to.
        """
        start, end = int(self._passages.starts[row]), int(self._passages.ends[row])
        return Passage(document.text[start:end], start, end)

    def passages(self, rows: Sequence[int], documents: Sequence[Document]) -> list[list[Passage]]:
        """Return all passages of some documents.

        Args:
            rows: The rows of the documents, ascending.
            documents: The documents in these rows.
        """
        of_documents: list[list[Passage]] = []
        _, starts, ends = self._passages
        first = np.searchsorted(self.document_rows, rows, side="left").tolist()
        last = np.searchsorted(self.document_rows, rows, side="right").tolist()
        for document, start, stop in zip(documents, first, last, strict=True):
            spans = zip(starts[start:stop].tolist(), ends[start:stop].tolist(), strict=True)
            of_documents.append([Passage(document.text[begin:end], begin, end) for begin, end in spans])
        return of_documents

    def column(self, column: PassageColumn[Table]) -> Table | None:
        """Return a stored column; None if the index does not store it."""
        if column in self._stored and column not in self._tables:
            file = self._files[column.file]
            self._tables[column] = column.open_table(file, rows=self.entry.passages, thorough=self._thorough)
        return cast("Table | None", self._tables.get(column))

    def tokens(self, row: int) -> TokenIds | None:
        """Return the token ids of a passage, a view into the file; None if the index stores none.

        Args:
            row: A row of ``vectors``.
        """
        table = self.column(TOKEN_IDS)
        return None if table is None else table.of(row)

    def token_vectors(self, row: int) -> TokenVectors | None:
        """Return the token vectors of a passage, a view into the file; None if the index stores none."""
        table = self.column(TOKEN_VECTORS)
        return None if table is None else table.of(row)

    def kinds(self) -> dict[PassageColumn[Any], Kind]:
        """Return the stored columns, each with how its values are stored."""
        return {column: table.kind for column, table in self._all_tables()}

    def batch(self, rows: Sequence[int]) -> EmbeddedBatch:
        """Return everything that is stored of the documents in ascending ``rows``."""
        documents = list(self.documents(rows))
        first, last = self.passage_rows(rows[0], rows[-1] + 1)
        chosen = np.isin(self.document_rows[first:last], rows)
        passage_rows = (first + np.flatnonzero(chosen)).tolist()
        values = {column.batch_field: table.take(passage_rows) for column, table in self._all_tables()}
        passages = self.passages(rows, documents)
        return EmbeddedBatch(documents, passages, self.vectors.vectors(first, last)[chosen], **values)

    def passage_rows(self, start: int, stop: int) -> tuple[int, int]:
        """Return the first and the end row of the passages of the documents in rows ``[start, stop)``."""
        first, last = np.searchsorted(self.document_rows, (start, stop))
        return int(first), int(last)

    def _all_tables(self) -> Iterator[tuple[PassageColumn[Any], ColumnTable]]:
        for column in self._stored:
            table: ColumnTable | None = self.column(column)
            if table is not None:
                yield column, table

    def _document(self, row: int, values: Sequence[str], parse: Callable[[str], Any]) -> Document:
        id_, title, text, metadata = values
        try:
            fields = parse(metadata)
            if not isinstance(fields, dict):
                raise TypeError(f"its metadata are {metadata:.80}")
            return stored_document(id_, text, title, cast("dict[str, object]", fields))
        except (DocumentError, ValueError, TypeError) as error:
            raise IndexCorrupt(f"{self.folder / DOCUMENTS} has no readable document in row {row}: {error}") from error

    def _place(self, row: int) -> tuple[list[Any], int]:
        """Return the columns of the batch that has a row, and the offset of the row in them."""
        columns, first_rows = self._documents
        number = bisect_right(first_rows, row) - 1
        return columns[number], row - first_rows[number]


def _check_passages(file: MappedFile, passages: _Passages, *, documents: int) -> None:
    rows, starts, ends = passages
    if len(rows) == 0 and documents == 0:
        return
    # Ascending without a gap from the first document to the last: every document has passages, and they are adjacent.
    steps = np.diff(rows, prepend=-1, append=documents)
    if steps.min() < 0 or steps.max() > 1 or rows[0] != 0 or rows[-1] != documents - 1:
        raise IndexCorrupt(f"{file} does not hold passages of each of the {documents} documents, in order")
    if starts.min() < 0 or (ends < starts).any():
        raise IndexCorrupt(f"{file} has a passage that ends before it begins")
