"""Sessions of agents, by the client of the SDK."""

import json
import os
import select
import threading
from collections.abc import Callable
from contextlib import contextmanager, suppress
from functools import partial

import anyio
from bicross.pipelines import SearchOptions
from bicross.pipelines.integrations.mcp import ProtocolStreams, agent_server, run_stdio
from bicross.pipelines.server import Limits, ModelOptions, ServerSettings, Service
from mcp import Client
from mcp.shared.exceptions import MCPError

from helpers.fakes import HashEncoder, OverlapReranker

HANDSHAKE = [
    {
        "jsonrpc": "2.0",
        "id": "begin",
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        },
    },
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
]


class HeldReranker(OverlapReranker):
    """An ``OverlapReranker`` that scores nothing before it may."""

    def __init__(self):
        super().__init__()
        self.may_score, self.begun = threading.Event(), threading.Event()
        self.may_score.set()

    def score(self, pairs):
        self.begun.set()
        assert self.may_score.wait(60)
        return super().score(pairs)


@contextmanager
def serving(indexes, *, reranker=None, loaded=True, limits=None, search=None, **settings):
    """A service of some indexes, with fake models."""
    models = ModelOptions(
        encoder=HashEncoder(), reranker=reranker or OverlapReranker(), search=search or SearchOptions()
    )
    service = Service(indexes, ServerSettings(limits=limits or Limits(), **settings), models)
    if loaded:
        service.load()
    try:
        yield service
    finally:
        service.close()


def in_session(target, talk, *, mode="auto"):
    """Return what ``talk`` returns of a client; ``target`` is a service, an address or a transport."""

    async def main():
        server = agent_server(target) if isinstance(target, Service) else target
        refused = None
        async with Client(server, mode=mode) as client:
            try:
                return await talk(client)
            except MCPError as error:  # the session would put it into a group
                refused = error
        raise refused

    return anyio.run(main)


def called(target, tool, arguments, *, mode="auto"):
    """The result of one call of a tool."""
    return in_session(target, lambda client: client.call_tool(tool, arguments), mode=mode)


def error_of(result):
    """The text of an error that a model reads."""
    assert result.is_error
    [content] = result.content
    return content.text


def call(number, tool, **arguments):
    """The message that calls a tool."""
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}


class Pipes:
    """An agent at both ends of the pipes of a server in a thread of this process, without the client of the SDK."""

    def __init__(self, service: Service):
        self._theirs_in, ours_out = os.pipe()
        ours_in, self._theirs_out = os.pipe()
        self.error: BaseException | None = None
        self._writing = os.fdopen(ours_out, "wb", buffering=0)
        self._reading = os.fdopen(ours_in, "rb", buffering=0)
        run = partial(run_stdio, service, ProtocolStreams(self._theirs_in, self._theirs_out), on_ready=lambda: None)
        self._thread = threading.Thread(target=self._run, args=(run,), daemon=True)
        self._thread.start()

    def _run(self, run: Callable[[], None]):
        try:
            run()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.error = error
        finally:
            os.close(self._theirs_out)

    def send(self, *messages):
        for message in messages:
            line = message if isinstance(message, bytes) else json.dumps(message).encode()
            self._writing.write(line + b"\n")

    def receive(self):
        assert select.select([self._reading], [], [], 60)[0], "the server does not answer"
        return json.loads(self._reading.readline())

    def close_input(self):
        self._writing.close()

    def close_output(self):
        self._reading.close()

    def rest(self):
        """All further messages, until the server ends."""
        return [json.loads(line) for line in self._reading]

    def ended(self):
        self._thread.join(60)
        return not self._thread.is_alive()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """Leave no descriptor open; a thread that reads may still have its own."""
        for close in (self.close_input, self.close_output):
            with suppress(OSError):
                close()
        assert self.ended()
        os.close(self._theirs_in)
