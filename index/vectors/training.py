"""Draws the rows that an index type is trained on, and makes an empty index of it."""

import re

import numpy as np
from numpy.typing import NDArray

from .faiss_index import FLAT, VectorIndex

TRAINING_ROWS = 100_000
TRAINING_ROWS_A_LIST = 39
"""FAISS calls the centres of fewer rows poor."""


def training_rows(factory: str, *, segment_rows: int) -> int:
    """Return how many rows to train on: enough for each inverted list, but no more than are in memory for a segment.

    Args:
        factory: A FAISS factory string.
        segment_rows: The most vectors that a segment will hold.
    """
    named = re.search(r"IVF(\d{1,9})", factory)
    lists = int(named[1]) if named else 0
    return max(TRAINING_ROWS, min(segment_rows, TRAINING_ROWS_A_LIST * lists))


def sample_rows(rows: int, count: int, *, seed: int = 0) -> NDArray[np.int64]:
    """Draw rows at random, always the same for the same arguments.

    Args:
        rows: The number of rows.
        count: How many to draw; all if there are fewer.
        seed: Random seed.

    Returns:
        Different rows, int64, ascending.
    """
    if count >= rows:
        return np.arange(rows)
    return np.sort(np.random.default_rng(seed).choice(rows, count, replace=False)).astype(np.int64)


def new_index(factory: str, sample: NDArray[np.float32]) -> VectorIndex:
    """Make an empty index, and train it if its type needs that.

    Args:
        factory: A FAISS factory string.
        sample: Vectors to train on, float32 of shape (n, dimension).

    Raises:
        ArgumentError: As for ``VectorIndex.trained``.
    """
    return VectorIndex(sample.shape[1]) if factory == FLAT else VectorIndex.trained(factory, sample)
