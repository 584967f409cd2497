"""JSON of metadata: read and written alike from any depth of the caller's stack."""

import json
import threading
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from ...errors import BicrossError, DocumentError

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

_ENCODER = json.JSONEncoder(allow_nan=False)
_CANONICAL = json.JSONEncoder(sort_keys=True)
_DECODER = json.JSONDecoder(parse_constant=lambda name: None)
"""Reads NaN and the infinities, which JSON does not have, as null."""


def to_json(metadata: object, document_id: str = "") -> str:
    """Return metadata as JSON text in ASCII.

    Raises:
        DocumentError: There is a value in it that JSON does not have.
    """
    return _encode(_ENCODER, metadata, document_id)


def canonical_json(content: object, document_id: str = "") -> str:
    """Return the one JSON text of a document's content, keys sorted; NaN and infinities of earlier versions stay.

    Raises:
        DocumentError: There is a value in it that JSON does not have.
    """
    return _encode(_CANONICAL, content, document_id)


def parse_json(text: str) -> Any:  # noqa: ANN401 - what it is, only the text says
    """Return the value of a JSON text; NaN and the infinities become None.

    Raises:
        ValueError: The text is not JSON.
        DocumentError: It is nested more deeply than Python can follow.
    """
    return _parse(_DECODER.decode, text)


def parse_written(text: str) -> Any:  # noqa: ANN401 - what it is, only the text says
    """Return the value of a JSON text exactly as it was written, NaN and the infinities included.

    Raises:
        ValueError: The text is not JSON.
        DocumentError: It is nested more deeply than Python can follow.
    """
    return _parse(json.loads, text)


def on_a_fresh_stack(
    function: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs
) -> Result:
    """Call a function, and call it again in a thread of its own where the caller's stack had no room for it.

    What can be read or written then does not depend on how deep the caller is in its own calls.

    Raises:
        RecursionError: An empty stack has no room for it either.
    """
    try:
        return function(*args, **kwargs)
    except RecursionError:
        pass
    results: list[Result] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            results.append(function(*args, **kwargs))
        except (ValueError, TypeError, RecursionError, BicrossError) as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="bicross-json")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def _encode(encoder: json.JSONEncoder, value: object, document_id: str) -> str:
    try:
        return on_a_fresh_stack(encoder.encode, value)
    except (TypeError, ValueError, RecursionError) as error:
        owner = f"document {document_id!r:.200}: its" if document_id else "these"
        raise DocumentError(
            f"{owner} metadata cannot be written as JSON: {error}; they were changed after Document(...) had checked "
            "them, so make the document anew"
        ) from None


def _parse(decode: Callable[[str], Any], text: str) -> Any:  # noqa: ANN401
    try:
        return on_a_fresh_stack(decode, text)
    except RecursionError:
        raise DocumentError("this JSON is nested too deeply to be read") from None
