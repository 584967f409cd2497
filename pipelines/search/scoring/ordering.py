"""Candidates and their logits to ordered results. Knows no model, no index and no budget."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ....index import Document, Hit, Passage
from ....rerank import UNCALIBRATED, Calibration

Scales = tuple[float, float]
"""Deviations of logits and of retrieval scores."""


@dataclass(frozen=True, slots=True)
class ScoredCandidates:
    """What is known of the candidates of one query: ``logits`` are of the first of ``hits``.

    ``ranks`` are the places, from 1, that stage one gives all of them. ``stopped`` has for each logit the layer after
    which reading stopped, 0 where it went to the end; None where all did.
    """

    hits: Sequence[Hit]
    logits: NDArray[np.float32]
    ranks: Sequence[int]
    stopped: NDArray[np.int64] | None = None

    @classmethod
    def in_order(
        cls, hits: Sequence[Hit], logits: NDArray[np.float32], stopped: NDArray[np.int64] | None = None
    ) -> "ScoredCandidates":
        """Of hits in the order of stage one."""
        return cls(hits, logits, range(1, len(hits) + 1), stopped)


@dataclass(frozen=True, slots=True)
class SearchResult:
    """One line of an answer.

    ``passage`` is the part of the document that was found, with its span in ``document.text``. ``score`` orders the
    list, higher is better: the reranker's logit, its blend with stage one, or ``retrieval_score`` without a reranker.
    ``logit`` is the cross-encoder's raw output and ``relevance``, in [0, 1], the probability that a calibration gives
    it, or its sigmoid; both are None for a document that stage two did not read. Where a cascade stopped reading it,
    ``exit_layer`` is the layer after which it did, ``logit`` what that exit says, and ``relevance`` None, since an exit
    only estimates what the whole model would say. ``retrieval_score`` is what stage one
    orders by and ``retrieval_rank`` its rank from 1; ``dense_score`` is the document's cosine and ``lexical_score`` its
    BM25 score, None where stage one did not look.
    """

    rank: int
    document: Document
    passage: Passage
    score: float
    relevance: float | None
    logit: float | None
    retrieval_score: float
    retrieval_rank: int
    dense_score: float | None = None
    lexical_score: float | None = None
    exit_layer: int | None = None


def order(
    known: ScoredCandidates, blend: float, *, scales: Scales | None = None, calibration: Calibration | None = None
) -> list[SearchResult]:
    """Results of one query; what was not read follows what was, in the order of stage one.

    Where reading stopped after different layers, what was read to a later one comes first. All of it is blended and
    standardised together; the scores of those that stopped are lowered, where they must be, to come below the others'.
    """
    hits, logits, read = known.hits, known.logits, len(known.logits)
    retrieval = np.array([hit.score for hit in hits], dtype=np.float64)
    scores = retrieval.copy()
    stopped = np.zeros(read, np.int64) if known.stopped is None else known.stopped
    tiers = np.where(stopped == 0, np.iinfo(np.int64).min, -stopped)  # the end, then the exits, the last one first
    if read:
        scores[:read] = final_scores(logits.astype(np.float64), retrieval[:read], blend, scales=scales)
        _lower(scores[:read], tiers)
        # What was not read comes after what was: it continues downwards from the lowest score.
        scores[read:] += scores[:read].min() - retrieval[read - 1 :].max()
    # A stable sort on the score alone keeps the order of stage one, whose equals are ordered by id.
    relevance = (calibration or UNCALIBRATED).apply(logits)
    places = [*np.lexsort((-scores[:read], tiers)).tolist(), *range(read, len(hits))]
    return [
        SearchResult(
            rank=rank,
            document=hits[i].document,
            passage=hits[i].passage,
            score=float(scores[i]),
            relevance=float(relevance[i]) if i < read and not stopped[i] else None,
            logit=float(logits[i]) if i < read else None,
            retrieval_score=hits[i].score,
            retrieval_rank=known.ranks[i],
            dense_score=hits[i].dense_score,
            lexical_score=hits[i].lexical_score,
            exit_layer=int(stopped[i]) or None if i < read else None,
        )
        for rank, i in enumerate(places, start=1)
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


def at_least(results: Sequence[SearchResult], min_relevance: float) -> list[SearchResult]:
    """The results of that relevance or more, in their order, ranked anew. What was not read has none."""
    kept = [result for result in results if result.relevance is not None and result.relevance >= min_relevance]
    return [dataclasses.replace(result, rank=rank) for rank, result in enumerate(kept, start=1)]


def final_scores(
    logits: NDArray[np.float64], retrieval: NDArray[np.float64], blend: float, *, scales: Scales | None = None
) -> NDArray[np.float64]:
    """What orders the candidates that were read: ``blend`` is the weight of the logits.

    Both, and what is returned, have the shape (n,), or (queries, n) for queries with as many candidates.
    ``scales`` are the deviations of both by which they are measured; None takes those of the scores that are given.
    Both come from the same candidates, so that few of them are weighed as many are: of one nothing is said, which
    leaves it where it is, and two that are judged in opposite ways change places only where the reranker weighs more.
    """
    if blend == 1.0:
        return logits
    own = (logits.std(axis=-1, keepdims=True), retrieval.std(axis=-1, keepdims=True))
    of_logits, of_retrieval = own if scales is None else scales
    return blend * _standardised(logits, of_logits) + (1.0 - blend) * _standardised(retrieval, of_retrieval)


def _standardised(values: NDArray[np.float64], deviation: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Mean 0, in units of ``deviation``; zeros where all are equal."""
    centred = values - values.mean(axis=-1, keepdims=True)
    return np.divide(centred, deviation, out=np.zeros_like(centred), where=np.asarray(deviation) > 1e-12)
