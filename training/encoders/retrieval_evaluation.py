"""Evaluates an encoder on held-out lists: exact search among the passages of all of them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...rerank import ideal_dcg, ndcg
from ..ranking_list import RankingList

DEPTH = 10


@dataclass(frozen=True, slots=True, eq=False)
class JudgedPassages:
    """Queries, the passages of all their lists, and the gain of each passage for each query.

    Args:
        queries: The distinct queries.
        passages: The distinct passages.
        gains: For each query, the gains above 0 by the position of the passage.
    """

    queries: tuple[str, ...]
    passages: tuple[str, ...]
    gains: tuple[Mapping[int, float], ...]

    @staticmethod
    def of(lists: Sequence[RankingList], *, scored: bool = False) -> "JudgedPassages":
        """Collect lists: gains are their labels, or with ``scored`` the sigmoid of labels that are logits."""
        positions: dict[str, int] = {}
        gains: dict[str, dict[int, float]] = {}
        for item in lists:
            gains_of_query = gains.setdefault(item.query, {})
            for passage, label in zip(item.passages, item.labels, strict=True):
                position = positions.setdefault(passage, len(positions))
                gain = _sigmoid(label) if scored else label
                if gain > 0:
                    gains_of_query[position] = max(gain, gains_of_query.get(position, 0.0))
        return JudgedPassages(tuple(gains), tuple(positions), tuple(gains.values()))


def mean_ndcg(scores: NDArray[np.float32], gains: Sequence[Mapping[int, float]], *, depth: int = DEPTH) -> float:
    """Return the mean nDCG with linear gains, as trec_eval calculates it.

    Passages with equal scores keep their order. A query without a gain counts 0.

    Args:
        scores: Shape (queries, passages).
        gains: For each query, the gains above 0 by the position of the passage.
        depth: The rank at which nDCG is cut.
    """
    values: list[float] = []
    for row, gains_of_query in zip(scores, gains, strict=True):
        ranking = np.argsort(-row, kind="stable")[:depth]
        ranked = np.array([gains_of_query.get(int(position), 0.0) for position in ranking])
        values.append(float(ndcg(ranked, ideal_dcg(gains_of_query.values(), cutoff=depth), cutoff=depth)))
    return float(np.mean(values)) if values else 0.0


def _sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit)) if logit > -700 else 0.0
