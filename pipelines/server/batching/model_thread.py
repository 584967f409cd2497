"""ModelThread: runs all models of a server, and joins what several requests want of one into batches."""

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ....errors import ModelError
from .errors import ServerStopping
from .ticket import Clock, current_ticket
from .work import Item, Lane, Result, Work

logger = logging.getLogger("bicross")

BATCH_TOKENS = 4_096
"""The tokens of a batch, if as many are waiting: a fraction of a second on a CPU, for which the next must wait."""
SHORT = 8
"""Work of at most this fraction of a batch, such as the encoding of a query, goes before all other work."""
TURNS = 16
"""The batches after which larger work goes back behind what waits."""
PACE_MEMORY = 0.8
"""The weight of earlier batches in the average pace, once more for each later one."""


class BatchObserver(Protocol):
    """Is told of every batch."""

    def __call__(self, lane: str, *, tokens: int, requests: int, seconds: float, waits: Sequence[float]) -> None:
        """A batch of ``requests`` requests and ``tokens`` tokens took ``seconds``.

        ``waits`` are the seconds that those of them waited whose first batch it was.
        """
        ...


@dataclass(frozen=True, slots=True)
class Part:
    """Items of one request in a batch."""

    work: Work[Any, Any]
    items: Sequence[Any]


class ModelThread:
    """One thread that runs models, for any number of threads that wait for it.

    A batch is made of what waits at that moment: nothing waits for company. Work that is larger than a batch is split.
    Short work comes first, and very large work goes back behind what waits, so that it does not hold it up. Work whose
    client has left, or whose deadline has passed, is dropped before it enters a batch. If a model fails on a batch of
    several requests, each of these is run alone, so that only the one that is to blame fails; if it lacks memory, the
    batch is halved.

    Args:
        batch_tokens: The most tokens of a batch of several items.
        observe: Is told of every batch.
        clock: Returns seconds.
    """

    def __init__(
        self,
        *,
        batch_tokens: int = BATCH_TOKENS,
        observe: BatchObserver | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self._batch_tokens = batch_tokens
        self._observe = observe
        self._clock = clock
        self._pace_tokens = self._pace_seconds = 0.0
        self._waiting: deque[Work[Any, Any]] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="models", daemon=True)
        self._thread.start()

    @property
    def pace(self) -> float:
        """Tokens per second of the last batches; 0.0 before the first.

        Short batches are not counted, because their cost is not that of their tokens.
        """
        return self._pace_tokens / self._pace_seconds if self._pace_seconds > 0 else 0.0

    def run(self, lane: Lane[Item, Result], items: Sequence[Item]) -> list[Result]:
        """Compute the results of some items, together with what others wait for.

        Args:
            lane: What computes them.
            items: Any number of items.

        Returns:
            A result for each item, in their order.

        Raises:
            ClientLeft: The client of the current ticket left meanwhile.
            DeadlinePassed: The deadline of the current ticket passed meanwhile.
            ServerStopping: The thread was closed.
        """
        if not items:
            return []
        work = Work(lane, items, [lane.tokens(item) for item in items], current_ticket(), queued=self._clock())
        with self._changed:
            if self._closed:
                raise ServerStopping("the models of this server are closed")
            self._waiting.append(work)
            self._changed.notify()
        return work.wait()

    def close(self) -> None:
        """End the thread after its batch; what still waits fails."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if self._closed:
                    break
                parts = self._next_parts()
            if parts:
                self._run_timed(parts)
        for work in self._waiting:
            work.fail(ServerStopping("the server was shut down"))

    def _next_parts(self) -> list[Part]:
        """Take from the waiting work of one lane, the first one's, until the batch is full."""
        parts, left = list[Part](), self._batch_tokens
        others, unfinished = deque[Work[Any, Any]](), list[Work[Any, Any]]()
        for work in sorted(self._waiting, key=self._is_long):
            if not work.is_wanted():
                continue
            same_lane = not parts or work.lane is parts[0].work.lane
            if not same_lane or (parts and work.tokens[work.started] > left):
                others.append(work)
                continue
            begun = work.started
            parts.append(Part(work, work.take(left)))
            left -= sum(work.tokens[begun : work.started])
            if work.started < len(work.items):
                unfinished.append(work)
        turn = [work for work in unfinished if work.batches % TURNS]
        over = [work for work in unfinished if work.batches % TURNS == 0]
        self._waiting = deque([*turn, *others, *over])
        return parts

    def _is_long(self, work: Work[Any, Any]) -> bool:
        return sum(work.tokens) * SHORT > self._batch_tokens

    def _run_timed(self, parts: Sequence[Part]) -> None:
        started = self._clock()
        waits = [started - part.work.queued for part in parts if part.work.batches == 1]
        _run(parts)
        seconds = self._clock() - started
        tokens = sum(part.work.lane.tokens(item) for part in parts for item in part.items)
        if tokens * SHORT > self._batch_tokens:
            self._pace_tokens = PACE_MEMORY * self._pace_tokens + tokens
            self._pace_seconds = PACE_MEMORY * self._pace_seconds + seconds
        if self._observe is not None:
            name = parts[0].work.lane.name
            self._observe(name, tokens=tokens, requests=len(parts), seconds=seconds, waits=waits)


def _run(parts: Sequence[Part]) -> None:
    """Run a batch; where that fails, smaller ones."""
    lane, items = parts[0].work.lane, [item for part in parts for item in part.items]
    try:
        results = list(lane.run(items))
        if len(results) != len(items):
            raise ModelError(f"the model gave {len(results)} results for {len(items)} items")
    except Exception as error:  # noqa: BLE001 - whatever a model raises is the answer to its request
        smaller = _smaller(parts, error)
        if not smaller:
            parts[0].work.fail(error)
        for group in smaller:
            _run(group)
        return
    begin = 0
    for part in parts:
        end = begin + len(part.items)
        part.work.add(results[begin:end])
        begin = end


def _smaller(parts: Sequence[Part], error: Exception) -> list[list[Part]]:
    """Return the batches to run instead of one that failed; none where its only request is to blame."""
    lacks_memory = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"  # torch's own
    if len(parts) > 1:
        middle = len(parts) // 2
        return [list(parts[:middle]), list(parts[middle:])] if lacks_memory else [[part] for part in parts]
    [part] = parts
    if lacks_memory and len(part.items) > 1:
        middle = len(part.items) // 2
        logger.warning("a batch of %d items lacks memory; it is halved", len(part.items))
        return [[Part(part.work, part.items[:middle])], [Part(part.work, part.items[middle:])]]
    return []
