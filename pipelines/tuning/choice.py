"""Which setting to take, and how good that choice is on queries that it has not seen. Knows numbers alone.

**Choosing.** The setting with the best mean is compared with each other one, query by query. Of those that are worse by
at most one standard error of that paired difference, the cheapest is taken, and of equally cheap ones the one with the
best mean (the one-standard-error rule of Breiman et al. 1984, with paired errors).

**How good it is.** The means that a choice was made by flatter it: the best of a thousand settings is partly luck. So
the choice is repeated on parts of the queries, and each query gets what was chosen without it (repeated k-fold
cross-validation). These held-out values are what is reported.

**Do no harm.** Stage one alone is chosen and held out in the same way. The reranker is recommended only where its
held-out gain over that is larger than ``SURE`` standard errors of the gain, which luck alone gives to one reranker in
twenty; else stage one alone is, and where even choosing a stage one does not pay on held-out queries, the plain one.
What is recommended is therefore never below stage one on held-out folds.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

FOLDS = 5
REPEATS = 10
SURE = 1.645
"""Standard errors: a normal deviate is larger with a chance of 0.05."""


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """Rows of the settings that were chosen on all queries, and held-out values of shape (queries,).

    ``best`` is the choice among all, ``alone`` among those of stage one, or the plain one where that is better held
    out. ``recommended`` is one of these two, and ``held_out`` what was reached by such a choice.
    """

    recommended: int
    best: int
    alone: int
    held_out: Floats
    held_out_best: Floats
    held_out_alone: Floats
    held_out_plain: Floats


def choose(values: Floats, costs: Floats, allowed: Mask) -> int:
    """The row of ``values``, of shape (settings, queries), to take of those that are allowed; see the module."""
    rows = np.flatnonzero(allowed)
    some, price = values[rows], costs[rows]
    means = some.mean(axis=1)
    worse = some[int(np.argmax(means))] - some
    error = worse.std(axis=1, ddof=1) / np.sqrt(values.shape[1])
    near = worse.mean(axis=1) <= error
    cheapest = near & (price == price[near].min())
    return int(rows[cheapest][np.argmax(means[cheapest])])


def choose_and_hold_out(
    values: Floats, costs: Floats, *, allowed: Mask, alone: Mask, plain: int, seed: int = 0
) -> Choice:
    """Choose a row of ``values``, of shape (settings, queries), of those that are ``allowed``; see the module.

    ``alone`` are the rows without a reranker, and ``plain`` the one of them that a search takes by default.
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
