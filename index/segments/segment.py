"""Segment: opens the files of one segment for reading."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...errors import DocumentError, IndexCorrupt
from ..document import Document, Passage, stored_document
from ..files import RecordBatch, numbers, one_batch, open_batches, verify_content, verify_size
from ..manifest import SegmentEntry
from ..metadata import parse_json, parse_written
from ..vectors import VectorIndex
from .columns import COLUMNS, TOKEN_IDS, ColumnTable, Kind, PassageColumn, Table
from .embedded_batch import EmbeddedBatch
from .fields import SegmentFields
from .ids import IDS_SCHEMA, IdEntry, IdTable
from .metadata import check_columns
from .segment_writer import DOCUMENT_SCHEMA, DOCUMENTS, IDS, METADATA, PASSAGE_SCHEMA, PASSAGES, VECTORS
from .token_ids import TokenIds

Verify = Literal["full", "size"]
"""How files are checked before they are read: "full" by their checksums, "size" by their sizes alone."""


class Segment:
    """The documents, passages and vectors of one segment, memory-mapped."""

    def __init__(self, folder: Path, entry: SegmentEntry, like: VectorIndex, *, verify: Verify = "full") -> None:
        """Open the files of a segment.

        Args:
            folder: The folder of the segment.
            entry: What the manifest lists of it.
            like: An index with the layout of the vectors.
            verify: How files are checked.

        Raises:
            IndexCorrupt: A file is missing, damaged, or not what the manifest lists.
        """
        thorough = verify == "full"
        columns = [column for column in COLUMNS if column.file in entry.files]
        for name in (DOCUMENTS, METADATA, PASSAGES, IDS, VECTORS, *(column.file for column in columns)):
            (verify_content if thorough else verify_size)(folder / name, entry.files.get(name))
        self.folder, self.entry = folder, entry
        batches = open_batches(folder / DOCUMENTS, DOCUMENT_SCHEMA, thorough=thorough)
        self._columns: list[list[Any]] = [batch.columns for batch in batches]
        self._first_rows = [0, *accumulate(batch.num_rows for batch in batches)]
        if self._first_rows[-1] != entry.documents:
            raise IndexCorrupt(
                f"{folder / DOCUMENTS} holds {self._first_rows[-1]} documents; the manifest says {entry.documents}"
            )
        self.metadata: RecordBatch = one_batch(folder / METADATA, None, rows=entry.documents, thorough=thorough)
        check_columns(self.metadata, folder / METADATA)
        self.fields = SegmentFields(self.metadata, self._metadata_texts, self._all_ids)
        ids = one_batch(folder / IDS, IDS_SCHEMA, rows=entry.documents, thorough=thorough)
        self._ids = IdTable(ids, folder / IDS)
        passages = one_batch(folder / PASSAGES, PASSAGE_SCHEMA, rows=entry.passages, thorough=thorough)
        self.document_rows, self._starts, self._ends = (
            numbers(passages, name, folder / PASSAGES) for name in PASSAGE_SCHEMA.names
        )
        _check_passages(folder / PASSAGES, self.document_rows, self._starts, self._ends, documents=entry.documents)
        self._tables: dict[PassageColumn[Any], ColumnTable] = {
            column: column.open_table(folder / column.file, rows=entry.passages, thorough=thorough)
            for column in columns
        }
        self.vectors = VectorIndex.read(folder / VECTORS, dimension=like.dimension, rows=entry.passages, like=like)

    def __len__(self) -> int:
        return self._first_rows[-1]

    def find(self, ids: Sequence[str]) -> list[IdEntry | None]:
        """Return the last row of each id, with the hash of its content; None if the segment does not have the id."""
        return [
            next((entry for entry in entries if self.id(entry.row) == id_), None)
            for id_, entries in zip(ids, self._ids.candidates(ids), strict=True)
        ]

    def id(self, row: int) -> str:
        """Return the id of a row."""
        columns, offset = self._place(row)
        return columns[0][offset].as_py()

    def ids_of(self, rows: Sequence[int]) -> list[str]:
        """Return the ids of ascending rows: faster than one by one."""
        ids: list[str] = []
        start = 0
        while start < len(rows):
            number = bisect_right(self._first_rows, rows[start]) - 1
            stop = bisect_left(rows, self._first_rows[number + 1], start)
            offsets = [row - self._first_rows[number] for row in rows[start:stop]]
            ids += self._columns[number][0].take(offsets).to_pylist()
            start = stop
        return ids

    def ids(self) -> Iterator[str]:
        """Yield the ids of all rows, in order."""
        for columns in self._columns:
            yield from columns[0].to_pylist()

    def _metadata_texts(self) -> Iterator[Any]:
        yield from (columns[3] for columns in self._columns)

    def _all_ids(self) -> Any:  # noqa: ANN401 - an Arrow array
        arrow: Any = pa
        return arrow.concat_arrays([arrow.nulls(0, pa.large_utf8()), *(columns[0] for columns in self._columns)])

    @property
    def id_table(self) -> IdTable:
        """The hashes of ids and contents."""
        return self._ids

    def document(self, row: int) -> Document:
        """Return the document in a row. It takes a fraction of a millisecond, however large the segment is."""
        columns, offset = self._place(row)
        return self._document(row, [column[offset].as_py() for column in columns], parse_json)

    def documents(self, rows: Sequence[int], *, as_written: bool = False) -> Iterator[Document]:
        """Yield the documents in ascending ``rows``: faster than one by one."""
        parse = parse_written if as_written else parse_json
        start = 0
        while start < len(rows):
            number = bisect_right(self._first_rows, rows[start]) - 1
            stop = bisect_left(rows, self._first_rows[number + 1], start)
            offsets = np.asarray(rows[start:stop]) - self._first_rows[number]
            columns = [column.take(offsets).to_pylist() for column in self._columns[number]]
            for row, values in zip(rows[start:stop], zip(*columns, strict=True), strict=True):
                yield self._document(row, values, parse)
            start = stop

    def passage(self, row: int, document: Document) -> Passage:
        """Return a passage.

        Args:
            row: A row of ``vectors``.
            document: The document that the passage belongs to.
        """
        start, end = int(self._starts[row]), int(self._ends[row])
        return Passage(document.text[start:end], start, end)

    def passages(self, rows: Sequence[int], documents: Sequence[Document]) -> list[list[Passage]]:
        """Return all passages of some documents.

        Args:
            rows: The rows of the documents, ascending.
            documents: The documents in these rows.
        """
        of_documents: list[list[Passage]] = []
        first = np.searchsorted(self.document_rows, rows, side="left").tolist()
        last = np.searchsorted(self.document_rows, rows, side="right").tolist()
        for document, start, stop in zip(documents, first, last, strict=True):
            spans = zip(self._starts[start:stop].tolist(), self._ends[start:stop].tolist(), strict=True)
            of_documents.append([Passage(document.text[begin:end], begin, end) for begin, end in spans])
        return of_documents

    def column(self, column: PassageColumn[Table]) -> Table | None:
        """Return a stored column; None if the index does not store it."""
        return cast("Table | None", self._tables.get(column))

    def tokens(self, row: int) -> TokenIds | None:
        """Return the token ids of a passage, a view into the file; None if the index stores none.

        Args:
            row: A row of ``vectors``.
        """
        table = self.column(TOKEN_IDS)
        return None if table is None else table.of(row)

    def kinds(self) -> dict[PassageColumn[Any], Kind]:
        """Return the stored columns, each with how its values are stored."""
        return {column: table.kind for column, table in self._tables.items()}

    def batch(self, rows: Sequence[int]) -> EmbeddedBatch:
        """Return everything that is stored of the documents in ascending ``rows``."""
        documents = list(self.documents(rows))
        first, last = self.passage_rows(rows[0], rows[-1] + 1)
        chosen = np.isin(self.document_rows[first:last], rows)
        passage_rows = (first + np.flatnonzero(chosen)).tolist()
        values = {column.batch_field: table.take(passage_rows) for column, table in self._tables.items()}
        passages = self.passages(rows, documents)
        return EmbeddedBatch(documents, passages, self.vectors.vectors(first, last)[chosen], **values)

    def passage_rows(self, start: int, stop: int) -> tuple[int, int]:
        """Return the first and the end row of the passages of the documents in rows ``[start, stop)``."""
        first, last = np.searchsorted(self.document_rows, (start, stop))
        return int(first), int(last)

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
        number = bisect_right(self._first_rows, row) - 1
        return self._columns[number], row - self._first_rows[number]


def _check_passages(
    path: Path,
    rows: NDArray[np.int64],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    *,
    documents: int,
) -> None:
    if len(rows) == 0 and documents == 0:
        return
    # Ascending without a gap from the first document to the last: every document has passages, and they are adjacent.
    steps = np.diff(rows, prepend=-1, append=documents)
    if steps.min() < 0 or steps.max() > 1 or rows[0] != 0 or rows[-1] != documents - 1:
        raise IndexCorrupt(f"{path} does not hold passages of each of the {documents} documents, in order")
    if starts.min() < 0 or (ends < starts).any():
        raise IndexCorrupt(f"{path} has a passage that ends before it begins")
