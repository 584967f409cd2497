"""Guard: keys, limits of bodies, safe headers and the time of every request, around the application."""

import asyncio
import hmac
import json
import logging
import time
from collections.abc import Callable
from contextlib import suppress

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..batching import ClientLeft
from ..settings import ServerSettings
from .answering import json_response
from .errors import CLIENT_LEFT, ApiError, api_error

logger = logging.getLogger("bicross")

WITHOUT_KEY = ("/health", "/health/live", "/health/ready")
PAGE_FILES = "/page/"
"""Where the files of the page are. Like the page itself they need no key: they tell nothing, and ask for the key."""
SAFE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
LINGER_SECONDS, LINGER_BYTES = 5.0, 64 * 1024 * 1024
"""How long, and how far, a refused request may go on with its body. A connection that is closed while something arrives
is reset, and the client loses the answer (RFC 9112, section 9.6)."""
Measured = Callable[[str, int, float], None]
"""Is told the route, the status and the seconds of each answer."""


class Guard:
    """An ASGI application around another one.

    Args:
        app: The application.
        settings: Who may ask, and how much.
        measured: Is told of each answer.
    """

    def __init__(self, app: ASGIApp, settings: ServerSettings, measured: Measured) -> None:
        self._app = app
        self._settings = settings
        self._measured = measured

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let the application do it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body, answer, started = _Body(receive), _Answer(send), time.perf_counter()
        try:
            self._check(scope)
            _require_json(scope)
            await self._app(scope, await self._whole(scope, body), answer)
        except Exception as error:  # noqa: BLE001 - the application has answered and logged what it did not foresee
            if answer.status is None:
                await _refuse(api_error(error), scope, body, answer)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self._measured(route, answer.status or CLIENT_LEFT, time.perf_counter() - started)

    def _check(self, scope: Scope) -> None:
        """Raise ``ApiError`` for a request that may not be made."""
        if scope["path"] in WITHOUT_KEY:
            return
        headers, settings = Headers(scope=scope), self._settings
        is_named = host_name(headers.get("host", "")) in settings.names
        if settings.hosts and not is_named:
            raise ApiError(403, "forbidden", "the server answers requests to its own names alone")
        writes = scope["method"] in ("POST", "DELETE") and scope["path"].startswith("/v1/documents")
        given = _given_key(headers)
        if settings.write_key is not None and _same(given, settings.write_key):
            return
        if settings.key is not None and not _is_page(scope) and not _same(given, settings.key):
            raise ApiError(401, "unauthorized", "send the key as Authorization: Bearer KEY")
        if settings.key is None and not is_named:
            # A page of another site that points its own name at this address may not read the answers.
            raise ApiError(403, "forbidden", "without an API key the server answers requests to its own address alone")
        if writes:
            raise ApiError(403, "forbidden", "changes need the write key of the server")

    async def _whole(self, scope: Scope, given: "_Body") -> Receive:
        """Read the body, refuse one that is too large or too slow, and return a ``receive`` that gives it at once."""
        limits = self._settings.limits
        declared = Headers(scope=scope).get("content-length", "")
        too_large = ApiError(413, "too_large", f"the body may have at most {limits.body_bytes} bytes")
        if declared.isdigit() and int(declared) > limits.body_bytes:
            raise too_large
        body = bytearray()
        try:
            async with asyncio.timeout(limits.body_seconds):
                while not given.ended:
                    body += await given.more()
                    if len(body) > limits.body_bytes:
                        raise too_large
        except TimeoutError:
            raise ApiError(408, "too_slow", "the body did not come in time") from None
        _require_single_keys(body)
        whole: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

        async def receive_whole() -> Message:
            return whole.pop() if whole else await given.receive()

        return receive_whole


class _Body:
    """The body of a request, as it comes."""

    def __init__(self, receive: Receive) -> None:
        self.receive = receive
        self.ended = False

    async def more(self) -> bytes:
        """Return what comes next."""
        message = await self.receive()
        if message["type"] == "http.disconnect":
            self.ended = True
            raise ClientLeft("the client closed its connection")
        self.ended = not message.get("more_body", False)
        return message.get("body", b"")


class _Answer:
    """Sends an answer with safe headers, and remembers its status."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in SAFE_HEADERS.items():
                headers.setdefault(name, value)
        await self._send(message)


async def _refuse(error: ApiError, scope: Scope, body: _Body, send: Send) -> None:
    """Send a refusal, and close the connection when the client has sent its body, or could have."""
    response = json_response(_as_read(error, scope["path"]), error.status)
    response.headers.update(error.headers | {"Connection": "close"})
    await send({"type": "http.response.start", "status": error.status, "headers": response.raw_headers})
    await send({"type": "http.response.body", "body": response.body, "more_body": True})
    dropped = 0
    with suppress(TimeoutError, ClientLeft):
        async with asyncio.timeout(LINGER_SECONDS):
            while not body.ended and dropped < LINGER_BYTES:
                dropped += len(await body.more())
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _as_read(error: ApiError, path: str) -> dict[str, object]:
    """Return the JSON of a refusal, with the fields that Dify reads where it asks."""
    dify = {"error_code": 1002 if error.status == 401 else error.status, "error_msg": error.message}
    return error.to_dict() | (dify if path == "/retrieval" else {})


def _require_json(scope: Scope) -> None:
    """Refuse a body that does not call itself JSON: what ``curl -d`` sends by itself, and pages of other sites may."""
    headers = Headers(scope=scope)
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    if has_body and kind != "application/json":
        raise ApiError(415, "not_json", "send the body as JSON, with the header Content-Type: application/json")


def _require_single_keys(body: bytes | bytearray) -> None:
    """Refuse JSON of which an object has a key twice: one of the two filters, say, would be dropped without a word."""

    def checked(pairs: list[tuple[str, object]]) -> dict[str, object]:
        record = dict(pairs)
        if len(record) < len(pairs):
            raise ApiError(400, "bad_json", "an object of the body has a key twice")
        return record

    with suppress(ValueError, RecursionError):  # what is not JSON is refused where it is read
        json.loads(body, object_pairs_hook=checked)


def _is_page(scope: Scope) -> bool:
    path: str = scope["path"]
    return scope["method"] == "GET" and (path == "/" or path.startswith(PAGE_FILES))


def _given_key(headers: Headers) -> str:
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")


def _same(given: str, key: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), key.encode())


def host_name(host: str) -> str:
    """Return the name in the header ``Host``, in small letters and without the port."""
    return (host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]).lower()


def require_own_origin(scope: Scope, settings: ServerSettings) -> None:
    """Refuse what a page of another site sends: a browser names the site, and other programs name none.

    Raises:
        ApiError: The request comes from such a page.
    """
    headers = Headers(scope=scope)
    origin = headers.get("origin")
    if origin is None:
        return
    name = host_name(origin.partition("://")[2])
    if name not in settings.names and name != host_name(headers.get("host", "")):
        raise ApiError(403, "forbidden", "the server answers no pages of other sites")
