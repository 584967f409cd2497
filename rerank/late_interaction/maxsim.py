"""Scores a query against passages by their token vectors, in whole numbers: no result depends on the company."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TokenVectors = NDArray[np.int8]
"""The vectors of the tokens of a text, shape (tokens, dim); a vector of length one has the length ``UNIT``."""
UNIT = 127
WEIGHT_STEPS = 4096
"""The weight of the heaviest token of a query."""
LOWEST = -UNIT * UNIT
"""The product of opposite vectors: what a passage without vectors has. Whole numbers may not be lower."""
SLICE_BYTES = 4 * 2**20
"""The most memory of the vectors that are compared at once, as float32: they stay in the cache."""


@dataclass(frozen=True, slots=True, eq=False)
class QueryVectors:
    """The token vectors of a query, with what each counts.

    Attributes:
        vectors: int8 of shape (tokens, dim).
        weights: Whole numbers from 1 to ``WEIGHT_STEPS``, int64 of shape (tokens,).
    """

    vectors: TokenVectors
    weights: NDArray[np.int64]

    @staticmethod
    def of(vectors: TokenVectors, weights: NDArray[np.float32]) -> "QueryVectors":
        """Round weights, which are at least 0, to steps of the heaviest."""
        heaviest = weights.max(initial=0.0)
        shares = weights.astype(np.float64) / heaviest if heaviest > 0 else np.ones(len(weights))
        return QueryVectors(vectors, np.maximum(np.rint(shares * WEIGHT_STEPS), 1).astype(np.int64))


def max_sim(query: QueryVectors, passages: Sequence[TokenVectors]) -> NDArray[np.float64]:
    """Take for each token of a query the highest product with a token of a passage, and the weighted mean of these.

    All sums are of whole numbers that float32 and float64 hold exactly, so that their order does not matter: products
    of up to 1,024 dimensions are at most 2^24, and weighted sums of up to 2^13 tokens at most 2^49.

    Args:
        query: The query.
        passages: The token vectors of each passage.

    Returns:
        Means from -1 to about 1, float64 of shape (passages,). -1 for a passage without vectors, and for a query
        without any.
    """
    best = np.full((len(passages), len(query.weights)), LOWEST, np.float64)
    asked = query.vectors.astype(np.float32).T
    for rows in _slices(passages, query.vectors.shape[1]) if len(query.weights) else ():
        chosen = [passages[row] for row in rows]
        lengths = np.array([len(vectors) for vectors in chosen])
        starts = np.concatenate(([0], np.cumsum(lengths)[:-1]))
        products = np.concatenate(chosen).astype(np.float32) @ asked
        best[rows] = np.maximum(np.maximum.reduceat(products, starts, axis=0), LOWEST)
    total = int(query.weights.sum())
    return (best @ query.weights.astype(np.float64)) / (UNIT * UNIT * total) if total else np.full(len(passages), -1.0)


def _slices(passages: Sequence[TokenVectors], dim: int) -> Iterator[list[int]]:
    """The numbers of the passages that have vectors, in slices of at most ``SLICE_BYTES`` or of one passage."""
    most, rows, tokens = SLICE_BYTES // (4 * dim), list[int](), 0
    for row, vectors in enumerate(passages):
        if rows and tokens + len(vectors) > most:
            yield rows
            rows, tokens = [], 0
        if len(vectors):
            rows.append(row)
            tokens += len(vectors)
    if rows:
        yield rows
