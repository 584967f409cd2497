"""Checks of arguments of any type, so that a wrong one is an error that names it and says what is expected."""

import errno
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_args

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

from .. import ArgumentError

Value = TypeVar("Value")

_URL = re.compile("[a-z][a-z0-9+.-]+:/", re.IGNORECASE)  # one slash, as Path() leaves it; C:/ is a drive
_LONGEST_FILE_NAME = 120  # of the files in an index, with their folders


def described(value: Any) -> str:  # noqa: ANN401 - of any type
    """Return a value and its type, for messages."""
    try:
        shown = " ".join(repr(value).split())
    except Exception:  # noqa: BLE001 - the repr of a foreign object may do anything
        shown = "something"
    return f"{shown:.80} ({type(value).__name__})"


def checked_path(value: object, name: str = "path") -> Path:
    """Return the path of a folder or file.

    Raises:
        ArgumentError: It is not a path, is empty or too long, or its name is not valid Unicode.
    """
    text = os.fspath(cast("os.PathLike[str]", value)) if isinstance(value, str | os.PathLike) else None
    if not isinstance(text, str):
        raise ArgumentError(f"{name} must be a path, as text or as a Path, not {described(value)}")
    if not text:
        raise ArgumentError(f"{name} is empty; write '.' for the current folder")
    if _URL.match(text):
        raise ArgumentError(
            f"{name} must be a folder or a file of this machine, not the URL {text!r:.200}; a published index is "
            "opened by its URL, as text and not as a Path, to be searched and not changed"
        )
    if "\0" in text:
        raise ArgumentError(f"{name} has a NUL character, which no path has: {text!r:.200}")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ArgumentError(
            f"{name} has bytes that are not UTF-8: {text!r:.200}; rename the folder, or change into it and name it by ."
        ) from None
    _check_length(text, name)
    return Path(text)


def checked_instance(value: object, type_: type[Value], name: str) -> Value:
    """Return a value of a type.

    Raises:
        ArgumentError: It is of another type.
    """
    if not isinstance(value, type_):
        names = " or ".join(part.__name__ for part in get_args(type_) or (type_,))
        raise ArgumentError(f"{name} must be a {names}, not {described(value)}")
    return value


def checked_callable(value: Value, name: str) -> Value:
    """Return a function.

    Raises:
        ArgumentError: It cannot be called.
    """
    if not callable(value):
        raise ArgumentError(f"{name} must be a function, not {described(value)}")
    return value


def checked_items(values: object, name: str, of: str = "them") -> list[object]:
    """Return the items of an iterable.

    Args:
        values: What should be an iterable.
        name: The name of the argument.
        of: What its items are, in messages.

    Raises:
        ArgumentError: It is not one, or it is a text, whose items would be letters.
    """
    if isinstance(values, str | bytes):
        raise ArgumentError(f"{name} must be a list of {of}, not one: write [{values!r:.80}]")
    if not isinstance(values, Iterable):
        raise ArgumentError(f"{name} must be a list of {of}, not {described(values)}")
    return list(cast("Iterable[object]", values))


def checked_count(value: Any, name: str, *, least: int = 1, most: int | None = None) -> int:  # noqa: ANN401 - of any type
    """Return a whole number.

    Raises:
        ArgumentError: It is not one, or less than ``least``, or more than ``most``.
    """
    if not issubclass(type(value), Integral) or isinstance(value, bool):
        raise ArgumentError(f"{name} must be a whole number, not {described(value)}")
    if value < least:
        raise ArgumentError(f"{name} must be at least {least}, not {int(value)}")
    if most is not None and value > most:
        raise ArgumentError(f"{name} must be at most {most:,}, not {described(value)}")
    return int(value)


def checked_flag(value: Any, name: str) -> bool:  # noqa: ANN401 - of any type
    """Return a flag.

    Raises:
        ArgumentError: It is neither True nor False.
    """
    if value is not True and value is not False:
        raise ArgumentError(f"{name} must be True or False, not {described(value)}")
    return value


def checked_number(value: Any, name: str, low: float, high: float) -> float:  # noqa: ANN401 - of any type
    """Return a number.

    Raises:
        ArgumentError: It is not one, is NaN, or is not from ``low`` to ``high``.
    """
    if isinstance(value, bool) or not issubclass(type(value), Real) or not low <= value <= high:
        raise ArgumentError(f"{name} must be a number from {low:g} to {high:g}, not {described(value)}")
    return float(value)


def checked_positive(value: Any, name: str) -> float:  # noqa: ANN401 - of any type
    """Return a number above 0.

    Raises:
        ArgumentError: It is not one, or is not finite.
    """
    if isinstance(value, bool) or not issubclass(type(value), Real) or not 0 < value <= sys.float_info.max:
        raise ArgumentError(f"{name} must be above 0, not {described(value)}")
    return float(value)


def checked_choice(value: object, name: str, choices: Sequence[str]) -> str:
    """Return one of some words.

    Raises:
        ArgumentError: It is none of them.
    """
    if not isinstance(value, str) or value not in choices:
        raise ArgumentError(f"{name} must be one of {', '.join(choices)}, not {described(value)}")
    return value


def checked_texts(values: object, name: str) -> list[str]:
    """Return texts.

    Raises:
        ArgumentError: It is not a list of texts that are valid Unicode.
    """
    texts = checked_items(values, name, "texts")
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise ArgumentError(f"{name} must be texts, and number {number} is {described(text)}")
        if not text.isascii() and (surrogate := lone_surrogate(text)):
            code, position = surrogate
            raise ArgumentError(
                f"{name}: number {number} is not valid Unicode ({code} at character {position}): {text!r:.80}"
            )
    return cast("list[str]", texts)


def checked_mapping(value: object, name: str, of: str) -> Mapping[str, Any]:
    """Return a mapping by ids.

    Args:
        value: What should be a mapping.
        name: The name of the argument.
        of: What it maps, in messages, such as "texts by query id".

    Raises:
        ArgumentError: It is not one, or a key is not text.
    """
    if not isinstance(value, Mapping):
        raise ArgumentError(f"{name} must be a mapping of {of}, such as a dict, not {described(value)}")
    for key in cast("Mapping[object, object]", value):
        if not isinstance(key, str):
            raise ArgumentError(f"{name} must be a mapping of {of}, and has the key {described(key)}")
    return cast("Mapping[str, Any]", value)


def checked_numbers(values: object, name: str) -> "NDArray[np.float64]":
    """Return an array of numbers, float64 of any shape.

    Raises:
        ArgumentError: They are not numbers.
    """
    import numpy as np  # not for those who check nothing but texts

    try:
        return np.asarray(cast("Any", values), np.float64)
    except (TypeError, ValueError, OverflowError):
        raise ArgumentError(f"{name} must be numbers, not {described(values)}") from None


def lone_surrogate(text: str) -> tuple[str, int] | None:
    """Return the first lone surrogate of a text, such as ``"U+D800"``, and its place; None where there is none."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        return f"U+{ord(text[error.start]):04X}", error.start
    return None


def _check_length(path: str, name: str) -> None:
    """Raise ``ArgumentError`` where the file system takes no path so long, or none of a file in such a folder."""
    try:
        os.lstat(Path(path) / ("x" * _LONGEST_FILE_NAME))
    except OSError as error:  # any other is for whoever uses the path
        if error.errno == errno.ENAMETOOLONG:
            raise ArgumentError(
                f"{name} is too long for the file system: it has {len(os.fsencode(path)):,} bytes and begins with "
                f"{path[:80]!r}"
            ) from None
