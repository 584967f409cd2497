"""Replicas: the processes that have the same shard, and which of them to ask next."""

import threading
from collections import deque
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from typing import Protocol, TypeVar

from ....index.shards import GenerationKey, Request

Answer = TypeVar("Answer")
FAILED_SECONDS = 1.0
"""How long a replica that failed is asked last."""
PROBE_SECONDS = 30.0
"""How often a replica that let a time limit pass is asked again."""
MEASURED_CALLS = 200
FEWEST_MEASURED = 20


class ShardHandle(Protocol):
    """A process that has a shard, somewhere. Its calls return at once; any number of threads may make some."""

    def open(self, key: GenerationKey) -> "Future[None]":
        """Open a generation there."""
        ...

    def answer(self, key: GenerationKey, request: Request[Answer]) -> "Future[Answer]":
        """Answer a request there."""
        ...


class Replica:
    """A process that has a shard, and what is known of how it answers."""

    def __init__(self, handle: ShardHandle, clock: Callable[[], float]) -> None:
        self.handle = handle
        self._clock = clock
        self._lock = threading.Lock()
        self.waiting = 0
        self._failed_at = float("-inf")
        self._silent_since: float | None = None

    def ask(self, key: GenerationKey, request: Request[Answer]) -> "Future[Answer]":
        """Put a request to it."""
        with self._lock:
            self.waiting += 1
            if self._silent_since is not None:
                self._silent_since = self._clock()  # this call probes it
        try:
            future = self.handle.answer(key, request)
        except BaseException:
            self._answered()
            raise
        future.add_done_callback(lambda _: self._answered())
        return future

    def _answered(self) -> None:
        with self._lock:
            self.waiting -= 1
            self._silent_since = None

    def failed(self) -> None:
        """Record that a call failed."""
        self._failed_at = self._clock()

    def silent(self) -> None:
        """Record that it let a time limit pass: until one of its calls returns it is hardly asked."""
        with self._lock:
            if self.waiting and self._silent_since is None:
                self._silent_since = self._clock()

    @property
    def usable(self) -> bool:
        """Whether it answers, as far as is known, or should be probed."""
        silent_since = self._silent_since
        return silent_since is None or self._clock() - silent_since >= PROBE_SECONDS

    @property
    def preference(self) -> tuple[bool, int]:
        """Sorts replicas: those that failed lately come last, and before them those with many calls under way."""
        return self._clock() - self._failed_at < FAILED_SECONDS, self.waiting


class Replicas:
    """The replicas of one shard."""

    def __init__(self, handles: Sequence[ShardHandle], clock: Callable[[], float]) -> None:
        self.all = [Replica(handle, clock) for handle in handles]
        self._turn = 0

    def next(self, tried: Collection[Replica]) -> Replica | None:
        """Return the replica to ask next, which is none of those that were tried; None where there is none."""
        self._turn += 1
        count = len(self.all)
        turned = [self.all[(self._turn + number) % count] for number in range(count)]
        left = [replica for replica in turned if replica not in tried and replica.usable]
        return min(left, key=lambda replica: replica.preference, default=None)


class Pace:
    """How long calls of each kind take, and how many extra calls there may be.

    A call that takes longer than most is put to another replica too (Dean and Barroso 2013, "The Tail at Scale", CACM).
    Where everything is slow, as under load, that would make it slower: so extra calls are a small share of all.
    """

    def __init__(self, share: float) -> None:
        """``share`` is the most extra calls for each call."""
        self._share = share
        self._lock = threading.Lock()
        self._seconds: dict[type, deque[float]] = {}
        self._allowance = 1.0
        self.calls = 0
        self.extra_calls = 0

    def called(self) -> None:
        """Count a call."""
        with self._lock:
            self.calls += 1
            self._allowance = min(10.0, self._allowance + self._share)

    def took(self, kind: type, seconds: float) -> None:
        """Record how long a call took until its first answer."""
        with self._lock:
            self._seconds.setdefault(kind, deque(maxlen=MEASURED_CALLS)).append(seconds)

    def slow_after(self, kind: type) -> float | None:
        """Return the seconds that 95 % of the calls of a kind do not take; None while too few were measured."""
        with self._lock:
            measured = sorted(self._seconds.get(kind, ()))
        return measured[int(0.95 * len(measured))] if len(measured) >= FEWEST_MEASURED else None

    def may_call_extra(self) -> bool:
        """Return whether there may be one more extra call now, and count it."""
        with self._lock:
            if self._allowance < 1.0:
                return False
            self._allowance -= 1.0
            self.extra_calls += 1
            return True
