"""RerankerWorkers: processes that have the same reranker, and which of them are ready."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, fields, replace
from typing import Protocol, TypeVar

from ....errors import BicrossError, ClusterError, ModelError
from .requests import Description, Request

logger = logging.getLogger("bicross")

Answer = TypeVar("Answer")
OPEN_SECONDS = 600.0
"""How long the workers may take to load their model."""
LAGGARD_SECONDS = 60.0
"""How long the first call waits for further workers when one is ready."""
STARTS = 3
"""How often in a row a process may die while it loads its model."""
REVIVAL_SECONDS = 10.0
"""After so long a worker that was given up is started once more, if it is needed."""
ROOM = "they load the model, or the cluster has no room for them"


class WorkerDied(Exception):
    """The process of a worker ended, or is not reached, before it answered."""


class WorkerHandle(Protocol):
    """A place for a process that has a reranker. Its calls return at once; any number of threads may make some."""

    def start(self) -> "Future[Description]":
        """Start a process, in the place of the one before, that loads the reranker and describes it."""
        ...

    def ask(self, request: Request[Answer]) -> "Future[Answer]":
        """Put a request to it. The future raises ``WorkerDied``, or what the reranker raised."""
        ...

    def stop(self) -> None:
        """End the process."""
        ...


@dataclass(eq=False, slots=True)
class Worker:
    """A place for a process, and what is known of the process.

    Attributes:
        number: Its number, from 0.
        handle: Reaches it.
        starting: Describes the process when it is ready; None if it is ready, or given up.
        life: How many processes were there before.
        owed: The tokens of the pieces that it has not answered.
        silent_since: Since when, on the clock, it is known to take much longer than others; it gets nothing until it
            answers. None if it does not.
        failed_starts: How many processes in a row died before they were ready.
        given_up_at: When, on the clock; None if there is a process.
    """

    number: int
    handle: WorkerHandle
    starting: "Future[Description] | None" = None
    life: int = 0
    owed: int = 0
    silent_since: float | None = None
    failed_starts: int = 0
    given_up_at: float | None = None

    @property
    def is_ready(self) -> bool:
        """Whether it has its model."""
        return self.starting is None and self.given_up_at is None


class RerankerWorkers:
    """The workers of one reranker. Any number of threads may use them.

    A process that dies is replaced. One that has another model than the first is refused: it would mix other scores
    with theirs.
    """

    def __init__(
        self, handles: Sequence[WorkerHandle], *, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Start a process in each place.

        Args:
            handles: The places.
            seconds: How long a worker may take over a piece.
            clock: Returns seconds.
        """
        self.seconds, self.clock = seconds, clock
        self._lock = threading.Lock()
        self._described: Description | None = None
        self._refused: BicrossError | None = None
        self._reason = "it was closed"
        self.all = [Worker(number, handle) for number, handle in enumerate(handles)]
        for worker in self.all:
            worker.starting = worker.handle.start()

    def described(self) -> Description:
        """Return what the workers say of their reranker, once all are ready; some may be late.

        Raises:
            ModelError: A worker has no such model, or another one than the first.
            ClusterError: No worker is there in time.
        """
        if self._refused is not None:
            raise self._refused
        if self._described is not None:
            return self._described
        began, first_at = self.clock(), float("inf")
        while True:
            self._take_started(strict=True)
            now, starting = self.clock(), self.starting()
            if self._described is not None:
                first_at = min(first_at, now)
            if not starting or now - began > OPEN_SECONDS or now - first_at > LAGGARD_SECONDS:
                break
            wait(starting, timeout=1.0, return_when=FIRST_COMPLETED)
        self.ready()
        if self._described is None:
            raise ClusterError(f"no reranker worker is ready after {OPEN_SECONDS:g} s: {ROOM}")
        if starting:
            logger.warning("%d of %d reranker workers are not ready yet: %s", len(starting), len(self.all), ROOM)
        return self._described

    def ready(self) -> list[Worker]:
        """Return the workers to ask, those who owe the fewest tokens first.

        Raises:
            ClusterError: There is none, and none that starts.
        """
        self._take_started(strict=False)
        with self._lock:
            if all(worker.given_up_at is not None for worker in self.all):
                self._revive()
            for worker in self.all:
                if worker.silent_since is not None and self.clock() - worker.silent_since > self.seconds:
                    self._replace(worker, f"no answer within {self.seconds:g} s")
            ready = [worker for worker in self.all if worker.is_ready]
            answering = [worker for worker in ready if worker.silent_since is None]
            return sorted(answering or ready, key=lambda worker: worker.owed)

    def starting(self) -> "list[Future[Description]]":
        """Return what tells that a process is ready."""
        return [worker.starting for worker in self.all if worker.starting is not None]

    def ask(self, worker: Worker, request: Request[Answer], tokens: int) -> "tuple[Future[Answer], int]":
        """Put a request to a worker; return its answer to come, and which life of the worker has it."""
        with self._lock:
            worker.owed += tokens
            life = worker.life
        try:
            future = worker.handle.ask(request)
        except Exception as error:  # noqa: BLE001 - whatever a transport raises
            future = Future[Answer]()
            future.set_exception(WorkerDied(f"{type(error).__name__}: {error}"))
        future.add_done_callback(lambda _: self._answered(worker, life, tokens))
        return future, life

    def late(self, worker: Worker, life: int) -> None:
        """Record that a process takes much longer than others."""
        with self._lock:
            if worker.life == life and worker.owed and worker.silent_since is None:
                worker.silent_since = self.clock()

    def replace(self, worker: Worker, life: int, reason: str) -> None:
        """Start a process in the place of one that died, unless somebody has done so."""
        with self._lock:
            if worker.life == life and worker.is_ready:
                self._replace(worker, reason)

    def close(self) -> None:
        """End all processes."""
        with self._lock:
            self._reason = "it was closed"
            for worker in self.all:
                worker.starting, worker.given_up_at = None, float("inf")
                worker.handle.stop()

    def _answered(self, worker: Worker, life: int, tokens: int) -> None:
        with self._lock:
            if worker.life == life:
                worker.owed -= tokens
                worker.silent_since = None

    def _replace(self, worker: Worker, reason: str) -> None:
        logger.warning("reranker worker %d is started anew: %s", worker.number, reason)
        self._start(worker)

    def _start(self, worker: Worker) -> None:
        worker.life += 1
        worker.owed, worker.silent_since, worker.given_up_at = 0, None, None
        worker.starting = worker.handle.start()

    def _take_started(self, *, strict: bool) -> None:
        """Note which processes are ready, and start those anew that died."""
        with self._lock:
            for worker in self.all:
                if worker.starting is None or not worker.starting.done():
                    continue
                error = worker.starting.exception()
                if error is None:
                    error = self._difference(worker.starting.result())
                if error is None:
                    worker.starting, worker.failed_starts = None, 0
                    continue
                self._reason = f"{error}"
                worker.failed_starts += 1
                if isinstance(error, BicrossError):
                    if strict:
                        self._refused = error
                        raise error
                    worker.failed_starts = STARTS  # another process would say the same
                logger.warning("reranker worker %d could not start: %s", worker.number, error)
                if worker.failed_starts < STARTS:
                    self._start(worker)
                else:
                    worker.starting, worker.given_up_at = None, self.clock()

    def _difference(self, found: Description) -> ModelError | None:
        """Keep the first description; return an error for one that differs."""
        if self._described is None:
            self._described = found
        first = self._described
        if replace(found, host=first.host) == first:
            return None
        names = [field.name for field in fields(Description) if field.name != "host"]
        differing = [name for name in names if getattr(found, name) != getattr(first, name)]
        values = ", ".join(f"{name} {getattr(found, name)} and {getattr(first, name)}" for name in differing[:2])
        return ModelError(
            f"the workers on {found.host} and on {first.host} must have the same bicross and the same model, and have "
            f"{values:.400}"
        )

    def _revive(self) -> None:
        """Start all processes once more, if they were given up long ago."""
        given_up = [worker.given_up_at for worker in self.all if worker.given_up_at is not None]
        if max(given_up) + REVIVAL_SECONDS > self.clock():
            count = len(self.all)
            named = "the reranker worker is" if count == 1 else f"all {count} reranker workers are"
            raise ClusterError(f"{named} gone: {self._reason}")
        for worker in self.all:
            worker.failed_starts = STARTS - 1
            self._start(worker)
