"""Cascaded scoring: the second stage drops weak candidates after its early layers."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ....errors import ArgumentError
from ....index import Hit
from ....rerank import Cascade, Reranker, can_exit_early, group_by_query, require_exits
from .blend import final_scores
from .deadline import Deadline, score_until_deadline
from .passages import PassageScoring
from .scorer import CandidateScorer, QueryHit


def require_cascade_reranker(cascade: Cascade | None, reranker: Reranker | None) -> None:
    """Check that a reranker has the early exits of a cascade; None is no cascade.

    Raises:
        ArgumentError: There is no reranker, or one that cannot exit early.
        ModelError: The reranker has no exit after a layer of the cascade.
    """
    if not cascade:
        return
    if reranker is None:
        raise ArgumentError(f"cascade={list(cascade)} needs a reranker: give one, or leave out the cascade")
    if not can_exit_early(reranker):
        raise ArgumentError(f"cascade={list(cascade)} needs a reranker with exits, not {type(reranker).__name__}")
    require_exits(cascade, reranker.exit_layers, "the reranker")


def require_cascade_fits(*, passages: PassageScoring, adaptive: bool) -> None:
    """Check that a cascade can be combined with the other options.

    Raises:
        ArgumentError: A cascade does not support this passage scoring, or adaptive reranking.
    """
    if adaptive:
        raise ArgumentError("adaptive=True cannot be combined with a cascade: leave one of them out")
    if passages != "best":
        raise ArgumentError(
            "a cascade scores one passage of a document, its best by the first stage: "
            f"use passages={passages!r} without it"
        )


def score_in_cascade(  # noqa: PLR0913 - three of them have a default or a name
    scorer: CandidateScorer,
    cascade: Cascade,
    queries: Sequence[str],
    candidates: Sequence[Sequence[Hit]],
    *,
    blend: float,
    tokenizer: str = "",
    deadline: Deadline | None = None,
) -> list[tuple[NDArray[np.float32], NDArray[np.int64]]]:
    """Score the candidates of each query by a cascade.

    With a deadline, the best candidates of each slice go on to later layers. These are at least as many as without a
    deadline.

    Args:
        scorer: The scorer, whose reranker has early exits.
        cascade: Pairs of a layer and the number of candidates that go on after it.
        queries: Texts.
        candidates: The hits of the first stage for each query, best first.
        blend: Weight of the logits against the retrieval scores, from 0 to 1.
        tokenizer: Fingerprint of the tokenizer that made the token ids of the hits; empty where they have none.
        deadline: When scoring ends; None is no deadline.

    Returns:
        For each query the logits of its first candidates, float32, and the layer after which the cascade stopped each
        of them, int64, 0 for the whole model; both of shape (scored,).
    """
    # Pairs of one text compete with each other, so a query that comes twice is scored once.
    distinct = dict(zip(queries, candidates, strict=True))
    stopped: dict[tuple[str, str], int] = {}

    def score(chunk: Sequence[QueryHit]) -> tuple[NDArray[np.float32], int]:
        cascade_scores, computed = scorer.score_cascade(
            chunk, cascade, partial(_blended, blend, chunk), tokenizer=tokenizer
        )
        stopped.update(
            ((q, hit.document.id), layer)
            for (q, hit), layer in zip(chunk, cascade_scores.stopped.tolist(), strict=True)
        )
        return cascade_scores.logits, computed

    logits = score_until_deadline(list(distinct), list(distinct.values()), score, deadline=deadline)
    layers = [
        np.array([stopped[query, hit.document.id] for hit in hits[: len(query_logits)]], np.int64)
        for (query, hits), query_logits in zip(distinct.items(), logits, strict=True)
    ]
    scored = dict(zip(distinct, zip(logits, layers, strict=True), strict=True))
    return [scored[query] for query in queries]


def _blended(
    blend: float, candidates: Sequence[QueryHit], rows: NDArray[np.int64], logits: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Return the scores that would order the candidates in ``rows`` if these were their final logits."""
    scores = logits.astype(np.float64)
    if blend == 1.0:
        return scores
    numbers: list[int] = rows.tolist()
    retrieval = np.array([candidates[number][1].score for number in numbers], np.float64)
    for query_rows in group_by_query([candidates[number][0] for number in numbers]):
        scores[query_rows] = final_scores(scores[query_rows], retrieval[query_rows], blend)
    return scores
