"""Lane and Work: what one request wants computed, and by what."""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from .errors import ServerError
from .ticket import Ticket

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class Lane(Generic[Item, Result]):
    """A function of a model whose calls may be joined: what it returns for an item depends on no other item.

    Attributes:
        name: Names the function in metrics.
        run: Computes a result for each item.
        tokens: Returns about how many tokens the model processes for an item.
    """

    name: str
    run: Callable[[Sequence[Item]], Iterable[Result]]
    tokens: Callable[[Item], int]


@dataclass(eq=False)
class Work(Generic[Item, Result]):
    """Items of one request that wait for a lane.

    Attributes:
        lane: Computes them.
        items: The items.
        tokens: Of each item.
        ticket: Of the request.
        queued: When it began to wait, on the clock of the thread.
        started: How many items are in a batch, or were.
        batches: How many batches these were.
        results: Those that are there, in the order of the items.
    """

    lane: Lane[Item, Result]
    items: Sequence[Item]
    tokens: Sequence[int]
    ticket: Ticket
    queued: float = 0.0
    started: int = 0
    batches: int = 0
    results: list[Result] = field(default_factory=list[Any])
    _error: Exception | None = None
    _settled: threading.Event = field(default_factory=threading.Event)

    def is_wanted(self) -> bool:
        """Whether somebody still waits for the results; it fails here once its client left or its deadline passed."""
        if not self._settled.is_set() and (reason := self.ticket.reason_to_stop()) is not None:
            self.fail(reason)
        return not self._settled.is_set()

    def take(self, tokens: int) -> Sequence[Item]:
        """Return the next items of at most ``tokens`` tokens together; at least one."""
        begin, end = self.started, self.started + 1
        used = self.tokens[begin]
        while end < len(self.items) and used + self.tokens[end] <= tokens:
            used += self.tokens[end]
            end += 1
        self.started = end
        self.batches += 1
        return self.items[begin:end]

    def add(self, results: Sequence[Result]) -> None:
        """Add the results of the next items."""
        self.results += results
        if len(self.results) == len(self.items):
            self._settled.set()

    def fail(self, error: Exception) -> None:
        """End with an error, unless it has ended."""
        if not self._settled.is_set():
            self._error = error
            self._settled.set()

    def wait(self) -> list[Result]:
        """Wait for the results, or raise what ended the work."""

        def tell(reason: ServerError) -> None:
            self.fail(reason)

        with self.ticket.telling(tell):
            self.ticket.check()
            self._settled.wait(self.ticket.remaining)
        if self.is_wanted():  # its deadline passed between two looks at the clock
            self._settled.wait()
        if self._error is not None:
            raise self._error
        return self.results
