"""Admission: how much work a server accepts at once."""

import math
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from .errors import QueueFull, ServerStopping
from .ticket import Clock, Ticket

LONGEST_RETRY = 60
"""The most seconds that a client is told to wait."""


class Admission:
    """Accepts requests until they need more tokens than the queue may hold. Threads may share one.

    A request is accepted or refused as a whole, before it costs anything, so that one that was accepted is not refused
    half done. A request that is larger than the whole queue is accepted while nothing else waits.

    Args:
        queue_tokens: The most tokens of all accepted requests together.
        queue_requests: The most requests.
        seconds: The longest that a request may have to wait, at the ``pace`` of the last batches; None for no limit.
        pace: Returns the tokens that the models process in a second; 0.0 if that is not known.
        clock: Returns seconds.
    """

    def __init__(
        self,
        queue_tokens: int,
        queue_requests: int,
        *,
        seconds: float | None = None,
        pace: Callable[[], float] = lambda: 0.0,
        clock: Clock = time.monotonic,
    ) -> None:
        self._queue_tokens = queue_tokens
        self._queue_requests = queue_requests
        self._seconds = seconds
        self._pace = pace
        self._clock = clock
        self._tokens = self._requests = 0
        self._stopping = False
        self._changed = threading.Condition()

    @property
    def tokens(self) -> int:
        """The tokens of all accepted requests that are not answered yet."""
        return self._tokens

    @property
    def requests(self) -> int:
        """The accepted requests that are not answered yet."""
        return self._requests

    @property
    def stopping(self) -> bool:
        """Whether nothing more is accepted."""
        return self._stopping

    @contextmanager
    def admitted(self, tokens: int, *, seconds: float | None = None) -> Generator[Ticket]:
        """Accept a request while the block runs.

        Args:
            tokens: About how many tokens the models must process for it.
            seconds: Its deadline from now; None for none.

        Yields:
            The ticket of the request.

        Raises:
            QueueFull: Too much is waiting.
            ServerStopping: The server ends.
        """
        with self._changed:
            if self._stopping:
                raise ServerStopping("the server is shutting down; ask another one")
            too_large = self._tokens > 0 and self._tokens + tokens > self._most_tokens()
            if too_large or self._requests >= self._queue_requests:
                raise QueueFull(self._retry_after())
            self._tokens += tokens
            self._requests += 1
        try:
            yield Ticket(tokens, expires=None if seconds is None else self._clock() + seconds, clock=self._clock)
        finally:
            with self._changed:
                self._tokens -= tokens
                self._requests -= 1
                self._changed.notify_all()

    def stop(self) -> None:
        """Accept nothing more; what was accepted goes on."""
        with self._changed:
            self._stopping = True

    def wait_until_idle(self, seconds: float) -> bool:
        """Wait until all accepted requests are answered; tell whether they are."""
        with self._changed:
            return self._changed.wait_for(lambda: self._requests == 0, timeout=seconds)

    def _most_tokens(self) -> float:
        pace = self._pace()
        in_time = pace * self._seconds if self._seconds is not None and pace > 0 else math.inf
        return min(self._queue_tokens, in_time)

    def _retry_after(self) -> int:
        """Return in how many seconds about half of what waits will be done."""
        pace = self._pace()
        return min(LONGEST_RETRY, max(1, math.ceil(self._tokens / 2 / pace))) if pace > 0 else 1
