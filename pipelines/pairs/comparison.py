"""Judges pairs of texts: by the cosine of their vectors and, where there is one, by a model of pairs in both orders."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError
from ...index.vectors import ROUNDING, pair_products
from ...rerank import Pair

PAIRS_AT_ONCE = 1024


class TextPairScorer(Protocol):
    """Compares two texts, as ``PairScorer`` does."""

    def score(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        """Return a number from 0 to 1 for each pair, float32 of shape (len(pairs),)."""
        ...


@dataclass(frozen=True, slots=True)
class JudgedPairs:
    """How alike the texts of some pairs are.

    Attributes:
        scores: Their cosines, float32 of shape (pairs,).
        verified: What the model of pairs gave, the mean of both orders; all 1 where there is none.
        is_same: Whether both are high enough, bool.
    """

    scores: NDArray[np.float32]
    verified: NDArray[np.float32]
    is_same: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Judges pairs of texts by their numbers.

    Attributes:
        vectors: Float32 of shape (n, dimension).
        rows: The row of each text in ``vectors``.
        threshold: The least cosine.
        scorer: The model of pairs; None judges by the cosine alone.
        least_verified: The least number of that model.
        texts: Gives texts by their numbers.
    """

    vectors: NDArray[np.float32]
    rows: NDArray[np.int64]
    threshold: float
    scorer: TextPairScorer | None
    least_verified: float
    texts: Callable[[Sequence[int]], list[str]]

    def judge(self, first: NDArray[np.int64], second: NDArray[np.int64]) -> JudgedPairs:
        """Judge the pairs of the texts ``first[i]`` and ``second[i]``."""
        scores = pair_products(self.vectors, self.rows[first], self.rows[second])
        return self.verify(first, second, scores)

    def verify(
        self,
        first: NDArray[np.int64],
        second: NDArray[np.int64],
        scores: NDArray[np.float32],
        watch: Callable[[int, int], None] | None = None,
    ) -> JudgedPairs:
        """Judge pairs whose cosines are known already."""
        is_near = scores >= self.threshold - ROUNDING
        verified = np.ones(len(scores), np.float32)
        if self.scorer is None:
            return JudgedPairs(scores, verified, is_near)
        near = np.flatnonzero(is_near)
        verified[~is_near] = 0.0
        for start in range(0, len(near), PAIRS_AT_ONCE):
            part = near[start : start + PAIRS_AT_ONCE]
            verified[part] = self._both_orders(self.scorer, first[part], second[part])
            if watch is not None:
                watch(start + len(part), len(near))
        return JudgedPairs(scores, verified, is_near & (verified >= self.least_verified))

    def _both_orders(
        self, scorer: TextPairScorer, first: NDArray[np.int64], second: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        # The lower number is always the first text, so that a score does not depend on which text asks.
        low, high = np.minimum(first, second), np.maximum(first, second)
        numbers = np.unique(np.concatenate([low, high])).tolist()
        texts = dict(zip(numbers, self.texts(numbers), strict=True))
        pairs = [(texts[lower], texts[higher]) for lower, higher in zip(low.tolist(), high.tolist(), strict=True)]
        scores = np.asarray(scorer.score([*pairs, *((higher, lower) for lower, higher in pairs)]), np.float32)
        if scores.shape != (2 * len(pairs),) or not ((scores >= 0) & (scores <= 1)).all():
            raise ArgumentError(
                "reranker must return one score from 0 to 1 for each pair: give a model's name, or PairScorer(model)"
            )
        both = scores[: len(pairs)] + scores[len(pairs) :]
        return (both / np.float32(2)).round(6).astype(np.float32)
