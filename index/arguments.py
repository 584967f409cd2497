"""Checks of arguments that only an index takes: ids, batches, vectors, times."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, cast

import numpy as np

from ..errors import ArgumentError
from ..errors.arguments import checked_items, described, lone_surrogate

Value = TypeVar("Value")


def checked_ids(values: object) -> list[str]:
    """Return ids of documents.

    Raises:
        ArgumentError: It is not a list of texts that are valid Unicode.
    """
    ids = checked_items(values, "ids", "ids")
    for id_ in ids:
        if not isinstance(id_, str):
            raise ArgumentError(f"ids must be texts, and {described(id_)} is not one; write {str(id_)!r:.80}")
        if not id_.isascii() and (surrogate := lone_surrogate(id_)):
            code, position = surrogate
            raise ArgumentError(
                f"ids: {id_!r:.80} is not valid Unicode ({code} at character {position}), and no document has "
                "such an id"
            )
    return cast("list[str]", ids)


def checked_seconds(value: object, name: str) -> float:
    """Return a time in seconds.

    Raises:
        ArgumentError: It is not a number, or negative.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise ArgumentError(f"{name} must be a number of seconds from 0 up, not {described(value)}")
    return value


def checked_batches(value: Iterable[Value]) -> Iterable[Value]:
    """Return an iterable of batches.

    Raises:
        ArgumentError: It is not one, as a single batch.
    """
    batches: Any = value
    if isinstance(batches, str | bytes | Mapping) or not isinstance(batches, Iterable):
        raise ArgumentError(f"batches must be a list of EmbeddedBatch or a generator of them, not {described(value)}")
    return value


def checked_vectors(value: Any, name: str = "vectors") -> Any:  # noqa: ANN401 - an array of any shape
    """Return an array of numbers.

    Raises:
        ArgumentError: It is not one.
    """
    if not issubclass(type(value), np.ndarray) or value.dtype.kind not in "fiu":
        raise ArgumentError(f"{name} must be a numpy array of float32, not {described(value)}")
    return value
