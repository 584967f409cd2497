"""Ticket: the right of one accepted request to use the models, until its deadline or until its client leaves."""

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar

from .errors import ClientLeft, DeadlinePassed, ServerError

Clock = Callable[[], float]
"""Returns seconds."""


class Ticket:
    """One accepted request. Threads may share a ticket.

    Args:
        tokens: How many tokens the request was accepted for.
        expires: When its deadline passes, on ``clock``; None for never.
        clock: Returns seconds.
    """

    def __init__(self, tokens: int = 0, *, expires: float | None = None, clock: Clock = time.monotonic) -> None:
        self.tokens = tokens
        self._expires = expires
        self._clock = clock
        self._left = False
        self._listeners: list[Callable[[ServerError], None]] = []
        self._lock = threading.Lock()

    @property
    def remaining(self) -> float | None:
        """Seconds until the deadline, not below 0; None without one."""
        return None if self._expires is None else max(0.0, self._expires - self._clock())

    def reason_to_stop(self) -> ServerError | None:
        """Return why no model should work for this request any more; None while one should."""
        if self._left:
            return ClientLeft("the client closed its connection")
        if self.remaining == 0.0:
            return DeadlinePassed("the deadline passed before the answer was ready")
        return None

    def check(self) -> None:
        """Raise the reason why no model should work for this request any more, if there is one."""
        if (reason := self.reason_to_stop()) is not None:
            raise reason

    def leave(self) -> None:
        """The client has left: what waits for a model on this ticket ends now."""
        with self._lock:
            self._left = True
            waiting = list(self._listeners)
        for tell in waiting:
            tell(ClientLeft("the client closed its connection"))

    @contextmanager
    def telling(self, tell: Callable[[ServerError], None]) -> Generator[None]:
        """Call ``tell`` at once if the client leaves while the block runs."""
        with self._lock:
            self._listeners.append(tell)
        try:
            yield
        finally:
            with self._lock:
                self._listeners.remove(tell)


_current: ContextVar[Ticket | None] = ContextVar("ticket", default=None)


def current_ticket() -> Ticket:
    """Return the ticket of this thread's request; outside of one, a ticket without end."""
    return _current.get() or Ticket()


@contextmanager
def working_for(ticket: Ticket) -> Generator[None]:
    """Run a block for a request: the models that it calls stop when the request does."""
    token = _current.set(ticket)
    try:
        yield
    finally:
        _current.reset(token)
