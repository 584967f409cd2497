"""Errors between actors of Ray and the process that calls them."""

import re
from typing import Any

from ...errors import BicrossError

_BEGINNING = "error raised in its creation task"
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def sendable(error: Exception) -> Exception:
    """Return an error that every process can unpickle. Raised in an actor, Ray would wrap it and change its type."""
    if isinstance(error, BicrossError):
        return type(error)(str(error))
    reason = f"{type(error).__name__}: {error}"
    lacks_memory = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"  # torch's own
    return MemoryError(reason) if lacks_memory else RuntimeError(reason)


def death_of(error: Any) -> str:  # noqa: ANN401 - an error of Ray
    """Return in one line why a call to an actor failed.

    Where the process could not even begin, as without a module that the encoder needs, Ray's message ends with the
    error that was raised there, after its traceback.
    """
    lines = [line.strip() for line in _COLOUR.sub("", str(error)).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    return f"{lines[-1 if _BEGINNING in lines[0] else 0]:.300}"
