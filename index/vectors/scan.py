"""Search settings, the order of results, and the exhaustive scan.

``scan`` compares all allowed rows, for kinds of index whose search takes no filter.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError, IndexCorrupt

_MAX_SETTING = 1 << 20
_BLOCK_VALUES = 1 << 22
"""Numbers that a scan decodes at a time, and scores that it computes at a time: 16 MiB of each."""
_QUERIES = 256


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """How hard an approximate index searches. None takes the default; an exact index ignores all of them.

    Args:
        nprobe: Inverted lists to visit.
        ef_search: Nodes of the graph to keep in view.
        k_factor: Candidates to score again with the finer codes, in multiples of k.

    Raises:
        ArgumentError: A value is not a whole number from 1 to 2**20.
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


def as_float32_vectors(vectors: NDArray[np.float32], dimension: int | None, name: str) -> NDArray[np.float32]:
    """Return vectors as contiguous float32.

    Args:
        vectors: Shape (n, dimension).
        dimension: The length that a vector must have; None accepts any.
        name: What the vectors are, for messages.

    Raises:
        ArgumentError: The shape is another, or a value is not finite.
    """
    if vectors.ndim != 2 or vectors.shape[1] == 0 or vectors.shape[1] != (dimension or vectors.shape[1]):
        raise ArgumentError(f"{name} must be of shape (n, {dimension or 'dimension'}), not {vectors.shape}")
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    if not np.isfinite(vectors).all():
        row = int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])
        raise ArgumentError(f"row {row} of the {name} has values that are not finite")
    return vectors


def count_allowed(allowed: NDArray[np.bool_] | None, rows: int) -> int:
    """Return how many rows a mask allows.

    Args:
        allowed: Bool of shape (rows,); None allows all.
        rows: The number of rows.

    Raises:
        ArgumentError: The mask has another shape or type.
    """
    if allowed is None:
        return rows
    if allowed.shape != (rows,) or allowed.dtype != np.bool_:
        raise ArgumentError(f"allowed must be {rows} bools, not {allowed.dtype} of shape {allowed.shape}")
    return int(np.count_nonzero(allowed))


def ordered(
    scores: NDArray[np.float32], rows: NDArray[np.int64], k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the best k of each line, best first.

    Ties are in the order of rows. Entries without a row (-1) come last.

    Args:
        scores: Shape (lines, n).
        rows: The rows of the scores, same shape.
        k: How many to keep.
    """
    order = np.lexsort((rows, np.where(rows < 0, np.inf, -scores)))[:, :k]
    lines = np.arange(len(scores))[:, None]
    return scores[lines, order], rows[lines, order]


def require_full(scores: NDArray[np.float32], rows: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return scores and rows unchanged.

    Raises:
        IndexCorrupt: An entry has no row or no finite score. FAISS passes over rows whose score is NaN.
    """
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
    """Find the best rows for each vector by comparing all of them.

    Args:
        vectors: Float32 of shape (n, dimension).
        rows: The rows to compare, ascending, at least k.
        decode: Returns the vectors of some rows.
        k: How many rows to find.

    Returns:
        Scores and rows, both of shape (n, k), best first.
    """
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
