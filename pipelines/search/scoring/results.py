"""SearchResult, and how scored candidates are ordered into results."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ....index import Coverage, Document, Hit, Passage, StageScore
from ....rerank import UNCALIBRATED, Calibration
from .blend import Scales, final_scores
from .relevance import against_background, agree_with_order, estimate


@dataclass(frozen=True, slots=True)
class ScoredCandidates:
    """The candidates of one query, of which the first were reranked.

    Attributes:
        hits: All candidates, those with a logit first.
        logits: Of the first candidates; shape (reranked,), float32.
        ranks: The rank that the first stage gave to each hit, from 1.
        stopped: For each logit the layer after which a cascade stopped, 0 for the whole model; None without a cascade.
    """

    hits: Sequence[Hit]
    logits: NDArray[np.float32]
    ranks: Sequence[int]
    stopped: NDArray[np.int64] | None = None

    @classmethod
    def in_order(
        cls, hits: Sequence[Hit], logits: NDArray[np.float32], stopped: NDArray[np.int64] | None = None
    ) -> "ScoredCandidates":
        """Make it from hits that are still in the order of the first stage."""
        return cls(hits, logits, range(1, len(hits) + 1), stopped)


@dataclass(frozen=True, slots=True)
class SearchResult:
    """One result of a search.

    Attributes:
        rank: From 1.
        document: The whole document.
        passage: The part of it that was found, with its span in ``document.text``.
        score: What the list is ordered by, higher is better: the reranker's logit, its blend with the first stage, or
            ``retrieval_score`` without a reranker.
        relevance: A number from 0 to 1 that never rises down the list, and is the same for equal scores. It comes
            from the logit, by the calibration or the sigmoid; where a document was not reranked (``logit`` is None) it
            is an estimate from the score of the first stage. The module ``relevance`` says how it is made to agree with
            the order.
        logit: The cross-encoder's raw output, or that of the early exit; None for a document that was not reranked.
        retrieval_score: What the first stage orders by.
        retrieval_rank: The rank in the first stage, from 1.
        dense_score: The cosine of query and passage; None where the first stage did not compute it.
        lexical_score: The BM25 score; None where the first stage did not compute it.
        exit_layer: The layer after which a cascade stopped; None where it did not.
        generation: The generation of the index that the whole answer is of; None for a retriever without an index.
            Results that differ in it alone are equal.
        stages: Rank and score through every stage, in the order of the search: "vectors", "words" (only with a word of
            the query), "fused", "feedback", "reranked" and "blended", as far as there are such stages. Ranks are among
            the candidates of the query. Results that differ in them alone are equal.
        coverage: How much of the index the whole answer is of; None where the index is not in shards. Results that
            differ in it alone are equal.
    """

    rank: int
    document: Document
    passage: Passage
    score: float
    relevance: float
    logit: float | None
    retrieval_score: float
    retrieval_rank: int
    dense_score: float | None = None
    lexical_score: float | None = None
    exit_layer: int | None = None
    generation: int | None = field(default=None, compare=False)
    stages: tuple[StageScore, ...] = field(default=(), compare=False, repr=False)
    coverage: Coverage | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class RelevanceCurves:
    """What makes relevance from scores.

    Attributes:
        reranked: From logits; None is the sigmoid.
        first_stage: From first-stage scores of documents that were not reranked; None takes default curves.
        ceiling: The most that a result of the query can have.
        own: Whether ``reranked`` is what the reranker brings along, which was not fitted to this collection.
    """

    reranked: Calibration | None = None
    first_stage: Calibration | None = None
    ceiling: float = 1.0
    own: bool = False


def order_results(
    scored: ScoredCandidates, blend: float, *, scales: Scales | None = None, curves: RelevanceCurves | None = None
) -> list[SearchResult]:
    """Order the candidates of one query.

    Candidates that were not reranked come last, in the order of the first stage. Where a cascade stopped after
    different layers, a candidate that reached a later layer comes first. All reranked candidates are standardised and
    blended together; the scores of those that stopped early are lowered, where needed, below those of the others.

    Args:
        scored: The candidates, of which the first have logits.
        blend: Weight of the logits, from 0 to 1.
        scales: See ``final_scores``.
        curves: What makes ``relevance``; None takes the defaults.
    """
    hits, logits, reranked = scored.hits, scored.logits, len(scored.logits)
    retrieval = np.array([hit.score for hit in hits], dtype=np.float64)
    scores = retrieval.copy()
    stopped = np.zeros(reranked, np.int64) if scored.stopped is None else scored.stopped
    # The whole model first, then the exits, the last one first, and then what was not reranked.
    tiers = np.full(len(hits), np.iinfo(np.int64).max)
    tiers[:reranked] = np.where(stopped == 0, np.iinfo(np.int64).min, -stopped)
    if reranked:
        scores[:reranked] = final_scores(logits.astype(np.float64), retrieval[:reranked], blend, scales=scales)
        _lower(scores[:reranked], tiers[:reranked])
        # The scores of the rest continue downwards from the lowest score.
        scores[reranked:] += scores[:reranked].min() - retrieval[reranked - 1 :].max()
    # A stable sort on the score alone keeps the order of the first stage, whose equals are ordered by id.
    ordered = [*np.lexsort((-scores[:reranked], tiers[:reranked])).tolist(), *range(reranked, len(hits))]
    curves = curves or RelevanceCurves()
    curve, values = curves.reranked or UNCALIBRATED, logits.astype(np.float64)
    if curves.own and scored.stopped is None:  # an early exit has other logits
        values = against_background(values, curve)
    estimates = np.concatenate([curve.apply(values), estimate(hits[reranked:], curves.first_stage)])
    relevance = agree_with_order(estimates[ordered], scores[ordered], tiers[ordered], ceiling=curves.ceiling)
    return [
        SearchResult(
            rank=rank,
            document=hits[i].document,
            passage=hits[i].passage,
            score=float(scores[i]),
            relevance=float(relevance[rank - 1]),
            logit=float(logits[i]) if i < reranked else None,
            retrieval_score=hits[i].score,
            retrieval_rank=scored.ranks[i],
            dense_score=hits[i].dense_score,
            lexical_score=hits[i].lexical_score,
            exit_layer=int(stopped[i]) or None if i < reranked else None,
        )
        for rank, i in enumerate(ordered, start=1)
    ]


def _lower(scores: NDArray[np.float64], tiers: NDArray[np.int64]) -> None:
    """Lower the scores of each tier, in place, so that none is above one of the tier before."""
    floor = np.inf
    for tier in np.unique(tiers):
        rows = tiers == tier
        top = scores[rows].max()
        if top > floor:
            scores[rows] = floor - (top - scores[rows])
        floor = scores[rows].min()


def scores_of_stages(
    answers: Iterable[Sequence[SearchResult]],
) -> tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]]:
    """Return for each answer the scores of the first stage and the logits, both in the order of the first stage."""
    retrieval: list[NDArray[np.float64]] = []
    logits: list[NDArray[np.float64]] = []
    for results in answers:
        ranked = sorted(results, key=lambda result: result.retrieval_rank)
        retrieval.append(np.array([result.retrieval_score for result in ranked]))
        logits.append(np.array([result.logit for result in ranked], np.float64))
    return retrieval, logits


def at_least(results: Sequence[SearchResult], min_relevance: float) -> list[SearchResult]:
    """Return the results of at least this relevance, which come first; below them none has it."""
    return [result for result in results if result.relevance >= min_relevance]
