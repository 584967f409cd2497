"""Puts the candidates of a query in order, and records their ranks and scores through the steps of the first stage."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...index import Hit, Index, StageScore
from .feedback import Feedback, Floats, Fuse, feedback_scores

DOCUMENTS_AT_ONCE = 64
"""Documents whose vectors are read together: one may have thousands."""


@dataclass(frozen=True, slots=True, eq=False)
class Ordering:
    """How the candidates of one query are ordered.

    Attributes:
        vector: The vector of the query, shape (dimension,).
        fuse: Makes the scores from dense scores.
        lexical: BM25 of each candidate, shape (n,); None where there are none.
        feedback: How strong feedback is; None orders by ``fuse`` alone.
    """

    vector: NDArray[np.float32]
    fuse: Fuse
    lexical: Floats | None = None
    feedback: Feedback | None = None


def ordered(index: Index, candidates: Sequence[Hit], by: Ordering, *, k: int | None = None) -> list[Hit]:
    """Order the candidates of one query, best first; equal scores by dense score, then by id.

    Args:
        index: The index that found the candidates, on the same generation.
        candidates: Documents with dense scores, in the order of their ids.
        by: How they are ordered.
        k: The most candidates to return; None returns all.

    Returns:
        The candidates with their new ``score`` and their ``stages``.
    """
    dense = np.array([np.nan if hit.dense_score is None else hit.dense_score for hit in candidates], np.float64)
    scores, tie = by.fuse(dense), dense
    stages = [_Stage("vectors", dense, dense)]
    if by.lexical is not None:
        stages += [_Stage("words", by.lexical, dense, least=0.0), _Stage("fused", scores, dense)]
    if by.feedback is not None:
        passages = _passages(index, [hit.document.id for hit in candidates])
        scores, tie = feedback_scores(by.feedback, by.vector, passages, dense, by.fuse)
        stages.append(_Stage("feedback", scores, tie))
    rows: list[int] = np.lexsort((-tie, -scores))[:k].tolist()
    return [
        dataclasses.replace(
            candidates[row],
            score=float(scores[row]),
            stages=tuple(entry for stage in stages if (entry := stage.of(row)) is not None),
        )
        for row in rows
    ]


class _Stage:
    """The ranks of all candidates in the order of one step; a score that is not above ``least`` has none."""

    def __init__(self, name: str, scores: Floats, tie: Floats, *, least: float = -np.inf) -> None:
        self._name, self._scores, self._least = name, scores, least
        self._ranks = np.empty(len(scores), np.int64)
        self._ranks[np.lexsort((-tie, -scores))] = np.arange(1, len(scores) + 1)

    def of(self, row: int) -> StageScore | None:
        """Rank and score of one candidate."""
        score = float(self._scores[row])
        return StageScore(self._name, int(self._ranks[row]), score) if score > self._least else None


def _passages(index: Index, ids: Sequence[str]) -> list[NDArray[np.float32]]:
    """Return the vectors of the passages of each document."""
    blocks = (ids[start : start + DOCUMENTS_AT_ONCE] for start in range(0, len(ids), DOCUMENTS_AT_ONCE))
    return [vectors for block in blocks for vectors in index.vectors(block)]
