"""RemoteCaller: sends requests to one server of models, and tries again where that may help."""

import json
import logging
import random
import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from importlib.util import find_spec
from typing import Any, TypeVar, cast

from ...errors import ArgumentError, ModelError
from ...errors.counts import counted
from .address import RemoteAddress
from .options import RemoteOptions, checked_key

logger = logging.getLogger("bicross")

LONGEST_WAIT = 60.0
"""The most seconds between two tries."""
LONGEST_CONNECT = 10.0
"""The most seconds until a connection: who does not listen by then does not listen."""
MOST_ANSWER_BYTES = 256 * 1024 * 1024
MOST_REASON = 300
NOT_THERE = (400, 404, 405, 415, 422)
Item = TypeVar("Item")
Value = TypeVar("Value")


class RemoteCaller:
    """Sends requests to one server of models. Any number of threads may share it.

    Args:
        address: Where the server is.
        key: Sent as ``Authorization: Bearer``; None takes that of the environment, if there is one.
        options: How patiently it is asked.
    """

    def __init__(self, address: RemoteAddress, *, key: str | None = None, options: RemoteOptions) -> None:
        if find_spec("httpx2") is None:
            raise ArgumentError("models of a server need httpx2: pip install 'bicross[remote]'")
        import httpx2

        self.address = address
        self.options = options
        self._key = checked_key(key)
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key}"
            if not address.encrypted:
                logger.warning("the key for %s is sent without encryption: use https", address.url)
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=options.parallel)
        timeout = httpx2.Timeout(options.timeout, connect=min(options.timeout, LONGEST_CONNECT))
        self._client = httpx2.Client(headers=headers, timeout=timeout, limits=limits, follow_redirects=False)
        self._closing = weakref.finalize(self, self._client.close)  # also where nobody calls close

    def post(self, path: str, body: Mapping[str, object]) -> Any:  # noqa: ANN401 - JSON
        """Send a request, and return the JSON of its answer.

        Raises:
            ModelError: The server refuses it, does not answer after all tries, or answers no JSON.
        """
        status, content = self._answer(path, json.dumps(body, ensure_ascii=False).encode())
        self._require_answered(path, status, content)
        return self._json(path, content)

    def get(self, path: str) -> Any | None:  # noqa: ANN401 - JSON
        """Return the JSON of a route; None where the server has no such route.

        Raises:
            ModelError: The server refuses to answer, or does not answer after all tries.
        """
        status, content = self._answer(path, None)
        if status in NOT_THERE:
            return None
        self._require_answered(path, status, content)
        try:
            return self._json(path, content)
        except ModelError:
            return None  # some page for people

    def each(self, function: Callable[[Item], Value], items: Iterable[Item]) -> list[Value]:
        """Call a function that sends requests on each item, several at once; the results are in the items' order."""
        listed = list(items)
        if len(listed) < 2:
            return [function(item) for item in listed]
        with ThreadPoolExecutor(min(self.options.parallel, len(listed)), "remote") as pool:
            futures = [pool.submit(function, item) for item in listed]
            try:
                return [future.result() for future in futures]
            finally:
                pool.shutdown(cancel_futures=True)

    def url(self, path: str) -> str:
        """Return the address of a route."""
        return self.address.url + path

    def close(self) -> None:
        """Close all connections."""
        self._closing()

    def _answer(self, path: str, content: bytes | None) -> tuple[int, bytes]:
        """Return the status and the body of an answer that another try would not change."""
        import httpx2

        left = self.options.tries
        while True:
            left -= 1
            waits: float | None = None
            try:
                status, headers, answer = self._once(path, content)
                if status != 429 and status < 500:
                    return status, answer
                waits = _retry_after(headers)
                reason = f"status {status}{self._reason(answer)}"
            except httpx2.RequestError as error:
                reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            if left <= 0 or (waits or 0.0) > LONGEST_WAIT:
                later = f"; it asks to wait {waits:.0f} s" if waits is not None else ""
                tried = counted(self.options.tries - left, "try", "tries")
                raise ModelError(f"{self.url(path)} gave no answer in {tried}: {reason}{later}")
            time.sleep(self._backoff(left) if waits is None else waits)

    def _once(self, path: str, content: bytes | None) -> tuple[int, Mapping[str, str], bytes]:
        """Send a request once; an answer that comes drop by drop must be there in time as a whole."""
        import httpx2

        ends, parts, size = time.monotonic() + self.options.timeout, list[bytes](), 0
        method = "GET" if content is None else "POST"
        with self._client.stream(method, self.url(path), content=content) as response:
            for part in response.iter_bytes():
                parts.append(part)
                size += len(part)
                if size > MOST_ANSWER_BYTES:
                    raise ModelError(f"{self.url(path)} answers with more than {MOST_ANSWER_BYTES} bytes")
                if time.monotonic() > ends:
                    raise httpx2.ReadTimeout("the answer was not complete in time")
            return response.status_code, response.headers, b"".join(parts)

    def _require_answered(self, path: str, status: int, content: bytes) -> None:
        if status != 200:
            raise ModelError(f"{self.url(path)} refused the request with status {status}{self._reason(content)}")

    def _backoff(self, left: int) -> float:
        done = self.options.tries - left - 1
        return min(LONGEST_WAIT, self.options.backoff * 2**done * random.uniform(0.5, 1.0))

    def _json(self, path: str, content: bytes) -> Any:  # noqa: ANN401 - JSON
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            answer = self._shown(content.decode(errors="replace"))
            raise ModelError(f"{self.url(path)} answers no JSON, but {answer!r}") from None

    def _reason(self, content: bytes) -> str:
        """Return what the body of an error says, as the end of a sentence."""
        try:
            message = _message(json.loads(content))
        except (ValueError, RecursionError):
            message = content.decode(errors="replace")
        shown = self._shown(message)
        return f": {shown}" if shown else ""

    def _shown(self, text: str) -> str:
        """Shorten a text of the server for a message, without the key."""
        if self._key is not None:
            text = text.replace(self._key, "***")
        return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:MOST_REASON]


def _message(record: object) -> str:
    """Find the message in the JSON of an error of any dialect."""
    while isinstance(record, dict):
        fields = cast("dict[str, object]", record)
        record = next((fields[name] for name in ("error", "message", "detail", "error_msg") if fields.get(name)), "")
    return record if isinstance(record, str) else json.dumps(record)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return how many seconds the server asks to wait."""
    given = headers.get("retry-after", "").strip()
    if given.isascii() and given.isdigit():
        return float(given)
    try:
        return max(0.0, parsedate_to_datetime(given).timestamp() - time.time())
    except ValueError:
        return None
