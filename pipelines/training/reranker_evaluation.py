"""How well a reranker orders the candidates of queries that it was not trained on. Knows no model and no index."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...rerank import Pair
from ...training import QUALITY, RankingList
from ..evaluation import Run, per_query
from ..search import final_scores

MEASURE = "nDCG@10"
BLENDS = tuple(round(0.1 * step, 1) for step in range(11))
"""Weights of the reranker against stage one that are tried."""
ALONE, FIRST_STAGE, BLEND = "alone", "stage_one", "blend"
"""In what is found beside the quality: the reranker alone, stage one alone, and the weight that was best."""


ScorePairs = Callable[[Sequence[Pair]], NDArray[np.float32]]
"""Logits of pairs, shape (pairs,)."""


@dataclass(frozen=True, slots=True)
class HeldOutQuery:
    """The candidates of stage one in its order, their grades as labels, and its scores as prior.

    ``missing`` has the grades of judged documents that stage one did not find: the ideal order has them.
    """

    candidates: RankingList
    missing: tuple[int, ...]


def evaluate_blends(queries: Sequence[HeldOutQuery], score: ScorePairs) -> dict[str, float]:
    """Mean nDCG@10 with the best of ``BLENDS``, which is the quality, and what else has a name above.

    Of weights that are equally good the lowest is taken.
    """
    means = ndcg_by_blend(queries, score)
    best = int(np.argmax(means))
    return {QUALITY: means[best], BLEND: BLENDS[best], ALONE: means[-1], FIRST_STAGE: means[0]}


def ndcg_by_blend(queries: Sequence[HeldOutQuery], score: ScorePairs) -> list[float]:
    """Mean nDCG@10 for each of ``BLENDS``, calculated as a search calculates them."""
    pairs = [(query.candidates.query, passage) for query in queries for passage in query.candidates.passages]
    sizes = [len(query.candidates.passages) for query in queries]
    logits = np.split(score(pairs).astype(np.float64), np.cumsum(sizes)[:-1])
    return [_mean_ndcg(queries, logits, blend) for blend in BLENDS]


def _mean_ndcg(queries: Sequence[HeldOutQuery], logits: Sequence[NDArray[np.float64]], blend: float) -> float:
    run: Run = {}
    qrels: dict[str, dict[str, int]] = {}
    for number, (query, own) in enumerate(zip(queries, logits, strict=True)):
        candidates = query.candidates
        name = str(number)
        qrels[name] = {str(place): int(label) for place, label in enumerate(candidates.labels)}
        qrels[name] |= {f"missing {place}": grade for place, grade in enumerate(query.missing)}
        if len(own):
            scores = final_scores(own, np.array(candidates.prior, np.float64), blend)
            run[name] = [(str(place), float(scores[place])) for place in np.argsort(-scores, kind="stable")]
    return float(np.mean(list(per_query((MEASURE,), qrels, run)[MEASURE].values())))
