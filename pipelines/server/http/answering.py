"""Does the work of a request in a thread, and drops it when its client leaves."""

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response

from ..batching import Admission, ClientLeft, Ticket, working_for

Value = TypeVar("Value")


def json_response(record: object, status: int = 200) -> Response:
    """Return a record as JSON."""
    body = json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Response(body.encode(), status, media_type="application/json")


async def worked(
    request: Request,
    work: Callable[[], Value],
    *,
    tokens: int,
    admission: Admission,
    pool: Executor,
    seconds: float,
) -> Value:
    """Do the work of a request in a thread.

    Args:
        request: Watched: when its client leaves, the work stops at its next call of a model.
        work: What is to be done.
        tokens: About how many tokens the models must process for it.
        admission: Accepts it or not.
        pool: The threads.
        seconds: Its deadline from now.

    Raises:
        QueueFull: The server has enough to do.
        DeadlinePassed: The work was not done in time.
        ClientLeft: The client did not wait.
    """
    with admission.admitted(tokens, seconds=seconds) as ticket:
        done = _started(work, ticket, pool)
        leaving = asyncio.ensure_future(_disconnected(request))
        try:
            await asyncio.wait((done, leaving), return_when=asyncio.FIRST_COMPLETED)
            if not done.done():
                ticket.leave()
                with suppress(ClientLeft):
                    await done
                raise ClientLeft("the client closed its connection")
            return done.result()
        finally:
            if not done.done():
                ticket.leave()
            leaving.cancel()


async def worked_alone(
    work: Callable[[], Value], *, tokens: int, admission: Admission, pool: Executor, seconds: float
) -> Value:
    """Do work in a thread for a caller that is cancelled when nobody waits any more; see ``worked``.

    When that happens, the work stops at its next call of a model.
    """
    with admission.admitted(tokens, seconds=seconds) as ticket:
        done = _started(work, ticket, pool)
        try:
            await asyncio.wait((done,))
            return done.result()
        finally:
            if not done.done():
                ticket.leave()
                done.add_done_callback(_forget)


def _started(work: Callable[[], Value], ticket: Ticket, pool: Executor) -> "asyncio.Future[Value]":
    def run() -> Value:
        ticket.check()
        with working_for(ticket):
            return work()

    return asyncio.get_running_loop().run_in_executor(pool, run)


def _forget(done: "asyncio.Future[Value]") -> None:
    """Take the error of work for which nobody waits, which asyncio would log."""
    if not done.cancelled():
        done.exception()


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
