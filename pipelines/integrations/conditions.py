"""Writes the text of ``where`` out of the parts of a framework's filter."""

import datetime
import math
from collections.abc import Sequence
from typing import Any

from ...errors import ArgumentError
from ...errors.arguments import described


def field(name: object) -> str:
    """Write the name of a field of the metadata.

    Raises:
        ArgumentError: It is no text.
    """
    if not isinstance(name, str) or not name:
        raise ArgumentError(f"the field of a filter must be the name of one, not {described(name)}")
    return f"field({quoted(name)})"


def quoted(text: str) -> str:
    """Write a text in quotes."""
    plain = (
        text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    )
    return f"'{plain}'"


def literal(value: Any) -> str:  # noqa: ANN401 - of any type
    """Write a value: a number, a text, a boolean or a date, which is written as a text.

    Raises:
        ArgumentError: It is of another type, or a number that is not finite.
    """
    item = getattr(value, "item", None)  # a number of numpy
    value = item() if callable(item) and getattr(value, "shape", None) == () else value
    match value:
        case bool() | int():
            return repr(value)
        case float() if math.isfinite(value):
            return repr(value)
        case str():
            return quoted(value)
        case datetime.date() | datetime.datetime():
            return quoted(value.isoformat())
        case _:
            raise ArgumentError(
                f"a filter compares with numbers, texts, booleans and dates, not with {described(value)}"
            )


def listed(values: Any) -> str:  # noqa: ANN401 - of any type
    """Write a list of values.

    Raises:
        ArgumentError: It is no list, or has a value that ``literal`` cannot write.
    """
    if not isinstance(values, list | tuple | set | frozenset):
        raise ArgumentError(f"a filter needs a list of values here, not {described(values)}")
    items: list[Any] = list(values)  # pyright: ignore[reportUnknownArgumentType]
    return f"[{', '.join(map(literal, items))}]"


def all_of(parts: Sequence[str]) -> str:
    """Join conditions of which all must hold."""
    return _joined(" and ", parts)


def any_of(parts: Sequence[str]) -> str:
    """Join conditions of which one must hold."""
    return _joined(" or ", parts)


def negated(part: str) -> str:
    """Write the opposite of a condition, which does not hold either where a field is missing."""
    return f"not ({part})"


def _joined(word: str, parts: Sequence[str]) -> str:
    if not parts:
        raise ArgumentError("a filter joins no conditions here; give it at least one")
    return parts[0] if len(parts) == 1 else word.join(f"({part})" for part in parts)
