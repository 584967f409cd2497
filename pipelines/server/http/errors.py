"""ApiError: what a request is told that cannot be answered, without paths and without its own input."""

import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass

from ....errors import (
    ArgumentError,
    BicrossError,
    ClusterError,
    DocumentError,
    IndexLocked,
    IndexReadOnly,
    ModelError,
    ShardsUnavailable,
)
from ..batching import ClientLeft, DeadlinePassed, QueueFull, ServerStopping

logger = logging.getLogger("bicross")

CLIENT_LEFT = 499
# A quote that does not end hides the rest. What was matched is not given back, so that no message takes long.
_QUOTED = re.compile(r"(?<!\w)(?:'(?:[^'\\]|\\.)*+(?:'|\\?\Z)|\"(?:[^\"\\]|\\.)*+(?:\"|\\?\Z))")
_PATH = re.compile(r"(?<![\w.])(?:[A-Za-z]:)?[/\\][^\s:;,]+")


class ApiError(BicrossError):
    """A request gets an error.

    Args:
        status: The status of HTTP.
        kind: A word that programs can tell errors apart by.
        message: What is wrong and what to do.
        param: The field of the request that is to blame.
        retry_after: Seconds after which to try again.
    """

    def __init__(
        self, status: int, kind: str, message: str, *, param: str | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.kind, self.message = status, kind, message
        self.param, self.retry_after = param, retry_after

    @property
    def headers(self) -> dict[str, str]:
        """The headers that belong to the answer."""
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        return headers | ({"WWW-Authenticate": "Bearer"} if self.status == 401 else {})

    def to_dict(self) -> dict[str, object]:
        """Return the JSON of the answer; different clients look for its message in different places."""
        named = {"type": self.kind, "code": self.status, "message": self.message, "param": self.param}
        return {"error": named, "message": self.message, "detail": self.message}


@dataclass(frozen=True, slots=True)
class _Kind:
    status: int
    kind: str
    message: str | None = None
    retry_after: int | None = None


_KINDS: tuple[tuple[type[BaseException], _Kind], ...] = (
    (DeadlinePassed, _Kind(504, "deadline_passed")),
    (ClientLeft, _Kind(CLIENT_LEFT, "client_left")),
    (ServerStopping, _Kind(503, "stopping", "the server is shutting down", 1)),
    (IndexLocked, _Kind(503, "index_locked", "another process writes the index; try again", 1)),
    (ShardsUnavailable, _Kind(503, "shards_unavailable", retry_after=1)),
    (ClusterError, _Kind(503, "cluster_failed", "the machines that rerank do not do their work; try again", 10)),
    (IndexReadOnly, _Kind(409, "index_read_only", "this index is published from elsewhere and cannot be changed here")),
    (DocumentError, _Kind(400, "bad_document")),
    (ArgumentError, _Kind(400, "bad_request")),
    (MemoryError, _Kind(503, "no_memory", "the models lack memory for this request; send less at once", 1)),
    (ModelError, _Kind(500, "model_failed", "the model failed on this request")),
)


def api_error(error: BaseException) -> ApiError:
    """Turn any error into what the client may know of it. One that nobody foresaw is logged."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, QueueFull):
        return ApiError(429, "busy", str(error), retry_after=error.retry_after)
    for kind, answer in _KINDS:
        if isinstance(error, kind):
            if answer.status == 500:
                logger.error("a model failed: %s", type(error).__name__)
            own_names = error.own_names if isinstance(error, ArgumentError) else ()
            message = answer.message or without_input(str(error), own_names)
            return ApiError(answer.status, answer.kind, message, retry_after=answer.retry_after)
    if type(error).__name__ == "OutOfMemoryError":  # torch's own
        return api_error(MemoryError())
    logger.error("a request failed", exc_info=error)
    return ApiError(500, "internal", "the server failed on this request; its log says why")


def without_input(message: str, own_names: Iterable[str] = ()) -> str:
    """Return a message without what it quotes and without paths, which may be nobody's business.

    Args:
        message: The message.
        own_names: What may be quoted: the names of fields, which anybody who may ask can list.
    """
    lines = (line for line in message.splitlines() if not line.startswith(" "))  # a filter is repeated in its own lines
    kept = frozenset(map(repr, own_names))
    shown = _QUOTED.sub(lambda match: match[0] if match[0] in kept else "...", " ".join(lines))
    return _PATH.sub("...", shown)
