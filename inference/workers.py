"""Threads that each compute on one core. Know nothing of what they compute.

Batches side by side use a CPU better than the threads within one product do, which wait for each other after each of
its parts; and when a call is over, none of these threads spins.
"""

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")

_lock = threading.Lock()
_pools: dict[int, ThreadPoolExecutor] = {}


def workers() -> int:
    """As many as torch has threads in the thread that calls: who lowers ``torch.set_num_threads`` is heeded."""
    return torch.get_num_threads()


def each(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """As ``map``, in ``workers()`` threads. ``function`` must not call this."""
    return _pool(workers()).map(function, items)


def _pool(size: int) -> ThreadPoolExecutor:
    """One for the process, for each size that was asked for; its threads start once."""
    with _lock:
        if size not in _pools:
            started = threading.Barrier(size + 1)
            pool = ThreadPoolExecutor(size, "inference", initializer=_compute_alone, initargs=(started,))
            for _ in range(size):
                pool.submit(_nothing)
            started.wait()
            # In a worker the setting holds for the worker; but torch also keeps it for threads that it has yet to see.
            torch.set_num_threads(size)
            _pools[size] = pool
        return _pools[size]


def _compute_alone(started: threading.Barrier) -> None:
    torch.get_num_threads()  # torch sets a thread up at its first question, and would then overwrite what follows
    torch.set_num_threads(1)
    started.wait()


def _nothing() -> None: ...


def _forget() -> None:
    """A process that was forked has none of its parent's threads."""
    global _lock
    _lock = threading.Lock()
    _pools.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
