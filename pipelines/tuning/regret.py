"""What a choice is expected to gain over the default, and to lose to the best setting that there is.

A mean difference on few queries is mostly noise. The true difference between two settings is taken to be normal with
mean 0 and deviation ``SPREAD``; that on the queries then counts by the share of its variance that is no noise
(empirical Bayes, as in Efron and Morris 1975). The noise of all settings comes from the same queries and is drawn
together (the multiplier bootstrap of Chernozhukov, Chetverikov and Kato 2013, "Gaussian approximations and multiplier
bootstrap for maxima of sums of high-dimensional random vectors").
"""

from dataclasses import dataclass

import numpy as np

from ...errors import ArgumentError
from .choice import Floats, Mask, paired_differences

SPREAD = 0.03
"""The deviation of the true differences in nDCG@10 between the settings of a grid, as on the public collections."""
DRAWS = 500


@dataclass(frozen=True, slots=True)
class Expected:
    """What is expected of a choice, in nDCG@10, on queries like those it was made on.

    Attributes:
        gain: Over the default; 0 where the choice is the default.
        regret: To the best of all settings, whichever that is: the mean over what is believable after these queries.
        regret_of_default: The same for the default.
    """

    gain: float
    regret: float
    regret_of_default: float


def expected(values: Floats, *, allowed: Mask, chosen: int, default: int, seed: int = 0) -> Expected:
    """Estimate what a choice is worth.

    Args:
        values: The measure of each setting and query; shape (settings, queries).
        allowed: The settings that could be chosen; shape (settings,), bool.
        chosen: The row of the choice.
        default: The row of the default.
        seed: Fixes the draws.
    """
    means, errors = paired_differences(values, default)
    gain = float(means[chosen] * _certainty(errors)[chosen])
    return Expected(
        gain,
        expected_regret(values[allowed], int(np.count_nonzero(allowed[:chosen])), seed=seed),
        expected_regret(values[allowed], int(np.count_nonzero(allowed[:default])), seed=seed),
    )


def expected_regret(values: Floats, row: int, *, seed: int = 0, draws: int = DRAWS) -> float:
    """Return by how much a setting is expected to be worse than the best one, as the module describes.

    With two settings this is the mean of the positive part of a normal deviate.

    Args:
        values: The measure of each setting and query; shape (settings, queries).
        row: The setting.
        seed: Fixes the draws.
        draws: How many times the noise is drawn.

    Raises:
        ArgumentError: There is one query only.
    """
    queries = values.shape[1]
    if queries < 2:
        raise ArgumentError("one query does not say how far a mean over queries may be off: give at least two")
    means, errors = paired_differences(values, row)
    certainty = _certainty(errors)
    deviations = np.random.default_rng(seed).standard_normal((draws, queries))
    centred = values - values[row] - means[:, None]
    noise = deviations @ centred.T / np.sqrt(queries * (queries - 1))  # has the covariance of the means
    true: Floats = certainty * means + np.sqrt(certainty) * noise
    return float(true.max(axis=1).mean())  # that of the setting itself is 0


def _certainty(errors: Floats) -> Floats:
    """Return the share of the variance of a mean difference that is no noise, from 0 to 1."""
    return SPREAD**2 / (SPREAD**2 + errors**2)
