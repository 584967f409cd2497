"""Candidates to logits. Knows how to ask a reranker and to judge its answer, and no order."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from ..index import Hit, passage_text
from ..rerank import Reranker


def score_candidates(
    reranker: Reranker, queries: Sequence[str], candidates: Sequence[Sequence[Hit]]
) -> list[NDArray[np.float32]]:
    """Logits of each query's candidates; all pairs of the batch go to the reranker together."""
    pairs = [
        (query, passage_text(hit.document.title, hit.passage.text))
        for query, hits in zip(queries, candidates, strict=True)
        for hit in hits
    ]
    logits = reranker.score(pairs)
    if np.shape(logits) != (len(pairs),):
        raise ModelError(f"the reranker gave scores of shape {np.shape(logits)} for {len(pairs)} pairs")
    if not np.isfinite(logits).all():
        query, passage = pairs[int(np.flatnonzero(~np.isfinite(logits))[0])]
        raise ModelError(f"the reranker gave a score that is not finite for {query[:60]!r} and {passage[:60]!r}")
    ends = np.cumsum([len(hits) for hits in candidates])
    return np.split(logits, ends[:-1]) if len(candidates) else []
