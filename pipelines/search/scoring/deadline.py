"""Scores candidates in slices until all are scored, a deadline is reached, or a stop rule ends it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ....index import Hit
from .scorer import QueryHit
from .stop_rule import CHECK_EVERY

SMALL_SLICE = 8
"""Pairs that are scored before the pace of a call is known, and the fewest that are worth a call of the reranker."""

ScoreFunction = Callable[[Sequence[QueryHit]], tuple[NDArray[np.float32], int]]
"""Logits of candidates, and how many of them had to be computed."""
Enough = Callable[[NDArray[np.float64], NDArray[np.float64]], bool]
"""Takes all retrieval scores of a query and the logits of its first candidates; tells whether to stop scoring."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """The time on ``clock`` by which scoring ends; both are in seconds."""

    at: float
    clock: Callable[[], float]


class _Pace:
    """Sizes slices so that the deadline is met.

    Nothing is kept between calls, because the load of the machine and the length of passages change. Threads therefore
    share nothing. Each slice is sized for half of the time that is left, at the pace of the slice before. A slice that
    takes twice as long as expected is still in time. Scoring ends when the time left is too short for a small slice.
    Only the first slice has no known pace: at a steady pace its duration bounds the delay.
    """

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._rate: float | None = None
        self._started = 0.0

    def next_slice(self) -> int:
        """Return how many pairs to score now; 0 when the time is up."""
        self._started = self._deadline.clock()
        remaining = self._deadline.at - self._started
        if remaining <= 0:
            return 0
        if self._rate is None:
            return SMALL_SLICE
        affordable = remaining * self._rate
        return 0 if affordable < SMALL_SLICE else max(SMALL_SLICE, int(affordable / 2))

    def measured(self, pairs: int) -> None:
        """Record that the slice is scored, and that ``pairs`` of it had to be computed."""
        seconds = self._deadline.clock() - self._started
        if pairs and seconds > 0:
            self._rate = pairs / seconds


def score_until_deadline(
    queries: Sequence[str],
    candidates: Sequence[Sequence[Hit]],
    score: ScoreFunction,
    *,
    deadline: Deadline | None = None,
    enough: Enough | None = None,
) -> list[NDArray[np.float32]]:
    """Score the candidates of each query in order, until all are scored or ``deadline`` or ``enough`` ends it.

    With a deadline, the depths of all queries differ by one at most. Without a deadline and a rule, all pairs are
    scored in one call.

    Args:
        queries: Texts.
        candidates: The hits of the first stage for each query, best first.
        score: Computes the logits of candidates.
        deadline: When scoring ends; None is no deadline.
        enough: Tells whether a query needs no more logits; None scores all candidates.

    Returns:
        For each query the logits of its first candidates; shape (scored,), float32.
    """
    logits: list[list[float]] = [[] for _ in candidates]
    # By rank, then by query: whatever ends the scoring, all queries have been scored to about the same depth.
    waiting = sorted((rank, query) for query, hits in enumerate(candidates) for rank in range(len(hits)))
    pace = None if deadline is None else _Pace(deadline)
    while waiting:
        size = len(waiting)
        if enough is not None:
            size = sum(rank < waiting[0][0] + CHECK_EVERY for rank, _ in waiting)
        if pace is not None:
            size = min(size, pace.next_slice())
        if size == 0:
            break
        chunk, waiting = sorted(waiting[:size], key=_query), waiting[size:]  # pairs of one query stand side by side
        scores, computed = score([(queries[query], candidates[query][rank]) for rank, query in chunk])
        if pace is not None:
            pace.measured(computed)
        for (_, query), logit in zip(chunk, scores.tolist(), strict=True):
            logits[query].append(logit)
        if enough is not None:
            advanced = {query for _, query in chunk}
            done = {query for query in advanced if enough(_retrieval(candidates[query]), np.array(logits[query]))}
            waiting = [(rank, query) for rank, query in waiting if query not in done]
    return [np.array(query_logits, np.float32) for query_logits in logits]


def _query(rank_and_query: tuple[int, int]) -> int:
    return rank_and_query[1]


def _retrieval(hits: Sequence[Hit]) -> NDArray[np.float64]:
    return np.array([hit.score for hit in hits], np.float64)
