"""The threads of searches: those of FAISS for many queries at once, and others for few queries in many indexes.

With more threads than queries FAISS divides the rows of an exact index between its threads, and computes scores that
differ in their last bits from those that the same query has among others. So a search has at most one thread of FAISS
for each query, and the other cores search other indexes meanwhile.
"""

import os
import threading
from bisect import bisect_left
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import accumulate, pairwise
from typing import Any, TypeVar

import faiss

Part = TypeVar("Part")
Result = TypeVar("Result")
_faiss: Any = faiss  # the stubs lack half of it


class _Pool:
    """Threads that search, made when they are first needed. A forked process has none of them, and makes its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._threads: ThreadPoolExecutor | None = None

    def get(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._threads is None:
                # In each of them FAISS has one thread: this number is that of the calling thread.
                one = partial(_faiss.omp_set_num_threads, 1)
                self._threads = ThreadPoolExecutor(_faiss.omp_get_max_threads(), "bicross-search", initializer=one)
            return self._threads


_pool = _Pool()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.__init__)


@contextmanager
def one_thread_a_query(queries: int) -> Generator[None]:
    """Let FAISS have at most so many threads. Only the calling thread is concerned."""
    before = _faiss.omp_get_max_threads()
    if queries >= before:
        yield
        return
    _faiss.omp_set_num_threads(max(1, queries))
    try:
        yield
    finally:
        _faiss.omp_set_num_threads(before)


def each_in_threads(
    function: Callable[[Part], Result], parts: Sequence[Part], sizes: Sequence[int], *, queries: int
) -> list[Result]:
    """Call a function for each of some parts, in several threads where FAISS would leave cores idle.

    There are no more threads than FAISS may have: OMP_NUM_THREADS limits both, and a forked process has one.

    Args:
        function: Searches one part.
        parts: What is searched.
        sizes: How much work each part is, relative to the others.
        queries: How many queries ``function`` searches for at once.

    Returns:
        The results, in the order of ``parts``.
    """
    threads = min(_faiss.omp_get_max_threads(), len(parts))
    if threads < 2 or queries >= threads:
        return [function(part) for part in parts]
    pool = _pool.get()
    searches = [
        pool.submit(_search_all, function, parts[first:last]) for first, last in pairwise(_bounds(sizes, threads))
    ]
    return [result for search in searches for result in search.result()]


def _search_all(function: Callable[[Part], Result], parts: Sequence[Part]) -> list[Result]:
    return [function(part) for part in parts]


def _bounds(sizes: Sequence[int], groups: int) -> list[int]:
    """Divide sizes into at most so many neighbouring groups of about the same sum: where each begins, and the end."""
    ends = list(accumulate(sizes, initial=0))
    inner = (bisect_left(ends, ends[-1] * number // groups) for number in range(1, groups))
    return sorted({0, *inner, len(sizes)})
