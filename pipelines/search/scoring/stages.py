"""The ranks and scores of results through every stage of a search."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ....index import Hit, StageScore
from .results import ScoredCandidates, SearchResult


def with_stages(results: Sequence[SearchResult], scored: ScoredCandidates, *, blend: float) -> list[SearchResult]:
    """Return the results of one query with their ``stages``.

    Args:
        results: What ``order`` made of the candidates, or the first of it.
        scored: The candidates.
        blend: The weight of the logits, from 0 to 1: with 1 nothing is blended.
    """
    rows = {hit.document.id: row for row, hit in enumerate(scored.hits)}
    stopped = np.zeros(len(scored.logits), np.int64) if scored.stopped is None else scored.stopped
    # What a cascade stopped earlier stands behind: its logit is that of another layer.
    order: list[int] = np.lexsort((-scored.logits, -np.where(stopped == 0, np.iinfo(np.int64).max, stopped))).tolist()
    ranks = {row: rank for rank, row in enumerate(order, start=1)}
    explained: list[SearchResult] = []
    for result in results:
        row = rows[result.document.id]
        stages = scored.hits[row].stages or (first_stage(scored.hits[row], scored.ranks[row]),)
        if result.logit is not None:
            stages += (StageScore("reranked", ranks[row], result.logit),)
            if blend < 1.0:
                stages += (StageScore("blended", result.rank, result.score),)
        explained.append(replace(result, stages=stages))
    return explained


def first_stage(hit: Hit, rank: int) -> StageScore:
    """Return what is known of a hit that no retriever with several steps made, or of a neighbour."""
    has_dense, has_lexical = hit.dense_score is not None, hit.lexical_score is not None
    name = "fused" if has_dense and has_lexical else "vectors" if has_dense else "words" if has_lexical else "retrieved"
    return StageScore(name, rank, hit.score)
