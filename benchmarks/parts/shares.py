"""Means over queries, with their 95 % bootstrap intervals."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 10_000


def share(values: Sequence[float] | NDArray[np.float64]) -> dict[str, float]:
    """Return the mean of a figure of each query, with its 95 % bootstrap interval over the queries."""
    figures = np.asarray(values, np.float64)
    chosen = np.random.default_rng(0).integers(len(figures), size=(RESAMPLES, len(figures)))
    low, high = np.quantile(figures[chosen].mean(axis=1), (0.025, 0.975))
    return {"mean": float(figures.mean()), "low": float(low), "high": float(high)}


def difference(values: Sequence[float], to: Sequence[float]) -> dict[str, float]:
    """Return the mean difference to another system on the same queries, with its interval."""
    return share(np.asarray(values, np.float64) - np.asarray(to, np.float64))
