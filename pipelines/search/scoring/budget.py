"""How many candidates are read, and in which slices: until all are, a deadline, or a rule. Knows no model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ....index import Hit
from .scorer import Candidate
from .stop_rule import CHECK_EVERY

SMALL_SLICE = 8
"""Pairs that are read before the pace of a call is known, and the fewest that are worth a call of the reranker."""

ScoreFunction = Callable[[Sequence[Candidate]], tuple[NDArray[np.float32], int]]
"""Logits of candidates, and how many of them had to be computed."""
Enough = Callable[[NDArray[np.float64], NDArray[np.float64]], bool]
"""Given one query's retrieval scores, all of them, and the logits of the first: need no more be read?"""


@dataclass(frozen=True, slots=True)
class Deadline:
    """The moment, on ``clock``, by which reading ends; both in seconds."""

    at: float
    clock: Callable[[], float]


class _Pace:
    """Sizes slices so that the deadline is met.

    Nothing is kept between calls: the load of the machine and the length of passages change, and threads need share
    nothing. Each slice takes half of the time that is left at the pace of the one before, so that a reading twice as
    slow as foreseen is still in time, and it ends when what is left would not do for a small slice. Only the first one
    is blind: at a steady pace its duration bounds the delay.
    """

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._rate: float | None = None
        self._started = 0.0

    def next_slice(self) -> int:
        """Pairs to read now; 0 where the time is up."""
        self._started = self._deadline.clock()
        left = self._deadline.at - self._started
        if left <= 0:
            return 0
        if self._rate is None:
            return SMALL_SLICE
        affordable = left * self._rate
        return 0 if affordable < SMALL_SLICE else max(SMALL_SLICE, int(affordable / 2))

    def measured(self, pairs: int) -> None:
        """The slice is read; ``pairs`` of it had to be computed."""
        seconds = self._deadline.clock() - self._started
        if pairs and seconds > 0:
            self._rate = pairs / seconds


def score_within_budget(
    queries: Sequence[str],
    candidates: Sequence[Sequence[Hit]],
    score: ScoreFunction,
    *,
    deadline: Deadline | None = None,
    enough: Enough | None = None,
) -> list[NDArray[np.float32]]:
    """The logits of the first candidates of each query; of all unless ``deadline`` or ``enough`` ends it sooner.

    With a deadline all queries are read to the same depth, give or take one. Without both, all pairs are one call.
    """
    logits: list[list[float]] = [[] for _ in candidates]
    # By rank, then by query: whatever ends it, every query has been read about as deep.
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
        some, waiting = sorted(waiting[:size], key=_query), waiting[size:]  # pairs of one query stand side by side
        scores, computed = score([(queries[query], candidates[query][rank]) for rank, query in some])
        if pace is not None:
            pace.measured(computed)
        for (_, query), logit in zip(some, scores.tolist(), strict=True):
            logits[query].append(logit)
        if enough is not None:
            read = {query for _, query in some}
            done = {query for query in read if enough(_retrieval(candidates[query]), np.array(logits[query]))}
            waiting = [(rank, query) for rank, query in waiting if query not in done]
    return [np.array(known, np.float32) for known in logits]


def _query(place: tuple[int, int]) -> int:
    return place[1]


def _retrieval(hits: Sequence[Hit]) -> NDArray[np.float64]:
    return np.array([hit.score for hit in hits], np.float64)
