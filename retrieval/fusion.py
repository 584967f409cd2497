"""Combines dense and lexical scores into one score that orders the candidates of both searches.

All candidates have both scores here, whichever search found them. A document without a term of the query has the
lexical score 0.0.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentError
from ..errors.arguments import checked_number, described

Scores = NDArray[np.float64]
MOST_LIMIT = 1e100


class Fusion(Protocol):
    """Combines the dense and the lexical score of each candidate into one."""

    def fuse(self, dense: Scores, lexical: Scores) -> Scores:
        """Combine the scores of the candidates of one query.

        Args:
            dense: Cosines, shape (n,).
            lexical: BM25 scores, shape (n,).

        Returns:
            Scores of shape (n,), higher is better. Equal scores are ordered by the dense score.
        """
        ...


@dataclass(frozen=True, slots=True)
class NormalisedSum:
    """The weighted sum of both scores, each scaled to 0 for the worst and 1 for the best candidate.

    Scores that are all equal count as zeros.

    Attributes:
        lexical_weight: From 0 to 1. With 0 the order is the dense one. With 1 it is the lexical one, followed by the
            documents without a term of the query.
    """

    lexical_weight: float = 0.3

    def __post_init__(self) -> None:
        checked_number(self.lexical_weight, "lexical_weight", 0.0, 1.0)

    def fuse(self, dense: Scores, lexical: Scores) -> Scores:
        """Combine the scores as ``Fusion`` says; the results are from 0 to 1."""
        return (1.0 - self.lexical_weight) * _stretched(dense) + self.lexical_weight * _stretched(lexical)


@dataclass(frozen=True, slots=True)
class TermShare:
    """The weighted sum of the dense score, scaled to 0 to 1, and of the share of the query's terms in the document.

    That share is the BM25 score divided by the limit that no score of the query exceeds, so a rare term counts more.
    ``NormalisedSum`` gives the best document by words a 1, however little of the query it has. Here words count as much
    as they match: less for a query whose terms no document has together, as with code, or where documents are single
    sentences. (Bruch, Gai and Ingber 2023, "An Analysis of Fusion Functions for Hybrid Retrieval", arXiv 2210.11934,
    take theoretical limits in place of the candidates' own for the minimum.)

    Attributes:
        lexical_weight: From 0 to 1.
        limit: What no BM25 score of the query exceeds. A retriever gives it for each query; without it the best score
            among the candidates takes its place.
    """

    lexical_weight: float = 0.5
    limit: float | None = None

    def __post_init__(self) -> None:
        checked_number(self.lexical_weight, "lexical_weight", 0.0, 1.0)
        if self.limit is not None:
            checked_number(self.limit, "limit", 0.0, MOST_LIMIT)

    def within(self, limit: float | None) -> "TermShare":
        """Return the same for a query with this limit."""
        return TermShare(self.lexical_weight, limit)

    def fuse(self, dense: Scores, lexical: Scores) -> Scores:
        """Combine the scores as ``Fusion`` says; the results are from 0 to 1."""
        limit = self.limit or float(lexical.max(initial=0.0))
        share = lexical / limit if limit > 0.0 else np.zeros(len(lexical))
        return (1.0 - self.lexical_weight) * _stretched(dense) + self.lexical_weight * share


def fusion_of_query(fusion: Fusion, limit: float | None) -> Fusion:
    """Return the fusion for one query.

    Args:
        fusion: A fusion.
        limit: What no BM25 score of the query exceeds; None where it is unknown.
    """
    checked = checked_fusion(fusion)
    return checked.within(limit) if isinstance(checked, TermShare) else checked


def checked_fusion(fusion: Fusion) -> Fusion:
    """Return the argument of this name if it is a fusion, and raise ``ArgumentError`` if it is not."""
    given: object = fusion
    if isinstance(given, type) or not callable(getattr(given, "fuse", None)):
        raise ArgumentError(f"fusion must be NormalisedSum() or another Fusion, not {described(given)}")
    return fusion


@dataclass(frozen=True, slots=True)
class ReciprocalRank:
    """The sum of 1 / (k + rank) over both orders (Cormack, Clarke and Büttcher 2009).

    Ranks are counted among the candidates. Equal scores have the same rank. A document without a term of the query has
    no rank in the lexical order.

    Attributes:
        k: Added to every rank; a larger number makes the first ranks count less.
    """

    k: float = 60.0

    def __post_init__(self) -> None:
        checked_number(self.k, "k", 0.0, 1e6)

    def fuse(self, dense: Scores, lexical: Scores) -> Scores:
        """Combine the scores as ``Fusion`` says."""
        return 1.0 / (self.k + _ranks(dense)) + (lexical > 0.0) / (self.k + _ranks(lexical))


def _stretched(scores: Scores) -> Scores:
    if not len(scores):
        return scores
    worst, best = scores.min(), scores.max()
    return np.zeros(len(scores)) if best == worst else (scores - worst) / (best - worst)


def _ranks(scores: Scores) -> Scores:
    """Return ranks: 1 for the best, and for each other the number of better ones plus 1."""
    return 1.0 + np.searchsorted(np.sort(-scores), -scores, side="left").astype(np.float64)
