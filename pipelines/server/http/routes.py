"""What the OpenAPI document says of errors."""

from typing import Any, Union

from pydantic import BaseModel


class ErrorDetail(BaseModel):
    """What is wrong."""

    type: str
    code: int
    message: str
    param: str | None = None


class ErrorBody(BaseModel):
    """The answer to a request that failed."""

    error: ErrorDetail
    message: str
    detail: str


_MEANINGS = {
    400: "The body is not JSON, or a value cannot be used.",
    401: "The key is missing or wrong.",
    403: "This key or this address may not do that.",
    404: "There is no such index or document.",
    408: "The body came too slowly.",
    413: "The body is too large.",
    415: "The body is not called JSON.",
    422: "A field is missing, of a wrong type, or beyond a limit.",
    429: "The server is busy; Retry-After says when to try again.",
    500: "A model failed on this request.",
    503: "The server is loading or shutting down, or another process writes the index.",
    504: "The deadline passed.",
}


def documented(*others: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    """Return the errors of routes that also answer some in the form of another server."""
    model = Union[(ErrorBody, *others)]
    return {status: {"model": model, "description": meaning} for status, meaning in _MEANINGS.items()}


DOCUMENTED = documented()
"""The errors that every route may answer."""
