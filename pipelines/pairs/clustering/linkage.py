"""Average linkage: texts become clusters by the mean cosine of the pairs between them.

The two clusters with the highest mean are joined, then the next two, as long as that mean reaches a threshold. The mean
cosine between two clusters is the inner product of their mean vectors, so it is computed exactly and no matrix of
all pairs is needed. Only clusters that have near texts are compared, and all pairs of clusters of which each is the
other's nearest are joined in the same round. That gives the same clusters as joining one pair after the other (Sumengen
et al. 2021, "Scaling Hierarchical Agglomerative Clustering to Billion-sized Datasets", section 3). scikit-learn's
AgglomerativeClustering does it in memory that grows with the square of the number of texts.
"""

from collections.abc import Callable, Sequence
from typing import IO

import numpy as np
from numpy.typing import NDArray

from ....index.vectors import ROUNDING, near_pairs, pair_products

_AT_ONCE = 1 << 13
"""Vectors that are copied or joined together."""


class Linkage:
    """Texts, each in a cluster of its own at first.

    Attributes:
        means: The mean vector of each cluster, at the row of its first text: float32 of shape (texts, dimension).
        weights: How many documents it has, at the same row.
    """

    def __init__(
        self, vectors: NDArray[np.float32], rows: NDArray[np.int64], counts: Sequence[int], file: IO[bytes]
    ) -> None:
        """Text i has the vector ``vectors[rows[i]]`` and ``counts[i]`` documents; ``file`` takes the means."""
        self.means = _copied(vectors, rows, file)
        self.weights = np.array(counts, np.float64)
        self._parents = np.arange(len(rows))

    def join(self, *, threshold: float, top_k: int, watch: Callable[[int, int], None] | None = None) -> None:
        """Join clusters until no two that are near have a mean cosine of ``threshold``.

        Args:
            threshold: The least mean cosine.
            top_k: How many nearest others of each cluster are compared with it.
            watch: Called with how many clusters were searched for, of how many.
        """
        while True:
            heads = np.flatnonzero(self._parents == np.arange(len(self._parents)))
            near = near_pairs(self.means, threshold=threshold, top_k=top_k, order=heads, watch=watch)
            if not len(near):
                return
            self._join_near(heads[near.first], heads[near.second], near.scores, threshold)
            if top_k >= len(heads) - 1:
                return  # all pairs were known, so none is left

    def heads(self) -> NDArray[np.int64]:
        """Return the first text of each text's cluster, int64 of shape (texts,)."""
        heads = self._parents
        while not np.array_equal(heads[heads], heads):
            heads = heads[heads]
        return heads

    def _join_near(
        self, first: NDArray[np.int64], second: NDArray[np.int64], scores: NDArray[np.float32], threshold: float
    ) -> None:
        """Join the clusters ``first[i]`` < ``second[i]``, of the mean cosine ``scores[i]``, and those that result."""
        while len(first):
            is_mutual = _mutual(first, second, scores, len(self.means))
            kept, joined = first[is_mutual], second[is_mutual]
            self._merge(kept, joined)
            changed = np.zeros(len(self.means), np.bool_)
            changed[kept] = changed[joined] = True
            is_changed = changed[first] | changed[second]
            left, right = self._parents[first[is_changed]], self._parents[second[is_changed]]
            keys = np.unique((np.minimum(left, right) * len(self.means) + np.maximum(left, right))[left != right])
            low, high = keys // len(self.means), keys % len(self.means)
            means = pair_products(self.means, low, high)
            is_near = means >= threshold - ROUNDING
            first = np.concatenate([first[~is_changed], low[is_near]])
            second = np.concatenate([second[~is_changed], high[is_near]])
            scores = np.concatenate([scores[~is_changed], means[is_near]])

    def _merge(self, kept: NDArray[np.int64], joined: NDArray[np.int64]) -> None:
        for start in range(0, len(kept), _AT_ONCE):
            into, gone = kept[start : start + _AT_ONCE], joined[start : start + _AT_ONCE]
            shares = (self.weights[gone] / (self.weights[into] + self.weights[gone]))[:, None]
            self.means[into] = (1 - shares) * self.means[into] + shares * self.means[gone]
        self.weights[kept] += self.weights[joined]
        self._parents[joined] = kept


def _mutual(
    first: NDArray[np.int64], second: NDArray[np.int64], scores: NDArray[np.float32], count: int
) -> NDArray[np.bool_]:
    """Whether each of two is the nearest of the other; of equal scores the pair with the lower numbers is nearer."""
    order = np.lexsort((second, first, -scores))
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(len(order))
    nearest = np.full(count, len(order))
    np.minimum.at(nearest, first, ranks)
    np.minimum.at(nearest, second, ranks)
    return (nearest[first] == ranks) & (nearest[second] == ranks)


def _copied(vectors: NDArray[np.float32], rows: NDArray[np.int64], file: IO[bytes]) -> NDArray[np.float32]:
    if not len(rows):
        return np.empty((0, vectors.shape[1]), np.float32)
    means = np.memmap(file, np.float32, "w+", shape=(len(rows), vectors.shape[1]))
    for start in range(0, len(rows), _AT_ONCE):
        means[start : start + _AT_ONCE] = vectors[rows[start : start + _AT_ONCE]]
    return means
