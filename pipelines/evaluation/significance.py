"""Confidence intervals of means and p-values of differences between systems, over queries, by scipy."""

import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError

SAMPLES = 10_000
CONFIDENCE = 0.95
TIE = 1e-9
"""Values that differ by less are equal; the order of summation changes a sum by less."""
_NUMBERS_AT_ONCE = 1 << 21
"""Resampled values that are in memory at once."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over queries, and the ends of its confidence interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Outcomes:
    """For how many queries one system is better than another, equal, and worse."""

    wins: int
    ties: int
    losses: int


def estimate_means(
    values: Floats, *, samples: int = SAMPLES, confidence: float = CONFIDENCE, seed: int = 0
) -> list[Estimate]:
    """Estimate the mean of each column with its percentile bootstrap interval (Efron 1979).

    Every resample draws the same queries for all columns, so the interval of a column of paired differences is that of
    the difference.

    Args:
        values: Shape (queries, columns), finite.
        samples: How many times the queries are drawn, with replacement.
        confidence: The share of the resampled means within the interval, between 0 and 1.
        seed: Fixes the draws.

    Returns:
        An estimate for each column. The interval of a single query has no width.

    Raises:
        ArgumentError: A value, ``samples`` or ``confidence`` is out of range.
    """
    values = np.asarray(values, np.float64)
    if values.ndim != 2 or len(values) == 0 or not np.isfinite(values).all():
        raise ArgumentError(f"values must be finite, of shape (queries, columns), and not {values.shape}")
    if samples < 1 or not 0.0 < confidence < 1.0:
        raise ArgumentError(f"samples must be positive and confidence between 0 and 1, not {samples}, {confidence}")
    means: list[float] = values.mean(axis=0).tolist()
    if len(values) == 1:  # scipy refuses a single observation
        return [Estimate(mean, mean, mean) for mean in means]
    interval = (
        _stats()
        .bootstrap(
            (values,),
            np.mean,
            axis=0,
            n_resamples=samples,
            confidence_level=confidence,
            method="percentile",
            vectorized=True,
            batch=_batch(values.size),
            rng=np.random.default_rng(seed),
        )
        .confidence_interval
    )
    ends = zip(means, interval.low.tolist(), interval.high.tolist(), strict=True)
    return [Estimate(mean, low, high) for mean, low, high in ends]


def randomisation_test(differences: Floats, *, samples: int = SAMPLES, seed: int = 0) -> float:
    """Compute the two-sided p-value of paired differences by Fisher's randomisation test.

    The test is described by Smucker et al. 2007, section 2.5.

    If two systems are equally good, each difference is as likely to have the other sign. p is the share of random signs
    whose mean is at least as far from 0.

    Args:
        differences: Of two systems by query, shape (queries,), finite.
        samples: Random sign vectors to draw. Where no more than that exist, all are tried and p is exact; else p is
            (b + 1) / (samples + 1), where b of them are as far from 0.
        seed: Fixes the signs.

    Raises:
        ArgumentError: ``differences`` or ``samples`` is out of range.
    """
    differences = np.asarray(differences, np.float64)
    if differences.ndim != 1 or not np.isfinite(differences).all() or samples < 1:
        raise ArgumentError(f"differences must be finite and in one row, and samples positive, not {samples}")
    differences = differences[np.abs(differences) > TIE]  # the sign of a tie changes nothing
    if len(differences) < 2:  # either sign is as far from 0; scipy refuses a single observation
        return 1.0
    # scipy's own two-sided p doubles the smaller tail, so its smallest sampled p would be twice as large.
    answer = _stats().permutation_test(
        (differences,),
        _distance_of_sum,
        permutation_type="samples",
        alternative="greater",
        n_resamples=samples,
        vectorized=True,
        batch=_batch(len(differences)),
        rng=np.random.default_rng(seed),
    )
    return float(answer.pvalue)


def _distance_of_sum(differences: Floats, axis: int) -> Floats:
    return np.abs(np.sum(differences, axis=axis))


def _batch(numbers: int) -> int:
    """Return how many resamples of so many values are computed at once."""
    return max(1, _NUMBERS_AT_ONCE // numbers)


def outcomes(differences: Floats) -> Outcomes:
    """Count wins, ties and losses of paired differences, shape (queries,)."""
    wins = int(np.count_nonzero(differences > TIE))
    losses = int(np.count_nonzero(differences < -TIE))
    return Outcomes(wins, len(differences) - wins - losses, losses)


def _stats() -> Any:  # noqa: ANN401 - scipy has no types
    """Return scipy.stats, which takes a second to import."""
    return importlib.import_module("scipy.stats")
