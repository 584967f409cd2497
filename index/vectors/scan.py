"""Search settings, the order of results, and the exhaustive scan.

``scan`` compares every row that is allowed, for kinds of index that cannot be told which rows those are.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError, IndexCorrupt

_MAX_SETTING = 1 << 20
_BLOCK_VALUES = 1 << 22
"""Numbers that a scan decodes, or scores that it computes, at a time: 16 MiB of each."""
_QUERIES = 256


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """How hard an approximate index searches; None leaves it at a default, and an exact index heeds none of them.

    ``nprobe``: inverted lists visited. ``ef_search``: nodes of the graph kept in view. ``k_factor``: candidates, in
    multiples of k, whose scores are computed again from the finer codes. Each is from 1 to 2**20 (``ArgumentError``).
    """

    nprobe: int | None = None
    ef_search: int | None = None
    k_factor: int | None = None

    def __post_init__(self) -> None:
        for name in ("nprobe", "ef_search", "k_factor"):
            value: object = getattr(self, name)
            whole = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _MAX_SETTING
            if value is not None and not whole:
                raise ArgumentError(f"{name} is {value!r}; it must be a whole number from 1 to {_MAX_SETTING}")


DEFAULT_SETTINGS = SearchSettings()


def checked(vectors: NDArray[np.float32], dimension: int | None, name: str) -> NDArray[np.float32]:
    """The vectors as float32 rows in a row; ``ArgumentError`` where they are not finite or not (n, dimension)."""
    if vectors.ndim != 2 or vectors.shape[1] == 0 or vectors.shape[1] != (dimension or vectors.shape[1]):
        raise ArgumentError(f"{name} must be of shape (n, {dimension or 'dimension'}), not {vectors.shape}")
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    if not np.isfinite(vectors).all():
        row = int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])
        raise ArgumentError(f"row {row} of the {name} has values that are not finite")
    return vectors


def count_allowed(allowed: NDArray[np.bool_] | None, rows: int) -> int:
    """How many of the rows a mask lets through; ``ArgumentError`` where it is not one bool for each."""
    if allowed is None:
        return rows
    if allowed.shape != (rows,) or allowed.dtype != np.bool_:
        raise ArgumentError(f"allowed must be {rows} bools, not {allowed.dtype} of shape {allowed.shape}")
    return int(np.count_nonzero(allowed))


def ordered(
    scores: NDArray[np.float32], rows: NDArray[np.int64], k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The best k of each line, best first, ties in the order of rows; places without a row (-1) go last."""
    order = np.lexsort((rows, np.where(rows < 0, np.inf, -scores)))[:, :k]
    return np.take_along_axis(scores, order, 1), np.take_along_axis(rows, order, 1)


def require_full(scores: NDArray[np.float32], rows: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The same; ``IndexCorrupt`` where a place has no row or no score: FAISS passes over rows whose score is NaN."""
    if (rows < 0).any() or not np.isfinite(scores).all():
        raise IndexCorrupt("stored vectors, or what they are decoded with, are not finite numbers")
    return scores, rows


def scan(
    vectors: NDArray[np.float32],
    rows: NDArray[np.int64],
    decode: Callable[[NDArray[np.int64]], NDArray[np.float32]],
    *,
    k: int,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The k best of ``rows`` (ascending, at least k) for each vector; ``decode`` gives the vectors of rows."""
    step = max(1, _BLOCK_VALUES // max(_QUERIES, vectors.shape[1]))
    best_scores = np.empty((len(vectors), k), np.float32)
    best_rows = np.empty((len(vectors), k), np.int64)
    for first in range(0, len(vectors), _QUERIES):
        queries = vectors[first : first + _QUERIES]
        best = np.empty((len(queries), 0), np.float32), np.empty((len(queries), 0), np.int64)
        for start in range(0, len(rows), step):
            numbers = rows[start : start + step]
            products = queries @ decode(numbers).T
            best = ordered(
                np.concatenate((best[0], products), axis=1),
                np.concatenate((best[1], np.broadcast_to(numbers, products.shape)), axis=1),
                k,
            )
        best_scores[first : first + _QUERIES], best_rows[first : first + _QUERIES] = best
    return best_scores, best_rows
