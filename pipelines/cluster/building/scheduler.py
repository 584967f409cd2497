"""Decides which worker writes which chunk. It knows no engine: a test passes workers of its own."""

import logging
import statistics
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ....errors import BicrossError, ClusterError
from ...indexing import ChunkDone, SourceChunk

logger = logging.getLogger("bicross")

STRIKES = 3
"""Workers that a chunk may kill, and times that it may fail by what a retry may mend, such as a full disk."""
SLOW = 2.0
"""A chunk that takes so many times as long as others of its size is given to an idle worker too."""
LEAST_SLOW_SECONDS = 5.0
RETRY_SECONDS = 10.0
"""After so long a worker may try again at what it failed at; before that others do, for its disk may be full."""
WAIT_SECONDS = 1.0
SILENCE_SECONDS = 60.0
"""After so long without a worker that answers, a warning says so."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call to a worker ended.

    Attributes:
        worker: The number of the worker.
        chunk: The chunk.
        done: What it says of the chunk; None after an error.
        error: The error that it reports; None if it has done its work, or is dead.
        death: How the worker died; "" if it lives.
    """

    worker: int
    chunk: SourceChunk
    done: ChunkDone | None = None
    error: Exception | None = None
    death: str = ""


class Workers(Protocol):
    """Processes that write one chunk at a time."""

    def idle(self) -> list[int]:
        """The numbers of the workers without a chunk."""
        ...

    def start(self, worker: int, chunk: SourceChunk) -> None:
        """Give an idle worker a chunk."""
        ...

    def wait(self, seconds: float) -> list[Outcome]:
        """Return the calls that have ended; at the latest after ``seconds`` none."""
        ...

    def replace(self, worker: int) -> None:
        """Start a new process in the place of one that died."""
        ...


@dataclass(slots=True)
class _Running:
    chunk: SourceChunk
    began: float


@dataclass(slots=True)
class _Failure:
    """Who failed at a chunk without dying, and when the last one did."""

    workers: set[int] = field(default_factory=set[int])
    at: float = 0.0


@dataclass(slots=True)
class _State:
    """What is waiting, running and finished."""

    waiting: deque[SourceChunk]
    workers: set[int] = field(default_factory=set[int])
    failures: dict[str, _Failure] = field(default_factory=dict[str, _Failure])
    running: dict[int, _Running] = field(default_factory=dict[int, _Running])
    finished: set[str] = field(default_factory=set[str])
    problems: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    quarantined: dict[str, SourceChunk] = field(default_factory=dict[str, SourceChunk])
    paces: list[float] = field(default_factory=list[float])
    """Seconds for each byte of the finished chunks."""

    def is_running(self, name: str) -> bool:
        return any(running.chunk.name == name for running in self.running.values())

    def next_chunk(self, worker: int, now: float) -> SourceChunk | None:
        """Return what an idle worker should do: what waits, or else what takes another one too long."""
        if self.waiting:
            chunk = next((chunk for chunk in self.waiting if self._may_try(worker, chunk, now)), None)
            if chunk is not None:
                self.waiting.remove(chunk)
            return chunk
        if not self.paces:
            return None
        pace, names = statistics.median(self.paces), [running.chunk.name for running in self.running.values()]
        late = [
            (now - running.began, running.chunk)
            for running in self.running.values()
            if names.count(running.chunk.name) == 1 and running.chunk.name not in self.finished
        ]
        slow = [
            (seconds, chunk)
            for seconds, chunk in late
            if seconds > max(LEAST_SLOW_SECONDS, SLOW * pace * chunk.part.bytes)
        ]
        return max(slow, key=lambda each: each[0])[1] if slow else None

    def _may_try(self, worker: int, chunk: SourceChunk, now: float) -> bool:
        failure = self.failures.get(chunk.name)
        if failure is None or worker not in failure.workers:
            return True
        return failure.workers >= self.workers or now - failure.at >= RETRY_SECONDS


def run_chunks(
    chunks: Sequence[SourceChunk],
    workers: Workers,
    *,
    done: Callable[[ChunkDone], None],
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Return when all chunks are sealed.

    Args:
        chunks: The chunks.
        workers: Who writes them.
        done: Called once for each chunk.
        clock: Gives seconds.

    Raises:
        BicrossError: A chunk cannot be written whoever does it, such as one with a bad row.
        ClusterError: A chunk has killed its workers, or has failed again and again. All others are sealed.
    """
    state = _State(deque(chunks))
    heard = clock()
    while len(state.finished) + len(state.quarantined) < len(chunks):
        idle = workers.idle()
        state.workers = {*idle, *state.running}
        for worker in idle:
            chunk = state.next_chunk(worker, clock())
            if chunk is None:
                continue
            workers.start(worker, chunk)
            state.running[worker] = _Running(chunk, clock())
        outcomes = workers.wait(WAIT_SECONDS)
        for outcome in outcomes:
            _take(outcome, state, workers, done, clock())
        if outcomes:
            heard = clock()
        elif clock() - heard > SILENCE_SECONDS and not state.finished:
            heard = clock()
            logger.warning("no worker has finished a chunk yet: they load models, or the cluster has no room for them")
    if state.quarantined:
        raise _quarantine(state)


def _take(outcome: Outcome, state: _State, workers: Workers, done: Callable[[ChunkDone], None], now: float) -> None:
    """Note how a call ended."""
    began = state.running.pop(outcome.worker).began
    name = outcome.chunk.name
    if outcome.death:
        workers.replace(outcome.worker)
    if name in state.finished:
        return  # another worker was faster
    if outcome.done is not None:
        state.finished.add(name)
        state.quarantined.pop(name, None)
        state.paces.append((now - began) / max(1, outcome.chunk.part.bytes))
        done(outcome.done)
        return
    if isinstance(outcome.error, BicrossError):
        raise outcome.error
    if not outcome.death:
        failure = state.failures.setdefault(name, _Failure())
        failure.workers.add(outcome.worker)
        failure.at = now
    problem = outcome.death or str(outcome.error)
    state.problems.setdefault(name, []).append(problem)
    logger.warning("the chunk of %s was not written: %s", outcome.chunk.part.shown, problem)
    if len(state.problems[name]) >= STRIKES:
        state.quarantined[name] = outcome.chunk
    elif not state.is_running(name):
        state.waiting.append(outcome.chunk)


def _quarantine(state: _State) -> ClusterError:
    named = "; ".join(
        f"{chunk.part.shown} (chunk {chunk.name}): {state.problems[name][-1]:.300}"
        for name, chunk in list(state.quarantined.items())[:5]
    )
    count = len(state.quarantined)
    parts = "one part" if count == 1 else f"{count} parts"
    return ClusterError(
        f"{parts} of the source failed {STRIKES} times: {named}. The other chunks are kept: mend or take out what is "
        "named, and run the same command again"
    )
