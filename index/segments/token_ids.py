"""Token ids: the tokens of each passage of a segment, for a reranker.

Uncompressed Arrow IPC: a list of uint16 or uint32 for each passage, in the order of the vectors.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any, Generic, TypeVar, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...errors import ArgumentError, IndexCorrupt
from ..files import CheckedFile, File, RecordBatch, open_batches, record_batch
from ..metadata import array_of

TokenIds = NDArray[np.uint16] | NDArray[np.uint32]
"""The token ids of a passage, shape (tokens,)."""
Values = TypeVar("Values", bound=NDArray[Any])
TokenType = np.dtype[np.uint16] | np.dtype[np.uint32]

_NARROW, _WIDE = np.dtype(np.uint16), np.dtype(np.uint32)
_BATCH_IDS = 1 << 20
"""Token ids in a batch of the file, about: few enough for the memory, and few batches for a million passages."""


def widest(types: Iterable[TokenType | None]) -> TokenType | None:
    """Return the widest type that is given; None if no type is given."""
    present = {type_ for type_ in types if type_ is not None}
    return (_WIDE if _WIDE in present else _NARROW) if present else None


def type_of(tokens: Sequence[NDArray[Any]]) -> TokenType:
    """Return the type that holds all these ids: uint32 if one array needs it, else uint16."""
    return _WIDE if any(ids.dtype == _WIDE for ids in tokens) else _NARROW


def check_token_ids(tokens: Sequence[NDArray[Any]]) -> None:
    """Raise ``ArgumentError`` unless each passage has a flat array of uint16 or uint32."""
    for row, ids in enumerate(tokens):
        if not isinstance(ids, np.ndarray) or ids.ndim != 1 or ids.dtype not in (_NARROW, _WIDE):  # pyright: ignore[reportUnnecessaryIsInstance]
            described = f"{ids.dtype} of shape {ids.shape}" if isinstance(ids, np.ndarray) else type(ids).__name__  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ArgumentError(
                f"the token ids of passage {row} must be a flat array of uint16 or uint32, not {described}"
            )


class TokenIdsWriter:
    """Writes the token ids of a segment. At most one batch of the file is in memory."""

    def __init__(self, file: CheckedFile, kinds: Iterable[TokenType]) -> None:
        """Write ids in the widest of the types ``kinds``."""
        self.kind: TokenType = widest(kinds) or _NARROW
        self._schema = _schema(self.kind)
        self._arrow: Any = pa.ipc.new_file(file, self._schema)
        self._ids: list[NDArray[Any]] = []
        self._lengths: list[int] = []
        self._held = 0

    def fits(self, kind: object) -> bool:
        """Whether ids of this type can be written: the type is not wider than that of the file."""
        return kind in (_NARROW, self.kind)

    def write(self, tokens: Sequence[NDArray[Any]]) -> None:
        """Append one array for each passage, none wider than ``kind``."""
        for ids in tokens:  # one by one, so that the same ids make the same file in whatever batches they come
            self._ids.append(np.array(ids, self.kind))  # a copy: the caller may use its array for other ids
            self._lengths.append(len(ids))
            self._held += len(ids) + 1
            if self._held >= _BATCH_IDS:
                self._flush()

    def close(self) -> None:
        """Write the rest."""
        if self._lengths:
            self._flush()
        self._arrow.close()

    def _flush(self) -> None:
        offsets: Any = np.array([0, *accumulate(self._lengths)], np.int64)
        ids = np.concatenate([np.empty(0, self.kind), *self._ids])
        lists = cast(Any, pa.LargeListArray).from_arrays(offsets, ids)
        self._arrow.write_batch(record_batch([lists], self._schema))
        self._ids, self._lengths, self._held = [], [], 0


class ListsTable(Generic[Values]):
    """An array for each passage of a segment: a view into the memory of its file."""

    def __init__(
        self, path: File, parts: Sequence[tuple[NDArray[np.int64], Values]], *, rows: int, values: str
    ) -> None:
        """Join the batches of a file.

        Args:
            path: The file, for messages.
            parts: For each batch where each passage begins and the last one ends, and the values of all of them.
            rows: The number of passages that there must be.
            values: What the file holds, for messages.

        Raises:
            IndexCorrupt: There is another number of passages.
        """
        self._parts = parts
        self._first_rows = [0, *accumulate(len(offsets) - 1 for offsets, _ in parts)]
        if self._first_rows[-1] != rows:
            raise IndexCorrupt(f"{path} holds {values} of {self._first_rows[-1]} passages; the manifest says {rows}")

    def of(self, row: int) -> Values:
        """Return the array of the passage in a row: a view into the file, in about a microsecond."""
        number = bisect_right(self._first_rows, row) - 1
        offsets, values = self._parts[number]
        batch_row = row - self._first_rows[number]
        return cast("Any", values)[offsets[batch_row] : offsets[batch_row + 1]]

    def take(self, rows: Sequence[int]) -> list[Values]:
        """Return the arrays of the passages in ``rows``."""
        return [self.of(row) for row in rows]


class TokenIdsTable(ListsTable[TokenIds]):
    """The token ids of a segment's passages. They stay in the memory of the file."""

    def __init__(self, path: File, *, rows: int, thorough: bool) -> None:
        """Open a file.

        Args:
            path: The file.
            rows: The number of passages that it must have.
            thorough: Check every value.

        Raises:
            IndexCorrupt: The file is damaged, has another number of passages, or ids outside of it.
        """
        batches = [batch for batch in open_batches(path, None, thorough=thorough) if batch.num_rows]
        self.kind: TokenType = _NARROW
        if batches:
            self.kind = _kind(batches[0].schema, path)
        parts = [_offsets_and_ids(batch, path) for batch in batches]
        super().__init__(path, parts, rows=rows, values="token ids")


def _schema(kind: TokenType) -> pa.Schema:
    return pa.schema([("tokens", pa.large_list(pa.uint16() if kind == _NARROW else pa.uint32()))])


def _kind(schema: pa.Schema, path: File) -> TokenType:
    for kind in (_NARROW, _WIDE):
        if schema.equals(_schema(kind)):
            return kind
    raise IndexCorrupt(f"{path} has the columns {schema!s:.200}, not one column of lists of uint16 or uint32")


def _offsets_and_ids(batch: RecordBatch, path: File) -> tuple[NDArray[np.int64], TokenIds]:
    lists = batch.column(0)
    if lists.null_count or lists.values.null_count:
        raise IndexCorrupt(f"{path} has missing values")
    offsets, ids = (array_of(column) for column in (lists.offsets, lists.values))
    if offsets[0] < 0 or offsets[-1] > len(ids) or (offsets[1:] < offsets[:-1]).any():
        raise IndexCorrupt(f"{path} has token ids that lie outside of it, or end before they begin")
    return offsets, ids
