"""Requests that come faster than a server can answer them, whether it answers or not."""

import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPException

from parts.serving.clients import post
from parts.serving.servers import Server

PATIENCE = 3
"""A server has recovered when a request takes at most so many times what it takes on an idle one."""
CLIENTS = 400


@dataclass(slots=True)
class Overload:
    """What came of it.

    Attributes:
        sent: Requests that were sent.
        statuses: How many answers had each status; "no answer" where the connection broke.
        seconds: Of each answer with status 200.
        resident_mb: The server's memory, each second.
        recovered_seconds: The time from the last request to the end of the first one that took about as long as on an
            idle server.
    """

    sent: int = 0
    statuses: Counter[str] = field(default_factory=Counter[str])
    seconds: list[float] = field(default_factory=list[float])
    resident_mb: list[float] = field(default_factory=list[float])
    recovered_seconds: float = 0.0


def overloaded(
    server: Server, path: str, bodies: Sequence[object], *, rate: float, seconds: float, idle_seconds: float
) -> Overload:
    """Send requests at a rate, and then wait until the server is as fast as before.

    Args:
        server: The server.
        path: The route.
        bodies: The requests; when they run out, they start again.
        rate: Requests a second.
        seconds: How long.
        idle_seconds: What a request takes on the idle server.
    """
    overload, lock = Overload(), threading.Lock()

    def ask(number: int) -> None:
        begun = time.perf_counter()
        try:
            status = str(post(server.port, path, bodies[number % len(bodies)])[0])
        except (OSError, HTTPException):
            status = "no answer"
        taken = time.perf_counter() - begun
        with lock:
            overload.statuses[status] += 1
            if status == "200":
                overload.seconds.append(taken)

    started, next_sample = time.perf_counter(), 0.0
    with ThreadPoolExecutor(CLIENTS) as clients:
        while (elapsed := time.perf_counter() - started) < seconds:
            if elapsed >= next_sample:
                overload.resident_mb.append(server.resident_mb)
                next_sample += 1.0
            while overload.sent < elapsed * rate:
                clients.submit(ask, overload.sent)
                overload.sent += 1
            time.sleep(0.005)
        overload.recovered_seconds = _recovery(server, path, bodies[0], idle_seconds)
    overload.resident_mb.append(server.resident_mb)
    return overload


def _recovery(server: Server, path: str, body: object, idle_seconds: float) -> float:
    ended = time.perf_counter()
    while True:
        begun = time.perf_counter()
        status, _ = post(server.port, path, body)
        if status == 200 and time.perf_counter() - begun <= PATIENCE * idle_seconds:
            return time.perf_counter() - ended
        time.sleep(0.05)
