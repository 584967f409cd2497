"""Any number of vectors, made from some real ones: each row by itself, so that none must be kept."""

from collections.abc import Iterator

import faiss
import numpy as np
from numpy.typing import NDArray

BLOCK_ROWS = 16_384
PARTNERS = 16
MOST_PARTNER = 0.5
"""The largest weight of the partner; that of the real vector itself is the rest."""
NOISE = 0.25
"""The length of the noise, of vectors of length 1."""
HOW = (
    f"row = (1 - w) x a real vector + w x one of its {PARTNERS} nearest others + noise of length {NOISE}, of length 1; "
    f"which ones, w from 0 to {MOST_PARTNER} and the noise are drawn anew for each row"
)


class MadeVectors:
    """Unit vectors whose neighbourhoods are like those of texts: many rows near each real vector, and none twice.

    Args:
        real: Unit vectors, float32 of shape (n, dimension), with more than ``PARTNERS`` rows.
        rows: How many to make.
    """

    def __init__(self, real: NDArray[np.float32], rows: int) -> None:
        self._real = np.ascontiguousarray(real, np.float32)
        self.rows = rows
        _, near = faiss.knn(self._real, self._real, PARTNERS + 1, metric=faiss.METRIC_INNER_PRODUCT)
        self._near = near[:, 1:]

    def blocks(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield the number of the first row of each block, and the vectors."""
        for first in range(0, self.rows, BLOCK_ROWS):
            yield first, self.block(first, min(BLOCK_ROWS, self.rows - first))

    def block(self, first: int, rows: int) -> NDArray[np.float32]:
        """Return up to ``BLOCK_ROWS`` rows; ``first`` is a multiple of that."""
        chance = np.random.default_rng((24, first))
        own = chance.integers(len(self._real), size=BLOCK_ROWS)[:rows]
        other = self._near[own, chance.integers(PARTNERS, size=BLOCK_ROWS)[:rows]]
        weight = chance.uniform(0.0, MOST_PARTNER, BLOCK_ROWS).astype(np.float32)[:rows, None]
        dimension = self._real.shape[1]
        made = chance.standard_normal((rows, dimension), dtype=np.float32)
        made *= NOISE / dimension**0.5
        made += (1.0 - weight) * self._real[own]
        made += weight * self._real[other]
        made /= np.linalg.norm(made, axis=1, keepdims=True)
        return made


class ExactAnswers:
    """The true nearest rows of some queries, found while the vectors stream by."""

    def __init__(self, queries: NDArray[np.float32], k: int) -> None:
        self._queries, self._k = queries, k
        self._scores = np.empty((len(queries), 0), np.float32)
        self._rows = np.empty((len(queries), 0), np.int64)

    def add(self, first: int, block: NDArray[np.float32]) -> None:
        """Compare the next rows."""
        scores, rows = faiss.knn(self._queries, block, min(self._k, len(block)), metric=faiss.METRIC_INNER_PRODUCT)
        scores = np.concatenate([self._scores, scores], axis=1)
        rows = np.concatenate([self._rows, rows + first], axis=1)
        best = np.argsort(-scores, axis=1, kind="stable")[:, : self._k]
        self._scores, self._rows = (np.take_along_axis(values, best, 1) for values in (scores, rows))

    def recall(self, found: NDArray[np.int64]) -> float:
        """Return the share of the true rows that were found; ``found`` has the shape (queries, k)."""
        shares = [len(np.intersect1d(a, b)) / self._k for a, b in zip(found, self._rows, strict=True)]
        return float(np.mean(shares))
