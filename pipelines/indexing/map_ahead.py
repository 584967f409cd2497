"""map_ahead: applies a function in another thread, ahead of whoever takes the results."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@contextmanager
def map_ahead(function: Callable[[Item], Result], items: Iterable[Item], *, depth: int) -> Generator[Iterator[Result]]:
    """Yield ``map(function, items)``, computed in another thread while the earlier results are used.

    ``items`` is read in the thread that takes the results, because what it reads may be bound to a thread, as database
    cursors are. Results come in order; an error of ``function`` or ``items`` is raised in the place of its result. On
    leaving, the thread has ended: the call in progress is awaited, and no other begins.

    Args:
        function: Applied to each item.
        items: The items.
        depth: How many items are in progress or done, and not yet taken, at most.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="bicross") as thread:
        results = _results(thread, function, items, depth)
        try:
            yield results
        finally:
            thread.shutdown(wait=False, cancel_futures=True)
            results.close()


def _results(
    thread: ThreadPoolExecutor, function: Callable[[Item], Result], items: Iterable[Item], depth: int
) -> Generator[Result]:
    remaining = iter(items)
    pending: deque[Future[Result]] = deque()
    failure: Exception | None = None
    ended = False
    while pending or not ended:
        while not ended and len(pending) < depth:
            try:
                pending.append(thread.submit(function, next(remaining)))
            except StopIteration:
                ended = True
            except Exception as error:  # noqa: BLE001 - raised below, after the results of what came before it
                failure, ended = error, True
        if pending:
            yield pending.popleft().result()
    if failure is not None:
        raise failure
