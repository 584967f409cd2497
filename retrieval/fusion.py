"""Two scores to one: how dense and lexical candidates are ordered together. Knows numbers only.

All candidates have both scores here, whichever search found them; a lexical score of 0.0 is that of a document without
a term of the query.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentError

Scores = NDArray[np.float64]


class Fusion(Protocol):
    """One score from two."""

    def fuse(self, dense: Scores, lexical: Scores) -> Scores:
        """Scores of the candidates of one query, shape (n,), higher is better; of equals the better dense one wins."""
        ...


@dataclass(frozen=True, slots=True)
class NormalisedSum:
    """Both scores stretched to 0 for the worst and 1 for the best candidate, and added by weight.

    Scores that are all equal count as zeros. With ``lexical_weight`` 0 the order is the dense one, with 1 the lexical
    one, followed by those without a term.
    """

    lexical_weight: float = 0.3

    def __post_init__(self) -> None:
        if not 0.0 <= self.lexical_weight <= 1.0:
            raise ArgumentError(f"lexical_weight must be a number from 0 to 1, not {self.lexical_weight!r}")

    def fuse(self, dense: Scores, lexical: Scores) -> Scores:
        """See ``Fusion``; scores are from 0 to 1."""
        return (1.0 - self.lexical_weight) * _stretched(dense) + self.lexical_weight * _stretched(lexical)


@dataclass(frozen=True, slots=True)
class ReciprocalRank:
    """The sum of 1 / (k + rank) in both orders (Cormack, Clarke and Büttcher 2009), ranks counted among the candidates.

    Equal scores have the same rank; a document without a term of the query has none in the lexical order.
    """

    k: float = 60.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.k <= 1e6:
            raise ArgumentError(f"k must be a number from 0 to 1,000,000, not {self.k!r}")

    def fuse(self, dense: Scores, lexical: Scores) -> Scores:
        """See ``Fusion``."""
        return 1.0 / (self.k + _ranks(dense)) + (lexical > 0.0) / (self.k + _ranks(lexical))


def _stretched(scores: Scores) -> Scores:
    if not len(scores):
        return scores
    worst, best = scores.min(), scores.max()
    return np.zeros(len(scores)) if best == worst else (scores - worst) / (best - worst)


def _ranks(scores: Scores) -> Scores:
    """1 for the best, and for each other one more than there are better ones."""
    return 1.0 + np.searchsorted(np.sort(-scores), -scores, side="left").astype(np.float64)
