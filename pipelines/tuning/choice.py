"""Chooses a setting, and estimates how good the choice is on queries that it has not seen.

**Choosing.** Every setting is measured on the same queries, so each is compared with the default query by query, by the
mean of these paired differences and the standard error of that mean. Among a thousand settings the best one is better
than the default by some standard errors through luck alone: by as many as ``luck`` says. A setting's lower bound is its
mean difference less so many of its standard errors, and the setting with the highest lower bound is chosen. That of the
default is 0, so the default stays where no setting is better than it by more than luck. Few queries have large errors:
they move the choice only for large gains.

**How good it is.** The means on which a choice is based are too high: the best of a thousand settings is partly luck.
The choice is therefore repeated on parts of the queries, and each query is measured with the setting that was chosen
without it (repeated k-fold cross-validation). These held-out values are reported.

**Do no harm.** If choosing does not pay on held-out queries, the default stays. The same holds for the first stage
alone, which is chosen and held out in the same way, with its own default. A new setting that reranks must be better on
held-out queries than the first stage alone by more than one standard error of the difference, or the first stage alone
is recommended, which costs less, unless that is worse than the default.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

FOLDS = 5
REPEATS = 10
DRAWS = 100
"""How many times luck is drawn."""
TIE = 1e-12
"""Lower bounds and means that differ by less are equal; the order of summation changes a mean by less."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """The rows of the settings that stay where the queries say little.

    Attributes:
        default: What a search takes that nothing was tuned for.
        alone: The same without a reranker.
        plain: The first stage by vectors alone.
    """

    default: int
    alone: int
    plain: int


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """Rows of the settings that were chosen on all queries, and held-out values of shape (queries,).

    Attributes:
        recommended: The row to use: the choice among all settings, or the default.
        alone: The choice among those of the first stage, or its default.
        held_out: Values of the recommended choice.
        held_out_alone: Values of the choice among those of the first stage.
        held_out_plain: Values of the first stage by vectors alone.
    """

    recommended: int
    alone: int
    held_out: Floats
    held_out_alone: Floats
    held_out_plain: Floats


def paired_differences(values: Floats, row: int) -> tuple[Floats, Floats]:
    """Compare each setting with one of them on the same queries.

    Args:
        values: The measure of each setting and query; shape (settings, queries), of at least two queries.
        row: The setting to compare with.

    Returns:
        The mean difference of each setting to it, and the standard error of that mean, both of shape (settings,).
    """
    differences = values - values[row]
    return differences.mean(axis=1), differences.std(axis=1, ddof=1) / np.sqrt(values.shape[1])


def luck(values: Floats, row: int) -> float:
    """Return the expected maximum of the z-scores of all settings if none truly differs from one of them.

    A z-score is a mean difference divided by its standard error. All settings have the noise of the same queries, so
    those that are alike are hardly more than one (the multiplier bootstrap of Chernozhukov, Chetverikov and Kato 2013,
    "Gaussian approximations and multiplier bootstrap for maxima of sums of high-dimensional random vectors").

    Args:
        values: The measure of each setting and query; shape (settings, queries), of at least two queries.
        row: The setting to compare with.

    Returns:
        A number from 0. It is about 0.4 for one other setting, 1.5 for ten that have nothing in common.
    """
    differences = values - values[row]
    differences -= differences.mean(axis=1, keepdims=True)
    deviations = differences.std(axis=1, ddof=1)
    standardised = differences[deviations > TIE] / deviations[deviations > TIE, None]
    if not len(standardised):
        return 0.0
    queries = values.shape[1]
    drawn = np.random.default_rng(0).standard_normal((DRAWS, queries))
    best = np.maximum((drawn @ standardised.T).max(axis=1), 0.0)  # the setting itself is ahead by 0
    return float(best.mean() / np.sqrt(queries - 1))


def choose(values: Floats, costs: Floats, *, allowed: Mask, default: int) -> int:
    """Choose a setting as the module describes.

    Args:
        values: The measure of each setting and query; shape (settings, queries).
        costs: The cost of each setting; shape (settings,). Of equally good ones the cheapest is taken.
        allowed: The settings to choose from; shape (settings,), bool. It has the default.
        default: The row of the default.

    Returns:
        The row of the setting; that of the default where there is one query, which does not say how far it may be off.
    """
    if values.shape[1] < 2:
        return default
    means, errors = paired_differences(values, default)
    bounds = np.where(allowed, means - luck(values[allowed], int(allowed[:default].sum())) * errors, -np.inf)
    if bounds.max() <= bounds[default] + TIE:
        return default
    best = np.flatnonzero(bounds >= bounds.max() - TIE)
    return int(best[np.argmin(costs[best])])


def choose_and_hold_out(
    values: Floats, costs: Floats, *, allowed: Mask, alone: Mask, defaults: Defaults, seed: int = 0
) -> Choice:
    """Choose a setting as the module describes, and measure the choice on held-out queries.

    Args:
        values: The measure of each setting and query; shape (settings, queries).
        costs: The cost of each setting; shape (settings,).
        allowed: The settings to choose from; shape (settings,), bool. It has the defaults.
        alone: The settings without a reranker; shape (settings,), bool.
        defaults: What stays where the queries say little.
        seed: Fixes the folds.
    """
    parts = ((allowed, defaults.default), (allowed & alone, defaults.alone))
    held_out = np.zeros((len(parts), values.shape[1]))
    for held in _folds(values.shape[1], seed):
        train = np.delete(values, held, axis=1)
        for of_part, (mask, default) in zip(held_out, parts, strict=True):
            of_part[held] += values[choose(train, costs, allowed=mask, default=default)][held]
    held_out /= REPEATS
    rows: list[int] = []
    for of_part, (mask, default) in zip(held_out, parts, strict=True):
        row = choose(values, costs, allowed=mask, default=default)
        if of_part.mean() <= values[default].mean() + TIE:
            row, of_part[:] = default, values[default]
        rows.append(row)
    recommended, of_first_stage = rows
    best, own = held_out
    if recommended != defaults.default and not alone[recommended] and not _pays(best, own, values[defaults.default]):
        recommended, best = of_first_stage, own
    return Choice(recommended, of_first_stage, best, own, values[defaults.plain])


def _pays(best: Floats, alone: Floats, default: Floats) -> bool:
    """Tell whether a choice that reranks is surer than the first stage alone, or that is worse than the default."""
    gain = best - alone
    return alone.mean() < default.mean() or gain.mean() > gain.std(ddof=1) / np.sqrt(len(gain))


def _folds(queries: int, seed: int) -> list[NDArray[np.int64]]:
    """Return the queries to hold out, part by part, for each repeat."""
    random = np.random.default_rng(seed)
    return [held for _ in range(REPEATS) for held in np.array_split(random.permutation(queries), min(FOLDS, queries))]
