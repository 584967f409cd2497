"""The id table of a segment: the row of each id, and a hash of each document's content.

Ids are looked up by their 64-bit xxh3 in a sorted column. The caller compares the id itself, so two ids with one hash
are not mistaken for each other.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import xxhash
from numpy.typing import NDArray

from ...errors import IndexCorrupt
from ..document import Document
from ..files import File, RecordBatch, numbers, record_batch
from ..metadata import canonical_json

IDS_SCHEMA = pa.schema([("id", pa.uint64()), ("row", pa.int64()), ("high", pa.uint64()), ("low", pa.uint64())])


def id_hash(id_: str) -> int:
    """Return the hash by which an id is looked up."""
    return xxhash.xxh3_64_intdigest(id_.encode())


def content_hash(document: Document) -> tuple[int, int]:
    """Return a 128-bit hash of title, text and metadata as two 64-bit halves."""
    content = canonical_json([document.title, document.text, document.metadata], document.id)
    digest = xxhash.xxh3_128_intdigest(content.encode())
    return digest >> 64, digest & 0xFFFF_FFFF_FFFF_FFFF


class IdTableWriter:
    """Collects the ids of a segment in the order of its rows."""

    def __init__(self) -> None:
        self._ids, self._high, self._low = array("Q"), array("Q"), array("Q")

    def append(self, document: Document) -> None:
        """Add the next row."""
        high, low = content_hash(document)
        self._ids.append(id_hash(document.id))
        self._high.append(high)
        self._low.append(low)

    def to_record_batch(self) -> RecordBatch:
        """Return the table, sorted by hash, and by row among equal hashes."""
        ids = np.frombuffer(self._ids, np.uint64)
        order = np.argsort(ids, kind="stable")
        columns: list[Any] = [ids[order], order.astype(np.int64)]
        columns += [np.frombuffer(half, np.uint64)[order] for half in (self._high, self._low)]
        return record_batch([pa.array(column) for column in columns], IDS_SCHEMA)


class IdTable:
    """Looks up rows by id. The table stays in the memory of the file."""

    def __init__(self, batch: RecordBatch, source: File) -> None:
        """Check a table.

        Args:
            batch: The table.
            source: Its file, for messages.

        Raises:
            IndexCorrupt: The table is not sorted, or does not have each row once.
        """
        self._ids, self._rows, self._high, self._low = (numbers(batch, name, source) for name in IDS_SCHEMA.names)
        if not _is_permutation(self._rows) or (self._ids[1:] < self._ids[:-1]).any():
            raise IndexCorrupt(f"{source} is not sorted, or does not hold every row once")

    @property
    def hashes(self) -> NDArray[np.uint64]:
        """The hashes of all ids, ascending."""
        return self._ids

    def candidates(self, ids: Sequence[str]) -> list[list["IdEntry"]]:
        """Return, for each id, the rows that have its hash, the last one first."""
        hashes = np.fromiter((id_hash(id_) for id_ in ids), np.uint64, len(ids))
        first = np.searchsorted(self._ids, hashes, side="left").tolist()
        last = np.searchsorted(self._ids, hashes, side="right").tolist()
        return [
            [self._entry(position) for position in range(stop - 1, start - 1, -1)]
            for start, stop in zip(first, last, strict=True)
        ]

    def between(self, low: int, high: int) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.uint64]]:
        """Return the part of the table with hashes from ``low`` to ``high``, both included, ascending.

        Returns:
            The hashes, the row of each, and the content hash of each in two halves, uint64 of shape (n, 2).
        """
        first = np.searchsorted(self._ids, np.uint64(low), side="left")
        last = np.searchsorted(self._ids, np.uint64(high), side="right")
        contents = np.stack([self._high[first:last], self._low[first:last]], axis=1)
        return self._ids[first:last], self._rows[first:last], contents

    def contents_of_rows(self) -> NDArray[np.uint64]:
        """Return the content hash of each row, uint64 of shape (rows, 2)."""
        by_row = np.empty((len(self._rows), 2), np.uint64)
        by_row[self._rows, 0], by_row[self._rows, 1] = self._high, self._low
        return by_row

    def hash_of_rows(self) -> NDArray[np.uint64]:
        """Return the hash of each row's id, uint64 of shape (rows,)."""
        by_row = np.empty(len(self._rows), np.uint64)
        by_row[self._rows] = self._ids
        return by_row

    def _entry(self, position: int) -> "IdEntry":
        return IdEntry(int(self._rows[position]), (int(self._high[position]), int(self._low[position])))


@dataclass(frozen=True, slots=True)
class IdEntry:
    """A row, and the hash of its content."""

    row: int
    content: tuple[int, int]


def _is_permutation(rows: NDArray[np.int64]) -> bool:
    if len(rows) == 0:
        return True
    if rows.min() < 0 or rows.max() >= len(rows):
        return False
    return bool((np.bincount(rows, minlength=len(rows)) == 1).all())
