"""Token vectors: a small vector for each token of each passage of a segment, for late interaction.

Uncompressed Arrow IPC: a list of vectors for each passage, in the order of the vectors that searches compare.
"""

from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...errors import ArgumentError, IndexCorrupt
from ..files import CheckedFile, File, RecordBatch, open_batches, record_batch
from ..metadata import array_of
from .token_ids import ListsTable

TokenVectors = NDArray[np.int8]
"""The token vectors of a passage, int8 of shape (tokens, dim). All passages of an index have the same ``dim``."""

MOST_DIMENSIONS = 4096
_BATCH_BYTES = 1 << 24
"""Bytes in a batch of the file, about. Writing one takes twice that of memory."""


def dim_of(token_vectors: Sequence[NDArray[Any]]) -> int | None:
    """Return the number of dimensions of the vectors of some passages; None of no passages."""
    return int(token_vectors[0].shape[1]) if len(token_vectors) else None


def check_token_vectors(token_vectors: Sequence[NDArray[Any]]) -> None:
    """Raise ``ArgumentError`` unless each passage has an int8 array of shape (tokens, dim), with the same ``dim``."""
    for row, vectors in enumerate(token_vectors):
        is_array = isinstance(vectors, np.ndarray)  # pyright: ignore[reportUnnecessaryIsInstance]
        if not is_array or vectors.ndim != 2 or vectors.dtype != np.int8:
            described = f"{vectors.dtype} of shape {vectors.shape}" if is_array else type(vectors).__name__
            raise ArgumentError(
                f"the token vectors of passage {row} must be an array of int8 of shape (tokens, dim), not {described}"
            )
        dim = int(vectors.shape[1])
        if not 1 <= dim <= MOST_DIMENSIONS:
            raise ArgumentError(f"token vectors have 1 to {MOST_DIMENSIONS} dimensions; those of passage {row} {dim}")
        if dim != dim_of(token_vectors):
            raise ArgumentError(
                f"the token vectors of passage {row} have {dim} dimensions, and those of passage 0 "
                f"{dim_of(token_vectors)}; give those of one model"
            )


class TokenVectorsWriter:
    """Writes the token vectors of a segment. At most one batch of the file is in memory, twice."""

    def __init__(self, file: CheckedFile, kinds: Iterable[int | None]) -> None:
        """Write vectors of the only number of dimensions in ``kinds``; None stands for no passages.

        Raises:
            IndexCorrupt: There are two numbers of dimensions.
        """
        dims = sorted({kind for kind in kinds if kind is not None})
        if len(dims) > 1:
            raise IndexCorrupt(
                f"the token vectors of some segments have {dims[0]} dimensions, and of others {dims[-1]}: they are of "
                "two models"
            )
        self._dim = dims[0] if dims else 1
        self._schema = _schema(self._dim)
        self._arrow: Any = pa.ipc.new_file(file, self._schema)
        self._vectors: list[TokenVectors] = []
        self._held = 0

    def fits(self, kind: object) -> bool:
        """Whether vectors of so many dimensions can be written."""
        return kind in (None, self._dim)

    def write(self, token_vectors: Sequence[NDArray[Any]]) -> None:
        """Append one array for each passage."""
        for vectors in token_vectors:  # one by one: the same vectors make the same file in whatever batches they come
            self._vectors.append(np.array(vectors, np.int8))  # a copy: the caller may use its array for others
            self._held += vectors.nbytes + 1
            if self._held >= _BATCH_BYTES:
                self._flush()

    def close(self) -> None:
        """Write the rest."""
        if self._vectors:
            self._flush()
        self._arrow.close()

    def _flush(self) -> None:
        offsets: Any = np.array([0, *accumulate(map(len, self._vectors))], np.int64)
        values = np.concatenate(self._vectors).reshape(-1)
        self._vectors, self._held = [], 0
        vectors = cast(Any, pa.FixedSizeListArray).from_arrays(pa.array(values), self._dim)
        lists = cast(Any, pa.LargeListArray).from_arrays(offsets, vectors)
        self._arrow.write_batch(record_batch([lists], self._schema))


class TokenVectorsTable(ListsTable[TokenVectors]):
    """The token vectors of a segment's passages. They stay in the memory of the file."""

    def __init__(self, path: File, *, rows: int, thorough: bool) -> None:
        """Open a file.

        Args:
            path: The file.
            rows: The number of passages that it must have.
            thorough: Check every value.

        Raises:
            IndexCorrupt: The file is damaged, has another number of passages, or vectors outside of it.
        """
        batches = [batch for batch in open_batches(path, None, thorough=thorough) if batch.num_rows]
        self.kind: int | None = _dim(batches[0].schema, path) if batches else None
        parts = [_offsets_and_vectors(batch, self.kind or 1, path) for batch in batches]
        super().__init__(path, parts, rows=rows, values="token vectors")


def _schema(dim: int) -> pa.Schema:
    return pa.schema([("token_vectors", pa.large_list(pa.list_(pa.int8(), dim)))])


def _dim(schema: pa.Schema, path: File) -> int:
    lists = cast(Any, schema).field(0).type if len(schema) else None
    dim = getattr(getattr(lists, "value_type", None), "list_size", 0)
    if not 1 <= dim <= MOST_DIMENSIONS or not schema.equals(_schema(dim)):
        raise IndexCorrupt(
            f"{path} has the columns {schema!s:.200}, not one column of lists of int8 vectors of 1 to "
            f"{MOST_DIMENSIONS} dimensions"
        )
    return dim


def _offsets_and_vectors(batch: RecordBatch, dim: int, path: File) -> tuple[NDArray[np.int64], TokenVectors]:
    lists = batch.column(0)
    vectors = lists.values
    values = vectors.values
    if lists.null_count or vectors.null_count or values.null_count:
        raise IndexCorrupt(f"{path} has missing values")
    offsets = array_of(lists.offsets)
    if offsets[0] < 0 or offsets[-1] > len(vectors) or (offsets[1:] < offsets[:-1]).any():
        raise IndexCorrupt(f"{path} has token vectors that lie outside of it, or end before they begin")
    if len(values) != len(vectors) * dim:
        raise IndexCorrupt(f"{path} has {len(values)} numbers in {len(vectors)} token vectors of {dim} dimensions")
    return offsets, array_of(values).reshape(-1, dim)
