"""Clients of a server that each send a request, wait for its answer, and send the next."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any

WAIT_SECONDS = 300
REFUSED_SECONDS = 0.5
"""What a client waits after the answer that the server is busy."""


@dataclass(slots=True)
class Loop:
    """What some clients got.

    Attributes:
        seconds: Of each answer with status 200.
        statuses: How many answers had each status.
        lasted: Seconds from the first request to the last answer.
    """

    seconds: list[float] = field(default_factory=list[float])
    statuses: Counter[int] = field(default_factory=Counter[int])
    lasted: float = 0.0


def post(port: int, path: str, body: object, connection: HTTPConnection | None = None) -> tuple[int, Any]:
    """Send a request to this machine, and return the status and the JSON of the answer."""
    client = connection or HTTPConnection("127.0.0.1", port, timeout=WAIT_SECONDS)
    client.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    answer = client.getresponse()
    record = json.loads(answer.read())
    if connection is None:
        client.close()
    return answer.status, record


def closed_loop(port: int, path: str, bodies: Sequence[object], *, clients: int, seconds: float) -> Loop:
    """Let some clients ask for a while; requests that have begun by then are answered."""
    loop, lock, started = Loop(), threading.Lock(), time.perf_counter()

    def ask(number: int) -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=WAIT_SECONDS)
        turn = number
        while time.perf_counter() - started < seconds:
            begun = time.perf_counter()
            status, _ = post(port, path, bodies[turn % len(bodies)], connection)
            taken = time.perf_counter() - begun
            turn += clients
            with lock:
                loop.statuses[status] += 1
                if status == 200:
                    loop.seconds.append(taken)
            if status == 429:
                time.sleep(REFUSED_SECONDS)
        connection.close()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    loop.lasted = time.perf_counter() - started
    return loop


def wait_for(port: int, path: str, runs: Callable[[], bool] = lambda: True) -> None:
    """Wait until a server answers a path with 200, as long as it runs."""
    ends = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < ends and runs():
        try:
            connection = HTTPConnection("127.0.0.1", port, timeout=WAIT_SECONDS)
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.02)
    raise TimeoutError(f"nothing answers {path} on port {port}")
