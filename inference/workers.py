"""A pool of threads that each compute on one core.

Batches in parallel use a CPU better than several threads within one matrix product, because these wait for each other
after each part of the product. The threads of the pool do not spin after a call.
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
    """The number of threads: ``torch.get_num_threads()`` of the calling thread, so ``set_num_threads`` limits it."""
    return torch.get_num_threads()


def each(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Map a function over items in ``workers()`` threads.

    Args:
        function: The function. It must not call ``each``.
        items: The items.

    Returns:
        The results in the order of the items, as ``map`` gives them.
    """
    return _pool(workers()).map(function, items)


def _pool(size: int) -> ThreadPoolExecutor:
    """The pool of that size. A process has one pool for each size; its threads start once."""
    with _lock:
        if size not in _pools:
            started = threading.Barrier(size + 1)
            pool = ThreadPoolExecutor(size, "inference", initializer=_compute_alone, initargs=(started,))
            for _ in range(size):
                pool.submit(_nothing)
            started.wait()
            # set_num_threads in a worker holds for the worker, but torch also applies it to threads that start later.
            torch.set_num_threads(size)
            _pools[size] = pool
        return _pools[size]


def _compute_alone(started: threading.Barrier) -> None:
    torch.get_num_threads()  # torch sets up a thread at its first call, which would overwrite the next line
    torch.set_num_threads(1)
    started.wait()


def _nothing() -> None: ...


def _compute_alone_after_fork() -> None:
    """Make a forked process compute in one thread, and forget the pools of its parent.

    A forked process has none of its parent's threads. OpenMP does not know that and would wait for them for ever, in
    the first product of matrices that is large enough to be shared.
    """
    global _lock
    _lock = threading.Lock()
    _pools.clear()
    torch.set_num_threads(1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_compute_alone_after_fork)
