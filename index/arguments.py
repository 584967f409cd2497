"""Checks of arguments of any type, so that a wrong one is an error that names it and says what is expected."""

import errno
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np

from ..errors import ArgumentError

Value = TypeVar("Value")

_LONGEST_FILE_NAME = 120  # of the files in an index, with their folders


def described(value: Any) -> str:  # noqa: ANN401 - of any type
    """Return a value and its type, for messages."""
    try:
        shown = " ".join(repr(value).split())
    except Exception:  # noqa: BLE001 - the repr of a foreign object may do anything
        shown = "something"
    return f"{shown:.80} ({type(value).__name__})"


def checked_path(value: object) -> Path:
    """Return the path of a folder or file.

    Raises:
        ArgumentError: It is no path, is empty or too long, or its name is not valid Unicode.
    """
    text = os.fspath(cast("os.PathLike[str]", value)) if isinstance(value, str | os.PathLike) else None
    if not isinstance(text, str):
        raise ArgumentError(f"path must be a path, as text or as a Path, not {described(value)}")
    if not text:
        raise ArgumentError("path is empty; write '.' for the current folder")
    if "\0" in text:
        raise ArgumentError(f"path has a NUL character, which no path has: {text!r:.200}")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ArgumentError(
            f"path has bytes that are not UTF-8: {text!r:.200}; rename the folder, or change into it and name it by ."
        ) from None
    _check_length(text)
    return Path(text)


def checked_instance(value: object, type_: type[Value], name: str) -> Value:
    """Return a value of a type.

    Raises:
        ArgumentError: It is of another type.
    """
    if not isinstance(value, type_):
        raise ArgumentError(f"{name} must be a {type_.__name__}, not {described(value)}")
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
        ArgumentError: It is none, or it is a text, whose items would be letters.
    """
    if isinstance(values, str | bytes):
        raise ArgumentError(f"{name} must be a list of {of}, not one: write [{values!r:.80}]")
    if not isinstance(values, Iterable):
        raise ArgumentError(f"{name} must be a list of {of}, not {described(values)}")
    return list(cast("Iterable[object]", values))


def checked_ids(values: object) -> list[str]:
    """Return ids of documents.

    Raises:
        ArgumentError: It is no list of texts that are valid Unicode.
    """
    ids = checked_items(values, "ids", "ids")
    for id_ in ids:
        if not isinstance(id_, str):
            raise ArgumentError(f"ids must be texts, and {described(id_)} is none; write {str(id_)!r:.80}")
        if not id_.isascii() and (surrogate := lone_surrogate(id_)):
            code, position = surrogate
            raise ArgumentError(
                f"ids: {id_!r:.80} is not valid Unicode ({code} at character {position}), and no document has "
                "such an id"
            )
    return cast("list[str]", ids)


def checked_count(value: Any, name: str, *, least: int = 1) -> int:  # noqa: ANN401 - of any type
    """Return a whole number.

    Raises:
        ArgumentError: It is none, or less than ``least``.
    """
    if not issubclass(type(value), int | np.integer) or isinstance(value, bool):
        raise ArgumentError(f"{name} must be a whole number, not {described(value)}")
    if value < least:
        raise ArgumentError(f"{name} must be at least {least}, not {int(value)}")
    return int(value)


def checked_flag(value: Any, name: str) -> bool:  # noqa: ANN401 - of any type
    """Return a flag.

    Raises:
        ArgumentError: It is neither True nor False.
    """
    if value is not True and value is not False:
        raise ArgumentError(f"{name} must be True or False, not {described(value)}")
    return value


def checked_seconds(value: object, name: str) -> float:
    """Return a time in seconds.

    Raises:
        ArgumentError: It is no number, or negative.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise ArgumentError(f"{name} must be a number of seconds from 0 up, not {described(value)}")
    return value


def checked_batches(value: Iterable[Value]) -> Iterable[Value]:
    """Return an iterable of batches.

    Raises:
        ArgumentError: It is none, as a single batch.
    """
    batches: Any = value
    if isinstance(batches, str | bytes | Mapping) or not isinstance(batches, Iterable):
        raise ArgumentError(f"batches must be a list of EmbeddedBatch or a generator of them, not {described(value)}")
    return value


def checked_vectors(value: Any, name: str = "vectors") -> Any:  # noqa: ANN401 - an array of any shape
    """Return an array of numbers.

    Raises:
        ArgumentError: It is none.
    """
    if not issubclass(type(value), np.ndarray) or value.dtype.kind not in "fiu":
        raise ArgumentError(f"{name} must be a numpy array of float32, not {described(value)}")
    return value


def _check_length(path: str) -> None:
    """Raise ``ArgumentError`` where the file system takes no path so long, or none of a file in such a folder."""
    try:
        os.lstat(Path(path) / ("x" * _LONGEST_FILE_NAME))
    except OSError as error:  # any other is for whoever uses the path
        if error.errno == errno.ENAMETOOLONG:
            raise ArgumentError(
                f"path is too long for the file system: it has {len(os.fsencode(path)):,} bytes and begins with "
                f"{path[:80]!r}"
            ) from None


def lone_surrogate(text: str) -> tuple[str, int] | None:
    """Return the first lone surrogate of a text, such as ``"U+D800"``, and its position; None where there is none."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        return f"U+{ord(text[error.start]):04X}", error.start
    return None
