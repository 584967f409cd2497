"""map_ahead: applies a function in another thread, ahead of the thread that takes the results."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@contextmanager
def map_ahead(function: Callable[[Item], Result], items: Iterable[Item], *, depth: int) -> Generator[Iterator[Result]]:
    """Yield ``map(function, items)``, computed in another thread while earlier results are used.

    ``items`` is read in the thread that takes the results, because its source may be bound to that thread, as database
    cursors are. Results come in order. An error of ``function`` or ``items`` is raised in place of its result. After
    the block the thread has ended: a running call is awaited, and no other begins. An interrupt
    alone waits for nothing, because that call may take long: the thread ends with it, and its result is lost.

    Args:
        function: Applied to each item.
        items: The items.
        depth: The most items that are waiting, running, or done and not yet taken.
    """
    thread = ThreadPoolExecutor(1, thread_name_prefix="bicross")
    results = _results(thread, function, items, depth)
    waits = True
    try:
        yield results
    except KeyboardInterrupt:
        waits = False
        raise
    finally:
        thread.shutdown(wait=False, cancel_futures=True)
        results.close()
        thread.shutdown(wait=waits)


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
            except Exception as error:  # noqa: BLE001 - raised below, after the results of earlier items
                failure, ended = error, True
        if pending:
            yield pending.popleft().result()
    if failure is not None:
        raise failure
