"""Reads answers of servers of models: lists of the right length, with numbers that are numbers."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelError


def field_of(record: object, name: str, source: str) -> Any:  # noqa: ANN401 - JSON
    """Return a field of a JSON object.

    Args:
        record: The object.
        name: The field.
        source: The address of the route, for the message.

    Raises:
        ModelError: It is not an object with that field.
    """
    if not isinstance(record, dict) or name not in record:
        raise ModelError(f"the answer of {source} has no {name!r}: it may speak another dialect")
    return cast("dict[str, Any]", record)[name]


def in_order(records: object, count: int, source: str) -> list[Mapping[str, Any]]:
    """Return the objects of a list by their ``index``.

    Raises:
        ModelError: There is not one for each index from 0 to ``count - 1``.
    """
    listed = _listed(records, count, source)
    by_index: dict[int, Mapping[str, Any]] = {}
    for record in listed:
        index = field_of(record, "index", source)
        if type(index) is not int or not 0 <= index < count or index in by_index:
            raise ModelError(f"{source} answers index {index!r:.40} for {count} texts: once too often, or out of range")
        by_index[index] = cast("dict[str, Any]", record)
    return [by_index[index] for index in range(count)]


def numbers_of(values: object, shape: tuple[int, ...], source: str) -> NDArray[np.float64]:
    """Return nested lists of numbers as float64.

    Args:
        values: The lists.
        shape: The shape that they must have; -1 for any size but 0.
        source: The address of the route, for the message.

    Raises:
        ModelError: They have another shape, or a value is not a finite number.
    """
    _listed(values, shape[0], source)
    try:
        array = np.asarray(values)
    except ValueError:
        raise ModelError(f"{source} answers lists of different lengths") from None
    if array.dtype.kind not in "iuf" or array.ndim != len(shape):
        raise ModelError(f"{source} answers something else than numbers: it may speak another dialect")
    if any(
        size != expected and (expected != -1 or not size) for size, expected in zip(array.shape, shape, strict=True)
    ):
        raise ModelError(f"{source} answers vectors of {array.shape[-1]} numbers, not {shape[-1]}")
    numbers = array.astype(np.float64)
    if not (np.abs(numbers) <= np.finfo(np.float32).max).all():
        raise ModelError(f"{source} answers a number that is not finite")
    return numbers


def _listed(values: object, count: int, source: str) -> Sequence[object]:
    if not isinstance(values, list):
        raise ModelError(f"{source} answers no list: it may speak another dialect")
    listed = cast("list[object]", values)
    if len(listed) != count:
        raise ModelError(f"{source} answers {len(listed)} results for {count} texts")
    return listed
