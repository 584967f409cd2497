"""Candidates and their logits to ordered results. Knows no model, no index and no budget."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..index import Document, Hit, Passage

Scales = tuple[float, float]
"""Deviations of logits and of retrieval scores."""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """One line of an answer.

    ``passage`` is the part of the document that was found, with its span in ``document.text``. ``score`` orders the
    list, higher is better: the reranker's logit, its blend with stage one, or ``retrieval_score`` without a reranker.
    ``logit`` is the cross-encoder's raw output and ``relevance`` its sigmoid, in [0, 1]; both are None for a document
    that stage two did not read. ``retrieval_score`` is the cosine of stage one, ``retrieval_rank`` its rank from 1.
    """

    rank: int
    document: Document
    passage: Passage
    score: float
    relevance: float | None
    logit: float | None
    retrieval_score: float
    retrieval_rank: int


def order(
    hits: Sequence[Hit], logits: NDArray[np.float32], blend: float, *, scales: Scales | None = None
) -> list[SearchResult]:
    """Results of one query. ``logits`` belong to the first hits; the others follow in the order of stage one."""
    read = len(logits)
    retrieval = np.array([hit.score for hit in hits], dtype=np.float64)
    scores = retrieval.copy()
    if read:
        scores[:read] = final_scores(logits.astype(np.float64), retrieval[:read], blend, scales=scales)
        # What was not read comes after what was: it continues downwards from the lowest score.
        scores[read:] += scores[:read].min() - retrieval[read - 1]
    # A stable sort on the score alone keeps the order of stage one, whose equals are ordered by id.
    places = [*np.argsort(-scores[:read], kind="stable"), *range(read, len(hits))]
    return [
        SearchResult(
            rank=rank,
            document=hits[i].document,
            passage=hits[i].passage,
            score=float(scores[i]),
            relevance=_sigmoid(float(logits[i])) if i < read else None,
            logit=float(logits[i]) if i < read else None,
            retrieval_score=hits[i].score,
            retrieval_rank=int(i) + 1,
        )
        for rank, i in enumerate(places, start=1)
    ]


def final_scores(
    logits: NDArray[np.float64], retrieval: NDArray[np.float64], blend: float, *, scales: Scales | None = None
) -> NDArray[np.float64]:
    """What orders the candidates that were read, shape (n,): ``blend`` is the weight of the logits.

    ``scales`` are the deviations of both by which they are measured; None takes those of the scores that are given.
    Both come from the same candidates, so that few of them are weighed as many are: of one nothing is said, which
    leaves it where it is, and two that are judged in opposite ways change places only where the reranker weighs more.
    """
    if blend == 1.0:
        return logits
    own = (float(logits.std()), float(retrieval.std()))
    of_logits, of_retrieval = own if scales is None else scales
    return blend * _standardised(logits, of_logits) + (1.0 - blend) * _standardised(retrieval, of_retrieval)


def _standardised(values: NDArray[np.float64], deviation: float) -> NDArray[np.float64]:
    """Mean 0, in units of ``deviation``; zeros where all are equal."""
    return (values - values.mean()) / deviation if deviation > 1e-12 else np.zeros_like(values)


def _sigmoid(logit: float) -> float:
    if logit >= 0:
        return 1.0 / (1.0 + math.exp(-logit))
    return math.exp(logit) / (1.0 + math.exp(logit))
