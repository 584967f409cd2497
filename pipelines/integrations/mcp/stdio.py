"""The Model Context Protocol over standard input and output."""

import asyncio
import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any, cast

import anyio
from mcp.server import Server
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCError, JSONRPCNotification, JSONRPCRequest, JSONRPCResponse, jsonrpc_message_adapter
from pydantic import ValidationError
from pydantic_core import from_json

from ...server import Service, hearing
from .lines import LineReader, LineWriter
from .server import agent_server
from .streams import ProtocolStreams

PARSE_ERROR, INVALID_REQUEST = -32700, -32600
LOOK_SECONDS = 0.05
"""How often it is looked whether everything is answered."""
ENDING_SECONDS = 3.0
"""How long requests may take to end that nobody waits for any more."""
Message = JSONRPCRequest | JSONRPCNotification | JSONRPCResponse | JSONRPCError


def run_stdio(service: Service, streams: ProtocolStreams, *, on_ready: Callable[[], None]) -> None:
    """Answer an agent until it closes its end, or until SIGTERM or Ctrl-C.

    The protocol is answered at once; calls of tools wait until the models are loaded. What was asked before the agent
    closed its end is answered.

    Args:
        service: Loaded here, and closed at the end.
        streams: What ``protocol_streams`` took.
        on_ready: Called when the service is loaded.

    Raises:
        BicrossError: A model cannot be loaded.
    """
    failures = list[Exception]()
    try:
        asyncio.run(_serve(service, streams, on_ready, failures))
    finally:
        service.close()
    if failures:
        raise failures[0]


async def _serve(
    service: Service, streams: ProtocolStreams, on_ready: Callable[[], None], failures: list[Exception]
) -> None:
    loop, ending = asyncio.get_running_loop(), asyncio.Event()

    def end() -> None:
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(ending.set)

    def hear(number: int, frame: FrameType | None) -> None:
        service.stop()
        end()

    def load() -> None:
        try:
            service.load()
        except Exception as error:  # noqa: BLE001 - raised where the server was started
            if not service.admission.stopping:  # else it fails because it is closed meanwhile
                failures.append(error)
            end()
            return
        if not service.admission.stopping:
            on_ready()
            service.watch()

    with hearing(hear):
        threading.Thread(target=load, name="loading", daemon=True).start()
        await _Connection(agent_server(service), service, streams).run(ending)


class _Connection:
    """The exchange with one agent.

    Args:
        server: Answers.
        service: Whose limits hold.
        streams: Where the agent is.
    """

    def __init__(self, server: "Server[Any]", service: Service, streams: ProtocolStreams) -> None:
        self._server = server
        self._seconds = service.settings.limits.request_seconds
        self._reader, self._writer = LineReader(streams.reads), LineWriter(streams.writes)
        self._unanswered: set[str | int] = set()

    async def run(self, ending: asyncio.Event) -> None:
        """Exchange messages until the agent closes its end, or until ``ending`` is set."""
        asked, requests = anyio.create_memory_object_stream[SessionMessage | Exception]()
        answers, answered = anyio.create_memory_object_stream[SessionMessage]()

        async def read() -> None:
            async for line in self._reader.lines():
                message = await self._read(line)
                if message is not None:
                    await asked.send(SessionMessage(message))
            await self._all_answered()

        async def write() -> None:
            async for item in answered:
                await self._write(item.message)

        serving = asyncio.ensure_future(
            self._server.run(requests, answers, self._server.create_initialization_options())
        )
        reading, writing = asyncio.ensure_future(read()), asyncio.ensure_future(write())
        stopped = asyncio.ensure_future(ending.wait())
        tasks = (serving, reading, writing)
        await asyncio.wait((*tasks, stopped), return_when=asyncio.FIRST_COMPLETED)
        reading.cancel()
        asked.close()  # the server ends the requests that are under way, and then itself
        await asyncio.wait((serving, writing), timeout=ENDING_SECONDS)
        for task in (*tasks, stopped):
            task.cancel()
        outcomes = await asyncio.gather(*tasks, stopped, return_exceptions=True)
        for stream in (requests, answers, answered):
            stream.close()
        for outcome in outcomes:
            if isinstance(outcome, Exception) and not isinstance(outcome, OSError | anyio.BrokenResourceError):
                raise outcome

    async def _read(self, line: bytes) -> Message | None:
        """Return the message of a line; None for one that is none, which is answered here."""
        try:
            message = jsonrpc_message_adapter.validate_json(line, by_name=False)
        except ValidationError:
            message = None
        if message is None or (isinstance(message, JSONRPCNotification) and _has_id(line)):
            await self._writer.write(_refusal(line))
            return None
        if isinstance(message, JSONRPCRequest):
            self._unanswered.add(message.id)
        elif isinstance(message, JSONRPCNotification) and message.method == "notifications/cancelled":
            cancelled = (message.params or {}).get("requestId")
            self._unanswered -= {cancelled} if isinstance(cancelled, str | int) else set()
        return message

    async def _write(self, message: Message) -> None:
        await self._writer.write(message.model_dump_json(by_alias=True, exclude_unset=True).encode())
        if isinstance(message, JSONRPCResponse | JSONRPCError) and message.id is not None:
            self._unanswered.discard(message.id)

    async def _all_answered(self) -> None:
        """Wait until everything that was asked is answered, as long as somebody reads the answers."""
        ends = time.monotonic() + self._seconds
        while self._unanswered and self._writer.is_read() and time.monotonic() < ends:
            await asyncio.sleep(LOOK_SECONDS)


def _has_id(line: bytes) -> bool:
    """Tell whether a notification is a request in truth, whose id is of a wrong type, and which is owed an answer."""
    return "id" in from_json(line)


def _refusal(line: bytes) -> bytes:
    """Return the answer to a line that is no message: without one its sender would wait for ever."""
    code, text, id_ = PARSE_ERROR, "the line is not valid JSON", None
    with suppress(ValueError, RecursionError):
        record = json.loads(line)
        code, text = INVALID_REQUEST, "the line is no request of JSON-RPC, or has a text that is not valid Unicode"
        given = cast("dict[str, object]", record).get("id") if isinstance(record, dict) else None
        id_ = given if isinstance(given, str | int) and not isinstance(given, bool) else None
    return json.dumps({"jsonrpc": "2.0", "id": id_, "error": {"code": code, "message": text}}).encode()
