"""rows_within: all rows whose inner product with a vector reaches a threshold, on every kind of index."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import IndexCorrupt
from .faiss_index import VectorIndex
from .scan import as_float32_vectors, count_allowed

_BLOCK_VALUES = 1 << 22
"""Numbers that are decoded at a time, and scores that are computed at a time: 16 MiB of each."""
ROUNDING = 1e-6
"""What float32 rounds off an inner product of unit vectors: equal vectors may have 0.9999999."""


@dataclass(frozen=True, slots=True)
class RowsWithin:
    """The rows that one vector finds.

    Attributes:
        scores: Inner products, float32 of shape (n,), best first, ties in the order of rows.
        rows: Their rows, int64 of shape (n,).
    """

    scores: NDArray[np.float32]
    rows: NDArray[np.int64]


def rows_within(
    index: VectorIndex,
    vectors: NDArray[np.float32],
    threshold: float,
    *,
    allowed: NDArray[np.bool_] | None = None,
) -> list[RowsWithin]:
    """Find all rows whose inner product with each vector is at least ``threshold``.

    Every row is compared, decoded as exactly as its code permits: a search of the lists or of the graph would miss
    some. A score that is lower by no more than rounding counts as equal. Beside the result it takes 32 MiB for each
    256 vectors.

    Args:
        index: The vectors.
        vectors: Float32 of shape (n, dimension).
        threshold: The least inner product.
        allowed: Which rows may be found, bool of shape (rows,); None allows all.

    Raises:
        ArgumentError: The vectors or the mask have another shape, or a value is not finite.
        IndexCorrupt: A score is not a finite number.
    """
    vectors = as_float32_vectors(vectors, index.dimension, "query vectors")
    count_allowed(allowed, len(index))
    step = max(1, _BLOCK_VALUES // max(1, len(vectors), index.dimension))
    scores: list[list[NDArray[np.float32]]] = [[] for _ in vectors]
    rows: list[list[NDArray[np.int64]]] = [[] for _ in vectors]
    for start in range(0, len(index) if len(vectors) else 0, step):
        stop = min(start + step, len(index))
        numbers = np.arange(start, stop) if allowed is None else start + np.flatnonzero(allowed[start:stop])
        if not len(numbers):
            continue
        products = vectors @ index.vectors(start, stop)[numbers - start].T
        if not np.isfinite(products).all():
            raise IndexCorrupt("stored vectors, or what they are decoded with, are not finite numbers")
        near = products >= threshold - ROUNDING
        for line in np.flatnonzero(near.any(axis=1)).tolist():
            scores[line].append(products[line, near[line]])
            rows[line].append(numbers[near[line]])
    return [_joined(*line) for line in zip(scores, rows, strict=True)]


def _joined(scores: list[NDArray[np.float32]], rows: list[NDArray[np.int64]]) -> RowsWithin:
    all_scores = np.concatenate([np.empty(0, np.float32), *scores])
    order = np.argsort(-all_scores, kind="stable")
    return RowsWithin(all_scores[order], np.concatenate([np.empty(0, np.int64), *rows])[order])
