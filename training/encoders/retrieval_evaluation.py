"""Queries kept out of training, and what exact search finds for them. Knows no model, no index and no trainer."""

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
    """Queries, the passages of all of them together, and what each passage is worth to each query.

    ``gains`` has, for each query, numbers above 0 by the place of a passage; the others are worth nothing.
    """

    queries: tuple[str, ...]
    passages: tuple[str, ...]
    gains: tuple[Mapping[int, float], ...]

    @staticmethod
    def of(lists: Sequence[RankingList], *, scored: bool = False) -> "JudgedPassages":
        """From lists whose labels are grades; with ``scored``, a teacher's logits, which are worth their sigmoid."""
        places: dict[str, int] = {}
        gains: dict[str, dict[int, float]] = {}
        for one in lists:
            worth = gains.setdefault(one.query, {})
            for passage, label in zip(one.passages, one.labels, strict=True):
                place, gain = places.setdefault(passage, len(places)), _sigmoid(label) if scored else label
                if gain > 0:
                    worth[place] = max(gain, worth.get(place, 0.0))
        return JudgedPassages(tuple(gains), tuple(places), tuple(gains.values()))


def mean_ndcg(scores: NDArray[np.float32], gains: Sequence[Mapping[int, float]], *, depth: int = DEPTH) -> float:
    """The mean over queries of nDCG with linear gains, as trec_eval has it; ``scores`` has shape (queries, passages).

    Of passages with equal scores the earlier one comes first. A query for which nothing is worth anything counts 0.
    """
    values: list[float] = []
    for row, worth in zip(scores, gains, strict=True):
        ranked = np.array([worth.get(int(place), 0.0) for place in np.argsort(-row, kind="stable")[:depth]])
        values.append(float(ndcg(ranked, ideal_dcg(worth.values(), cutoff=depth), cutoff=depth)))
    return float(np.mean(values)) if values else 0.0


def _sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit)) if logit > -700 else 0.0
