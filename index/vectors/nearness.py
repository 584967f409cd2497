"""near_pairs: the pairs of vectors whose inner product reaches a threshold, without comparing all of them.

FAISS finds candidates: exactly up to ``EXACT_VECTORS``, and from then on among the vectors of a few inverted lists
(Jegou et al. 2011, "Product quantization for nearest neighbor search", section 4), with one byte for a dimension. The
score of each candidate is then computed from the vectors themselves. So a pair may be missed, but none is there by
mistake.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError
from ...errors.arguments import checked_count, checked_number
from .faiss_index import VectorIndex
from .scan import SearchSettings, as_float32_vectors
from .within import ROUNDING

EXACT_VECTORS = 20_000
"""Up to so many vectors all pairs are compared, which takes a core about ten seconds."""
LISTS_PROBED = 24
"""With 20 neighbours of each, 98 % of the pairs with a cosine of 0.8 were found among 100,000 short texts."""
TRAINED_ON_OF_LIST = 40
"""Vectors that each list is trained on; FAISS asks for 39."""
VECTORS_AT_ONCE = 2048
_CODE_ERROR = 0.01
"""What a code of 8 bits may change in an inner product; candidates may lack so much."""
_PRODUCTS_AT_ONCE = 1 << 14


class NearPairs:
    """Pairs of vectors by their rows, each once, in the order of rows.

    Attributes:
        first: The lower row of each pair, int64 of shape (pairs,).
        second: The higher one.
        scores: Their inner products, float32, rounded to six decimals.
    """

    def __init__(self, first: NDArray[np.int64], second: NDArray[np.int64], scores: NDArray[np.float32]) -> None:
        self.first, self.second, self.scores = first, second, scores

    def __len__(self) -> int:
        return len(self.scores)


def near_pairs(
    vectors: NDArray[np.float32],
    *,
    threshold: float,
    top_k: int,
    order: NDArray[np.int64] | None = None,
    watch: Callable[[int, int], None] | None = None,
) -> NearPairs:
    """Find the pairs of vectors whose inner product is at least ``threshold``.

    Each vector is searched for its ``top_k`` nearest others, so of a crowd of more than ``top_k`` near vectors not all
    pairs are found. What is found depends on the vectors and their order alone.

    Args:
        vectors: Unit vectors, float32 of shape (n, dimension); may be a memory map, of which blocks are read.
        threshold: The least inner product, from -1 to 1. One that is lower by no more than rounding counts as equal.
        top_k: How many others are looked at for each vector.
        order: Numbers the rows anew: vector i is row ``order[i]``; rows that are left out are not compared.
        watch: Called with how many vectors were searched for, of how many.

    Raises:
        ArgumentError: An argument is not valid, or a vector is not finite.
    """
    threshold = checked_number(threshold, "threshold", -1, 1)
    top_k = checked_count(top_k, "top_k")
    order = np.arange(len(vectors)) if order is None else order
    if vectors.ndim != 2 or vectors.dtype != np.float32:
        raise ArgumentError(f"vectors must be float32 of shape (n, dimension), not {vectors.dtype} of {vectors.shape}")
    count = len(order)
    if count < 2:
        return NearPairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))
    index, settings = _candidates_index(vectors, order)
    keys = [np.empty(0, np.int64)]
    slack = ROUNDING if index.kind == "Flat" else _CODE_ERROR
    for start in range(0, count, VECTORS_AT_ONCE):
        block = _block(vectors, order, start)
        near_scores, near = index.search(block, top_k + 1, settings=settings)
        own = np.arange(start, start + len(block))[:, None]
        rows, places = np.nonzero((near_scores >= threshold - slack - ROUNDING) & (near != own))
        others, own_rows = near[rows, places], rows + start
        keys.append(np.minimum(own_rows, others) * count + np.maximum(own_rows, others))
        if watch is not None:
            watch(min(start + VECTORS_AT_ONCE, count), count)
    unique = np.unique(np.concatenate(keys))
    first, second = unique // count, unique % count
    scores = pair_products(vectors, order[first], order[second])
    kept = scores >= threshold - ROUNDING
    return NearPairs(first[kept], second[kept], scores[kept])


def pair_products(
    vectors: NDArray[np.float32], first: NDArray[np.int64], second: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return the inner products of pairs of rows, float32 of shape (pairs,), rounded to six decimals.

    They are summed in float64, always in the same order, so that they do not depend on what else is compared.
    """
    products = np.empty(len(first), np.float32)
    for start in range(0, len(first), _PRODUCTS_AT_ONCE):
        part = slice(start, start + _PRODUCTS_AT_ONCE)
        both = vectors[first[part]] * vectors[second[part]]
        products[part] = both.sum(axis=1, dtype=np.float64).round(6)
    return products


def _candidates_index(vectors: NDArray[np.float32], order: NDArray[np.int64]) -> tuple[VectorIndex, SearchSettings]:
    """An index of the vectors, in their order, and how it is searched."""
    count = len(order)
    if count <= EXACT_VECTORS:
        index = VectorIndex(vectors.shape[1])
    else:
        lists = 1 << round(np.log2(3 * np.sqrt(count)))
        sample = np.linspace(0, count - 1, min(count, TRAINED_ON_OF_LIST * lists)).astype(np.int64)
        index = VectorIndex.trained(f"IVF{lists},SQ8", vectors[order[sample]])
    for start in range(0, count, VECTORS_AT_ONCE):
        index.add(_block(vectors, order, start))
    return index, SearchSettings(nprobe=LISTS_PROBED)


def _block(vectors: NDArray[np.float32], order: NDArray[np.int64], start: int) -> NDArray[np.float32]:
    return as_float32_vectors(vectors[order[start : start + VECTORS_AT_ONCE]], None, "vectors")
