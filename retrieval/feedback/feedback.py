"""Pseudo-relevance feedback by vectors (Rocchio), and score smoothing among the candidates of a query.

The best documents of a first order are taken as relevant. Their mean vector is added to that of the query (Rocchio
1971, "Relevance Feedback in Information Retrieval"; for vectors of dense models Li et al. 2021, "Pseudo Relevance
Feedback with Deep Language Models and Dense Retrievers", arXiv 2108.11044), and the candidates are scored anew. Then
each candidate's score is drawn towards those of the candidates that it resembles most (Diaz 2005, "Regularizing Ad Hoc
Retrieval Scores", CIKM).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError
from ...errors.arguments import checked_count, checked_instance, checked_number

Floats = NDArray[np.float64]
Fuse = Callable[[Floats], Floats]
"""Makes the scores that order the candidates of a query from their dense scores, both of shape (n,)."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """How strong pseudo-relevance feedback and score smoothing are.

    Attributes:
        weight: The share of the feedback in the new query vector, from 0 (none) to 1 (the query no longer counts).
        documents: The documents of the first order that are taken as relevant; each counts with its best passage.
        smoothing: The share of the neighbours in the score of a candidate, from 0 to 1.
        neighbours: The nearest other candidates that count as neighbours.
    """

    weight: float = 0.2
    documents: int = 1
    smoothing: float = 0.2
    neighbours: int = 5

    def __post_init__(self) -> None:
        checked_number(self.weight, "weight", 0.0, 1.0)
        checked_count(self.documents, "documents")
        checked_number(self.smoothing, "smoothing", 0.0, 1.0)
        checked_count(self.neighbours, "neighbours")


POOL = 100
"""The fewest candidates of each search among which feedback chooses, whatever number of documents is asked for."""


def checked_feedback(feedback: Feedback | None) -> Feedback | None:
    """Return strengths of feedback, or None where there are none to apply.

    Raises:
        ArgumentError: It is something else.
    """
    if feedback is None:
        return None
    checked = checked_instance(feedback, Feedback, "feedback")
    return checked if checked.weight or checked.smoothing else None


def refuse_neighbours(feedback: Feedback | None) -> None:
    """Refuse to score neighbours that are not candidates.

    Raises:
        ArgumentError: There is feedback.
    """
    if feedback is not None:
        raise ArgumentError(
            "feedback scores only the candidates of a query, and adaptive=True adds neighbours: leave out one"
        )


def pool(k: int, feedback: Feedback | None) -> int:
    """Return how many candidates a search for ``k`` documents needs."""
    return k if feedback is None else max(k, POOL)


def feedback_scores(
    feedback: Feedback, query: NDArray[np.float32], passages: Sequence[NDArray[np.float32]], dense: Floats, fuse: Fuse
) -> tuple[Floats, Floats]:
    """Score the candidates of one query with feedback and smoothing.

    The candidates come in the order of their ids, which decides between equals: the first order is by ``fuse(dense)``,
    then by ``dense``, then by id; equally near neighbours are taken by id. No result depends on other queries.

    Args:
        feedback: The strengths.
        query: The unit vector of the query, shape (dimension,).
        passages: The vectors of each candidate's passages, each of shape (its passages, dimension).
        dense: Inner products of the query and the best passage of each candidate, shape (n,).
        fuse: Makes the scores of the first order, and again those with the feedback.

    Returns:
        The scores, shape (n,), and the inner products with the new query vector, which decide between equal scores.
    """
    if not passages:
        return fuse(dense), dense
    rows, exact = _Rows(passages), query.astype(np.float64)
    best = rows.best(exact)
    if feedback.weight:
        first = np.lexsort((-dense, -fuse(dense)))[: feedback.documents]
        moved = (1.0 - feedback.weight) * exact + feedback.weight * rows.vectors[best[first]].mean(axis=0)
        length = float(np.linalg.norm(moved))
        moved = moved / length if length > 0.0 else exact  # opposite vectors leave no direction
        best = rows.best(moved)
        dense = rows.products(moved)[best]
    scores = fuse(dense)
    if feedback.smoothing:
        scores = smoothed(scores, rows.vectors[best], share=feedback.smoothing, neighbours=feedback.neighbours)
    return scores, dense


def smoothed(scores: Floats, vectors: Floats, *, share: float, neighbours: int) -> Floats:
    """Draw each score towards the mean of its nearest neighbours', weighted by their similarities.

    A negative similarity counts as 0; where all are, the score stays.

    Args:
        scores: Of the candidates, shape (n,).
        vectors: Of their best passages, shape (n, dimension).
        share: The weight of the neighbours, from 0 to 1.
        neighbours: How many count.
    """
    count = min(neighbours, len(scores) - 1)
    if not count:
        return scores
    similarities = _rounded(vectors @ vectors.T)
    np.fill_diagonal(similarities, -np.inf)
    nearest = np.argsort(-similarities, axis=1, kind="stable")[:, :count]
    weights = np.maximum(np.take_along_axis(similarities, nearest, axis=1), 0.0)
    totals = weights.sum(axis=1)
    means = np.divide((weights * scores[nearest]).sum(axis=1), totals, out=scores.copy(), where=totals > 0.0)
    return (1.0 - share) * scores + share * means


class _Rows:
    """The vectors of all passages of all candidates in one matrix."""

    def __init__(self, passages: Sequence[NDArray[np.float32]]) -> None:
        self.vectors: Floats = np.concatenate(passages).astype(np.float64)
        ends = np.cumsum([len(vectors) for vectors in passages]).tolist()
        self._spans = list(zip([0, *ends[:-1]], ends, strict=True))

    def products(self, query: Floats) -> Floats:
        """The inner product of each passage with a vector."""
        return _rounded(self.vectors @ query)

    def best(self, query: Floats) -> NDArray[np.int64]:
        """The row of each candidate's best passage, of equals the first."""
        products = self.products(query)
        rows = [
            first if last - first == 1 else first + int(products[first:last].argmax()) for first, last in self._spans
        ]
        return np.array(rows, np.int64)


def _rounded(products: Floats) -> Floats:
    """Round to single precision, so that equal vectors have equal products wherever they stand in a matrix."""
    return products.astype(np.float32).astype(np.float64)
