"""The relevance of results: an estimated probability for each candidate, adjusted so that it agrees with the order.

A blend, or the passages of a cascade, may order a list otherwise than the logits do. The adjustment is isotonic
regression along the order: neighbours that rise are replaced by their mean until nothing rises any more. Of all
numbers that never rise down the list, these have the smallest squared distance to the estimates, and the mean of the
estimates stays what it was (pool adjacent violators, Ayer et al. 1955; Zadrozny and Elkan 2002 calibrate in this way).
Where the order is that of the logits, every estimate stays as it is.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ....index import Hit
from ....rerank import Calibration, Platt

Floats = NDArray[np.float64]

COSINE_CURVE = Platt(12.0, -9.0)
"""Estimates relevance from a cosine where ``bicross tune`` stored nothing: 0.5 at 0.75, 0.8 at 0.87, 0.05 at 0.5.

Rounded between the curves of two collections with the default encoder: the best 100 documents of 200 queries each of
Cranfield (slope 10.8, 0.5 at 0.75) and SQuAD (slope 14.6, 0.5 at 0.73).
"""
BM25_CURVE = Platt(0.3, -3.0)
"""The same for BM25: 0.5 at 10."""
SCORE_CURVE = Platt(1.0, 0.0)
"""The same for the scores of a retriever that gives neither a cosine nor BM25."""
BACKGROUND_CANDIDATES = 50
"""The fewest reranked candidates of which the median is taken for one that is not relevant."""
BACKGROUND_RELEVANCE = 0.02
"""The most relevance that this median has by the curve that a reranker brings along."""


def estimate(hits: Sequence[Hit], curve: Calibration | None = None) -> Floats:
    """Estimate the relevance of documents that were not reranked, from their first-stage scores.

    The cosine counts where a document has one, else BM25, else the score. A fused score is not used: it says only how a
    document compares with the others of its list.

    Args:
        hits: The documents.
        curve: Makes relevance from cosines, or from BM25 of documents without a cosine; None takes the curves above.

    Returns:
        Numbers from 0 to 1, shape (len(hits),).
    """
    values = np.empty(len(hits), np.float64)
    for row, hit in enumerate(hits):
        if hit.dense_score is not None:
            values[row] = (curve or COSINE_CURVE).apply(hit.dense_score)
        elif hit.lexical_score is not None:
            values[row] = (curve or BM25_CURVE).apply(hit.lexical_score)
        else:
            values[row] = SCORE_CURVE.apply(hit.score)
    return values


def against_background(logits: Floats, curve: Calibration) -> Floats:
    """Lower the logits of a query where its median candidate would count as relevant.

    Of many candidates at least half are hardly ever relevant. Where those have high logits all the same, as code has
    for a reranker of prose, a logit means less than where the curve was fitted. So all are lowered until the median has
    ``BACKGROUND_RELEVANCE``: the curve keeps its slope, and its intercept is fitted to the query without judgments
    (Saerens, Latinne and Decaestecker 2002, "Adjusting the Outputs of a Classifier to New a Priori Probabilities").

    Args:
        logits: Of the candidates of one query that the whole reranker scored, shape (n,).
        curve: The curve that the reranker brings along.

    Returns:
        Logits of the same shape, for ``curve``; as they are for fewer than ``BACKGROUND_CANDIDATES``.
    """
    if len(logits) < BACKGROUND_CANDIDATES or not isinstance(curve, Platt) or curve.slope <= 0.0:
        return logits
    log_odds = math.log(BACKGROUND_RELEVANCE / (1.0 - BACKGROUND_RELEVANCE))
    return logits - max(0.0, float(np.median(logits)) - (log_odds - curve.intercept) / curve.slope)


def agree_with_order(estimates: Floats, scores: Floats, tiers: NDArray[np.int64], *, ceiling: float = 1.0) -> Floats:
    """Adjust estimates so that they agree with the order.

    Within a tier the adjustment is isotonic regression, and equal scores get equal numbers. A tier has at most the
    lowest number of the tier before: estimates of the first stage do not change what the reranker said.

    Args:
        estimates: Numbers from 0 to 1 in the order of the list, shape (n,).
        scores: What orders the candidates of a tier, never rising within one, shape (n,).
        tiers: Ascending numbers of the tiers, such as the whole model, an early exit, and the first stage; shape (n,).
        ceiling: No number is above it.

    Returns:
        Numbers from 0 to ``ceiling`` that never rise, shape (n,).
    """
    adjusted, highest = np.empty(len(estimates), np.float64), ceiling
    for tier in np.unique(tiers):
        rows = tiers == tier
        adjusted[rows] = np.minimum(_falling(estimates[rows], scores[rows]), highest)
        highest = float(adjusted[rows][-1])
    return adjusted


def _falling(estimates: Floats, scores: Floats) -> Floats:
    """Return the non-increasing numbers nearest to the estimates, with equal numbers for equal scores."""
    ties = np.diff(scores) == 0
    steps = np.diff(estimates)
    if not ((steps > 0) | (ties & (steps != 0))).any():
        return estimates
    borders = [0, *(np.flatnonzero(~ties) + 1).tolist(), len(estimates)]
    blocks: list[tuple[float, int]] = []  # the mean and the size of each
    for first, last in pairwise(borders):
        mean, size = float(estimates[first:last].mean()), last - first
        while blocks and blocks[-1][0] < mean:
            other, others = blocks.pop()
            mean, size = (other * others + mean * size) / (others + size), others + size
        blocks.append((mean, size))
    means, sizes = zip(*blocks, strict=True)
    return np.clip(np.repeat(np.array(means), np.array(sizes)), estimates.min(), estimates.max())
