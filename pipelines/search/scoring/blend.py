"""Blends the scores of the reranker and the first stage into one score."""

import numpy as np
from numpy.typing import NDArray

Scales = tuple[float, float]
"""Standard deviations of logits and of retrieval scores."""
SMALLEST_DEVIATION = 1e-12
"""Values that deviate less than this count as equal."""


def final_scores(
    logits: NDArray[np.float64], retrieval: NDArray[np.float64], blend: float, *, scales: Scales | None = None
) -> NDArray[np.float64]:
    """Combine the scores of both stages into the score that orders the candidates.

    Both are standardised among the same candidates, so that the weight means the same for few and for many candidates.
    A single candidate keeps its place. If the stages disagree on the order of two candidates, they change places only
    where the reranker weighs more.

    Args:
        logits: Of the reranker; shape (candidates,), or (queries, candidates) for queries with as many candidates each.
        retrieval: Scores of the first stage, of the same shape.
        blend: Weight of the logits, from 0 to 1. With 1 the logits are returned as they are.
        scales: Standard deviations to divide by; None takes those of the scores that are given.

    Returns:
        Scores of the same shape, higher is better.
    """
    if blend == 1.0:
        return logits
    of_logits, of_retrieval = (None, None) if scales is None else scales
    return blend * standardised(logits, of_logits) + (1.0 - blend) * standardised(retrieval, of_retrieval)


def standardised(values: NDArray[np.float64], deviation: float | None = None) -> NDArray[np.float64]:
    """Shift and scale values to mean 0 and standard deviation 1 along the last axis.

    Args:
        values: Shape (..., n).
        deviation: What to divide by in place of the values' own standard deviation.

    Returns:
        An array of the same shape; zeros where all values of a row are equal.
    """
    if not values.shape[-1]:
        return values
    centred = values - values.mean(axis=-1, keepdims=True)
    divisor = np.asarray(values.std(axis=-1, keepdims=True) if deviation is None else deviation)
    return np.divide(centred, divisor, out=np.zeros_like(centred), where=divisor > SMALLEST_DEVIATION)
