"""Has the pieces of one call answered by workers that may die, fail or stand still."""

import statistics
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from ....errors import BicrossError, ClusterError
from .requests import Piece
from .workers import ROOM, RerankerWorkers, Worker, WorkerDied

Answer = TypeVar("Answer")
STRIKES = 3
"""How often a piece may fail, by the death of a worker, by silence, or by an error that a retry may mend."""
AT_ONCE = 2
"""The pieces of a call that a worker has: one at work, and the next."""
LATE = 3.0
"""A piece that takes so many times as long as others of its size is given to an idle worker too."""
LEAST_LATE_SECONDS = 1.0
MEASURED_PIECES = 50


class Paces:
    """How many seconds a token of the last pieces took."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seconds: deque[float] = deque(maxlen=MEASURED_PIECES)

    def measured(self, seconds: float, tokens: int) -> None:
        """Record how long a piece took."""
        with self._lock:
            self._seconds.append(seconds / max(1, tokens))

    def late_after(self, tokens: int) -> float:
        """Return the seconds after which a piece is late; infinite while nothing was measured."""
        with self._lock:
            pace = statistics.median(self._seconds) if self._seconds else float("inf")
        return max(LEAST_LATE_SECONDS, LATE * pace * tokens)


@dataclass(frozen=True, slots=True, eq=False)
class _Try:
    """A piece that a worker has."""

    number: int
    worker: Worker
    life: int
    began: float


@dataclass(slots=True)
class _Call(Generic[Answer]):
    pieces: Sequence[Piece[Answer]]
    waiting: deque[int]
    answers: dict[int, Answer] = field(default_factory=dict[int, Any])
    tries: "dict[Future[Answer], _Try]" = field(default_factory=dict[Any, _Try])
    failed: dict[int, list[Worker]] = field(default_factory=dict[int, list[Worker]])

    def tries_of(self, number: int) -> int:
        return sum(tried.number == number for tried in self.tries.values())

    def held(self, worker: Worker) -> int:
        return sum(tried.worker is worker for tried in self.tries.values())

    def has_idle(self, workers: Sequence[Worker]) -> bool:
        return any(not self.held(worker) for worker in workers)


def ask_all(workers: RerankerWorkers, pieces: Sequence[Piece[Answer]], paces: Paces) -> list[Answer]:
    """Return the answer to each piece. Pieces may be asked twice: the first answer counts.

    Args:
        workers: Who answers.
        pieces: What is asked.
        paces: How fast pieces are.

    Raises:
        BicrossError: The reranker says that a piece cannot be scored.
        ClusterError: A piece failed again and again, or there is no worker.
    """
    call = _Call(pieces, deque(range(len(pieces))))
    idle_since = workers.clock()
    while len(call.answers) < len(pieces):
        ready = workers.ready()
        _give(call, workers, ready)
        if call.tries:
            idle_since = workers.clock()
        elif workers.clock() - idle_since > workers.seconds:
            raise ClusterError(f"no reranker worker is ready after {workers.seconds:g} s: {ROOM}")
        pause = min(_pause(call, paces), workers.seconds / 4)
        awaited: list[Future[Any]] = [*call.tries, *workers.starting()]
        wait(awaited, timeout=pause, return_when=FIRST_COMPLETED)
        for future in [future for future in call.tries if future.done()]:
            _take(call, workers, paces, future)
        _look_at_the_late(call, workers, paces)
    return [call.answers[number] for number in range(len(pieces))]


def _give(call: _Call[Any], workers: RerankerWorkers, ready: Sequence[Worker]) -> None:
    """Give waiting pieces to workers that have room for them, and have not failed at them if others are there."""
    for _ in range(AT_ONCE):
        for worker in ready:
            number = _next_for(call, worker, ready)
            if number is not None and call.held(worker) < AT_ONCE:
                call.waiting.remove(number)
                piece = call.pieces[number]
                future, life = workers.ask(worker, piece.request, piece.tokens)
                call.tries[future] = _Try(number, worker, life, workers.clock())


def _next_for(call: _Call[Any], worker: Worker, ready: Sequence[Worker]) -> int | None:
    for number in call.waiting:
        failed = call.failed.get(number, [])
        has_it = any(tried.number == number and tried.worker is worker for tried in call.tries.values())
        if not has_it and (worker not in failed or all(other in failed for other in ready)):
            return number
    return None


def _pause(call: _Call[Any], paces: Paces) -> float:
    """Return how long to wait for answers before somebody may be late."""
    return min((paces.late_after(call.pieces[tried.number].tokens) for tried in call.tries.values()), default=1.0) / 4


def _take(call: _Call[Any], workers: RerankerWorkers, paces: Paces, future: "Future[Any]") -> None:
    """Take an answer or an error."""
    tried, error = call.tries.pop(future), future.exception()
    if tried.number in call.answers:
        return  # another worker was faster
    if error is None:
        call.answers[tried.number] = future.result()
        paces.measured(workers.clock() - tried.began, call.pieces[tried.number].tokens)
        if tried.number in call.waiting:
            call.waiting.remove(tried.number)
    elif isinstance(error, BicrossError):
        raise error
    else:
        if isinstance(error, WorkerDied):
            workers.replace(tried.worker, tried.life, str(error))
        _failed(call, tried, error)


def _failed(call: _Call[Any], tried: _Try, error: BaseException) -> None:
    """Have a piece asked again; give it up after some failures."""
    failed = call.failed.setdefault(tried.number, [])
    failed.append(tried.worker)
    if len(failed) >= STRIKES:
        if isinstance(error, MemoryError):
            raise error  # the caller may ask for less
        raise ClusterError(
            f"the reranking of {call.pieces[tried.number].shown} failed {STRIKES} times: {error!s:.300}"
        ) from error
    if tried.number not in call.waiting and not call.tries_of(tried.number):
        call.waiting.append(tried.number)


def _look_at_the_late(call: _Call[Any], workers: RerankerWorkers, paces: Paces) -> None:
    """Give pieces that are late to idle workers too; take them from a worker that has had all of its time."""
    now = workers.clock()
    for future, tried in list(call.tries.items()):
        took = now - tried.began
        if took <= min(workers.seconds, paces.late_after(call.pieces[tried.number].tokens)):
            continue
        workers.late(tried.worker, tried.life)
        if tried.number in call.answers:
            continue
        if took > workers.seconds:
            del call.tries[future]
            reason = f"no answer within {workers.seconds:g} s"
            workers.replace(tried.worker, tried.life, reason)
            _failed(call, tried, WorkerDied(reason))
        elif not call.waiting and call.tries_of(tried.number) == 1 and call.has_idle(workers.ready()):
            call.waiting.append(tried.number)
