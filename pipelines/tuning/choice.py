"""Chooses a setting, and estimates how good the choice is on queries that it has not seen.

**Choosing.** The setting with the best mean is compared with each other setting, query by query. Some are worse by at
most one standard error of this paired difference. Of these the cheapest is taken, and of equally cheap ones the one
with the best mean (the one-standard-error rule of Breiman et al. 1984, with paired errors).

**How good it is.** The means on which a choice is based are too high: the best of a thousand settings is partly luck.
The choice is therefore repeated on parts of the queries, and each query is measured with the setting that was chosen
without it (repeated k-fold cross-validation). These held-out values are reported.

**Do no harm.** The first stage alone is chosen and held out in the same way. The reranker is recommended only if its
held-out gain over the first stage is larger than ``SURE`` standard errors of the gain. By luck alone, one reranker in
twenty has such a gain. Otherwise the first stage alone is recommended. If even choosing a first stage does not pay on
held-out queries, the plain one is recommended. The recommendation is therefore never below the first stage on held-out
folds.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

FOLDS = 5
REPEATS = 10
SURE = 1.645
"""Standard errors; a normal deviate is larger with a chance of 0.05."""


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """Rows of the settings that were chosen on all queries, and held-out values of shape (queries,).

    Attributes:
        recommended: The row to use: ``best`` or ``alone``.
        best: The choice among all settings.
        alone: The choice among those of the first stage, or the plain one where that is better on held-out queries.
        held_out: Values of the recommended choice.
        held_out_best: Values of the choice among all settings.
        held_out_alone: Values of the choice among those of the first stage.
        held_out_plain: Values of the plain first stage.
    """

    recommended: int
    best: int
    alone: int
    held_out: Floats
    held_out_best: Floats
    held_out_alone: Floats
    held_out_plain: Floats


def choose(values: Floats, costs: Floats, allowed: Mask) -> int:
    """Choose a setting as the module describes.

    Args:
        values: The measure of each setting and query; shape (settings, queries).
        costs: The cost of each setting; shape (settings,).
        allowed: The settings to choose from; shape (settings,), bool.

    Returns:
        The row of the setting.
    """
    rows = np.flatnonzero(allowed)
    allowed_values, allowed_costs = values[rows], costs[rows]
    means = allowed_values.mean(axis=1)
    worse = allowed_values[int(np.argmax(means))] - allowed_values
    error = worse.std(axis=1, ddof=1) / np.sqrt(values.shape[1])
    near = worse.mean(axis=1) <= error
    cheapest = near & (allowed_costs == allowed_costs[near].min())
    return int(rows[cheapest][np.argmax(means[cheapest])])


def choose_and_hold_out(
    values: Floats, costs: Floats, *, allowed: Mask, alone: Mask, plain: int, seed: int = 0
) -> Choice:
    """Choose a setting as the module describes, and measure the choice on held-out queries.

    Args:
        values: The measure of each setting and query; shape (settings, queries).
        costs: The cost of each setting; shape (settings,).
        allowed: The settings to choose from; shape (settings,), bool.
        alone: The settings without a reranker; shape (settings,), bool.
        plain: The row without a reranker that a search takes by default.
        seed: Fixes the folds.
    """
    queries = values.shape[1]
    random = np.random.default_rng(seed)
    best_values, alone_values = np.zeros(queries), np.zeros(queries)
    for _ in range(REPEATS):
        for held in np.array_split(random.permutation(queries), min(FOLDS, queries)):
            train = np.ones(queries, bool)
            train[held] = False
            best_values[held] += values[choose(values[:, train], costs, allowed)][held]
            alone_values[held] += values[choose(values[:, train], costs, allowed & alone)][held]
    best_values, alone_values = best_values / REPEATS, alone_values / REPEATS
    best, own = choose(values, costs, allowed), choose(values, costs, allowed & alone)
    if alone_values.mean() < values[plain].mean():
        own, alone_values = plain, values[plain]
    gain = best_values - alone_values
    if not alone[best] and gain.mean() > SURE * gain.std(ddof=1) / np.sqrt(queries):
        return Choice(best, best, own, best_values, best_values, alone_values, values[plain])
    return Choice(own, best, own, alone_values, best_values, alone_values, values[plain])
