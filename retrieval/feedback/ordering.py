"""Puts the candidates of a query in order, and records their ranks and scores through the steps of the first stage."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...index import Hit, Index, StageScore
from .feedback import Feedback, Floats, Fuse, feedback_scores

DOCUMENTS_AT_ONCE = 64
"""Documents whose vectors are read together: one may have thousands."""


def ordered(
    index: Index,
    candidates: Sequence[Hit],
    vector: NDArray[np.float32],
    *,
    fuse: Fuse,
    lexical: Floats | None = None,
    feedback: Feedback | None = None,
) -> list[Hit]:
    """Order the candidates of one query, best first; equal scores by dense score, then by id.

    Args:
        index: The index that found the candidates, on the same generation.
        candidates: Documents with dense scores, in the order of their ids.
        vector: The vector of the query, shape (dimension,).
        fuse: Makes the scores from dense scores.
        lexical: BM25 of each candidate, shape (n,); None where there are none.
        feedback: How strong feedback is; None orders by ``fuse`` alone.

    Returns:
        The candidates with their new ``score`` and their ``stages``.
    """
    dense = np.array([np.nan if hit.dense_score is None else hit.dense_score for hit in candidates], np.float64)
    scores, tie = fuse(dense), dense
    stages = [_stage("vectors", dense, dense)]
    if lexical is not None:
        stages += [_stage("words", lexical, dense, least=0.0), _stage("fused", scores, dense)]
    if feedback is not None:
        passages = _passages(index, [hit.document.id for hit in candidates])
        scores, tie = feedback_scores(feedback, vector, passages, dense, fuse)
        stages.append(_stage("feedback", scores, tie))
    rows: list[int] = np.lexsort((-tie, -scores)).tolist()
    values: list[float] = scores.tolist()
    return [
        dataclasses.replace(
            candidates[row],
            score=values[row],
            stages=tuple(entry for stage in stages if (entry := stage[row]) is not None),
        )
        for row in rows
    ]


def _stage(name: str, scores: Floats, tie: Floats, *, least: float = -np.inf) -> list[StageScore | None]:
    """Return rank and score of each candidate; None for a score that is not above ``least``."""
    entries: list[StageScore | None] = [None] * len(scores)
    rows: list[int] = np.lexsort((-tie, -scores)).tolist()
    for rank, row in enumerate(rows, start=1):
        if scores[row] > least:
            entries[row] = StageScore(name, rank, float(scores[row]))
    return entries


def _passages(index: Index, ids: Sequence[str]) -> list[NDArray[np.float32]]:
    """Return the vectors of the passages of each document."""
    blocks = (ids[start : start + DOCUMENTS_AT_ONCE] for start in range(0, len(ids), DOCUMENTS_AT_ONCE))
    return [vectors for block in blocks for vectors in index.vectors(block)]
