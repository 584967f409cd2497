"""Replicas of shards for a measurement: what is sent to them is counted, and one may be late."""

import os
import pickle
import random
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from bicross.index import ShardedIndex
from bicross.index.shards import GenerationKey, Request
from bicross.pipelines.cluster.sharding import ShardHandle


class WhichProcess:
    """Asks for the number of the process that answers."""

    def of(self, part: object) -> int:
        """Return it."""
        return os.getpid()


class Counting:
    """A handle that counts the bytes of its requests and answers, as they go to another process."""

    def __init__(self, handle: ShardHandle, sums: dict[str, int]) -> None:
        self._handle, self._sums, self._lock = handle, sums, threading.Lock()

    def open(self, key: GenerationKey) -> "Future[None]":
        """Open a generation there."""
        return self._handle.open(key)

    def answer(self, key: GenerationKey, request: Request[Any]) -> "Future[Any]":
        """Answer a request there."""
        future = self._handle.answer(key, request)
        self._count("calls", 1)
        self._count("to_shards", len(pickle.dumps((key, request))))
        future.add_done_callback(lambda done: self._count("from_shards", len(pickle.dumps(done.result()))))
        return future

    def _count(self, name: str, count: int) -> None:
        with self._lock:
            self._sums[name] = self._sums.get(name, 0) + count


class Late:
    """A handle some of whose answers come late, as those of a process that pauses now and then.

    Args:
        handle: The handle.
        seconds: How late.
        share: Of the answers.
    """

    def __init__(self, handle: ShardHandle, seconds: float, share: float) -> None:
        self._handle, self._seconds, self._share = handle, seconds, share
        self._chance = random.Random(0)

    def open(self, key: GenerationKey) -> "Future[None]":
        """Open a generation there."""
        return self._handle.open(key)

    def answer(self, key: GenerationKey, request: Request[Any]) -> "Future[Any]":
        """Answer a request there, perhaps late."""
        future = self._handle.answer(key, request)
        if self._chance.random() >= self._share:
            return future
        late: Future[Any] = Future()
        timer = threading.Timer(self._seconds, lambda: late.set_result(future.result()))
        timer.daemon = True
        timer.start()
        return late


def replicas(index: ShardedIndex, shard: int) -> list[Any]:
    """Return the replicas of a shard, each with its handle."""
    return index._shards._shards[shard].all  # type: ignore[attr-defined]


@contextmanager
def counted(index: ShardedIndex) -> Iterator[dict[str, int]]:
    """Count the bytes to and from all shards while the block runs."""
    sums: dict[str, int] = {}
    changed = [replica for shard in range(index.coverage.shards) for replica in replicas(index, shard)]
    before = [replica.handle for replica in changed]
    for replica in changed:
        replica.handle = Counting(replica.handle, sums)
    try:
        yield sums
    finally:
        for replica, handle in zip(changed, before, strict=True):
            replica.handle = handle


@contextmanager
def late(index: ShardedIndex, shard: int, *, seconds: float, share: float) -> Iterator[None]:
    """Make the first replica of a shard late while the block runs."""
    replica = replicas(index, shard)[0]
    before = replica.handle
    replica.handle = Late(before, seconds, share)
    try:
        yield
    finally:
        replica.handle = before


def process_of(index: ShardedIndex, shard: int) -> int:
    """Return the number of the process of the first replica of a shard."""
    key = index._generation.key
    return replicas(index, shard)[0].handle.answer(key, WhichProcess()).result(60.0)
