"""nDCG of ranked gains, as trec_eval has it: the grade itself is the gain (Järvelin and Kekäläinen 2002).

Gains need not be whole numbers: a teacher's scores are gains too, which tools for TREC judgments do not accept.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

CUTOFF = 10
"""The rank down to which gains count."""

Floats = NDArray[np.float64]


def dcg(gains: Floats, *, cutoff: int = CUTOFF) -> Floats:
    """Discounted cumulative gain.

    Args:
        gains: In the order of the ranking, shape (..., results).
        cutoff: The rank down to which gains count.

    Returns:
        Shape (...).
    """
    first = gains[..., :cutoff]
    ranks = np.arange(1.0, first.shape[-1] + 1.0)
    return np.asarray(first @ (1.0 / np.log2(ranks + 1.0)), np.float64)


def ideal_dcg(gains: Iterable[float], *, cutoff: int = CUTOFF) -> float:
    """The highest DCG that a ranking can reach, from the gains of all judged passages; negative ones count 0."""
    best = np.array(sorted(gains, reverse=True), np.float64)
    return float(dcg(np.clip(best, 0.0, None), cutoff=cutoff))


def ndcg(gains: Floats, ideals: ArrayLike, *, cutoff: int = CUTOFF) -> Floats:
    """DCG as a share of the ideal one, 0 where the ideal is 0.

    Args:
        gains: In the order of the ranking, shape (..., results).
        ideals: What ``ideal_dcg`` gives, shape (...).
        cutoff: The rank down to which gains count.

    Returns:
        Values from 0 to 1, shape (...).
    """
    reached, ideals = dcg(gains, cutoff=cutoff), np.asarray(ideals, np.float64)
    return np.divide(reached, ideals, out=np.zeros_like(reached), where=ideals > 0)
