"""How sure is a mean, and a difference of two? Knows values by query, and neither measures nor pipelines."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError

SAMPLES = 10_000
CONFIDENCE = 0.95
TIE = 1e-9
"""Values nearer than this are equal: sums in another order differ by less."""
_AT_ONCE = 1 << 22
"""Random numbers that are in memory at once."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over queries, and the ends of its confidence interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Outcomes:
    """For how many queries one system is better than another, as good, and worse."""

    wins: int
    ties: int
    losses: int


def estimate_means(
    values: Floats, *, samples: int = SAMPLES, confidence: float = CONFIDENCE, seed: int = 0
) -> list[Estimate]:
    """The mean of each column of ``values``, shape (queries, columns), with its percentile bootstrap interval.

    Queries are drawn with replacement (Efron 1979), the same ones for all columns; the interval of a column of paired
    differences is that of the difference. ``seed`` fixes the draw.
    """
    values = np.asarray(values, np.float64)
    if values.ndim != 2 or len(values) == 0 or not np.isfinite(values).all():
        raise ArgumentError(f"values must be finite, of shape (queries, columns), and not {values.shape}")
    if samples < 1 or not 0.0 < confidence < 1.0:
        raise ArgumentError(f"samples must be positive and confidence between 0 and 1, not {samples}, {confidence}")
    queries = len(values)
    random = np.random.default_rng(seed)
    means: list[Floats] = []
    for rows in _blocks(samples, queries):
        drawn = random.integers(queries, size=(rows, queries)) + queries * np.arange(rows)[:, None]
        times = np.bincount(drawn.ravel(), minlength=rows * queries).reshape(rows, queries)
        means.append(times.astype(np.float64) @ values / queries)
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(np.concatenate(means), [tail, 1.0 - tail], axis=0)
    ends = zip(values.mean(axis=0).tolist(), low.tolist(), high.tolist(), strict=True)
    return [Estimate(mean, below, above) for mean, below, above in ends]


def randomisation_test(differences: Floats, *, samples: int = SAMPLES, seed: int = 0) -> float:
    """The two-sided p-value of paired differences, shape (queries,), by Fisher's test as Smucker et al. 2007 have it.

    If two systems are equally good, each difference might as well have the other sign: p is how often random signs give
    a mean at least as far from 0. All signs are tried where they are ``samples`` at most, which is exact; else so many
    random ones, and p is (b + 1) / (samples + 1) where b were as far.
    """
    differences = np.asarray(differences, np.float64)
    if differences.ndim != 1 or not np.isfinite(differences).all() or samples < 1:
        raise ArgumentError(f"differences must be finite and in one row, and samples positive, not {samples}")
    differences = differences[np.abs(differences) > TIE]  # the sign of a tie changes nothing
    count, total = len(differences), float(differences.sum())
    border = abs(total) * (1.0 - 1e-12)  # sums in another order may be a little smaller
    if count < 63 and 1 << count <= samples:
        flips = ((np.arange(1 << count)[:, None] >> np.arange(count)) & 1).astype(np.float64)
        return float(np.mean(np.abs(total - 2.0 * flips @ differences) >= border))
    random, as_far = np.random.default_rng(seed), 0
    for rows in _blocks(samples, count):
        flips = random.integers(2, size=(rows, count), dtype=np.int8).astype(np.float64)
        as_far += int(np.count_nonzero(np.abs(total - 2.0 * flips @ differences) >= border))
    return (as_far + 1) / (samples + 1)


def outcomes(differences: Floats) -> Outcomes:
    """Wins, ties and losses of paired differences, shape (queries,)."""
    wins = int(np.count_nonzero(differences > TIE))
    losses = int(np.count_nonzero(differences < -TIE))
    return Outcomes(wins, len(differences) - wins - losses, losses)


def _blocks(samples: int, width: int) -> Iterator[int]:
    """How many rows of ``width`` numbers to make at once, until there are ``samples``."""
    most = max(1, _AT_ONCE // width)
    for start in range(0, samples, most):
        yield min(most, samples - start)
