"""Evaluates a reranker on the candidates of held-out queries: nDCG@10 for each blend with the first stage."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...training import QUALITY, RankingList
from ...training.rerankers import ScorePairs
from ..evaluation import Run, per_query
from ..search import final_scores

MEASURE = "nDCG@10"
BLENDS = tuple(round(0.1 * step, 1) for step in range(11))
"""The weights of the reranker against the first stage that are tried."""
ALONE, FIRST_STAGE, BLEND = "alone", "stage_one", "blend"
"""Keys of an evaluation beside the quality: the reranker alone, the first stage alone, and the best blend."""


def evaluate_blends(lists: Sequence[RankingList], score: ScorePairs) -> dict[str, float]:
    """Return the mean nDCG@10 with the best blend as the quality, that blend, and both stages alone.

    Of blends that are equally good the lowest is taken.

    Args:
        lists: Candidates in first-stage order with grades, prior scores and missing grades.
        score: Scores pairs by the reranker.
    """
    means = ndcg_by_blend(lists, score)
    best = int(np.argmax(means))
    return {QUALITY: means[best], BLEND: BLENDS[best], ALONE: means[-1], FIRST_STAGE: means[0]}


def ndcg_by_blend(lists: Sequence[RankingList], score: ScorePairs) -> list[float]:
    """Return the mean nDCG@10 for each of ``BLENDS``, with the blending of a search."""
    pairs = [(item.query, passage) for item in lists for passage in item.passages]
    sizes = [len(item.passages) for item in lists]
    logits = np.split(score(pairs).astype(np.float64), np.cumsum(sizes)[:-1])
    return [_mean_ndcg(lists, logits, blend) for blend in BLENDS]


def _mean_ndcg(lists: Sequence[RankingList], logits: Sequence[NDArray[np.float64]], blend: float) -> float:
    run: Run = {}
    qrels: dict[str, dict[str, int]] = {}
    for number, (item, item_logits) in enumerate(zip(lists, logits, strict=True)):
        query_id = str(number)
        qrels[query_id] = {str(position): int(label) for position, label in enumerate(item.labels)}
        qrels[query_id] |= {f"missing {position}": int(grade) for position, grade in enumerate(item.missing)}
        if len(item_logits):
            scores = final_scores(item_logits, np.array(item.prior, np.float64), blend)
            order = np.argsort(-scores, kind="stable")
            run[query_id] = [(str(position), float(scores[position])) for position in order]
    return float(np.mean(list(per_query((MEASURE,), qrels, run)[MEASURE].values())))
