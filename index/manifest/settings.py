"""Settings that an index stores for the programs that search it: a JSON object of bounded size."""

import json
import math
from collections.abc import Mapping
from typing import Any, cast

from ...errors import ArgumentError
from ...errors.arguments import lone_surrogate

MAX_BYTES = 2**16
"""Limit for all settings together, as JSON: every generation's manifest holds them."""
MAX_DEPTH = 16
MAX_WHOLE = 2**53
"""The largest whole number that every JSON reader keeps exactly."""


def checked_settings(settings: Mapping[str, object]) -> dict[str, object]:
    """Return a copy of settings as JSON has them: tuples become lists.

    Raises:
        ArgumentError: A value has no form in JSON or is not finite, the settings exceed 64 KiB as JSON, or objects and
            lists are more than 16 deep. The message names the place.
    """
    if not isinstance(settings, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] - it may come from a file
        raise ArgumentError(f"settings must be a JSON object, not {type(settings).__name__}: {settings!r:.80}")
    copied = cast("dict[str, object]", _copied(settings, "settings", depth=1))
    size = len(json.dumps(copied, separators=(",", ":")))
    if size > MAX_BYTES:
        raise ArgumentError(f"settings of {size:,} bytes are more than the {MAX_BYTES:,} that an index stores")
    return copied


def _copied(value: object, path: str, *, depth: int) -> object:
    if depth > MAX_DEPTH:
        raise ArgumentError(f"{path:.200} is more than {MAX_DEPTH} deep")
    match value:
        case None | bool():
            return value
        case str():
            return _text(value, path)
        case int() if abs(value) <= MAX_WHOLE:
            return int(value)
        case float() if math.isfinite(value):
            return float(value)
        case Mapping():
            items = cast("Mapping[Any, object]", value).items()
            return {_text(name, path): _copied(item, f"{path}[{name!r}]", depth=depth + 1) for name, item in items}
        case list() | tuple():
            elements = cast("list[object]", value)
            return [_copied(item, f"{path}[{number}]", depth=depth + 1) for number, item in enumerate(elements)]
        case int() | float():
            raise ArgumentError(f"{path:.200} must be finite, and whole numbers within ±2**53, not {_short(value)}")
        case _:
            raise ArgumentError(f"{path:.200} is {type(value).__name__}, which JSON does not have: {value!r:.80}")


def _text(value: object, path: str) -> str:
    if not isinstance(value, str):
        raise ArgumentError(f"{path:.200} has a name that is not a string: {value!r:.80}")
    if surrogate := lone_surrogate(value):
        raise ArgumentError(f"{path:.200} has a lone surrogate {surrogate[0]} in a text")
    return str(value)


def _short(number: float) -> str:
    return f"one of {number.bit_length()} bits" if isinstance(number, int) else repr(number)
