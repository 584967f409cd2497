"""Errors between actors of Ray and the process that calls them."""

from typing import Any

from ...errors import BicrossError


def sendable(error: Exception) -> Exception:
    """Return an error that every process can unpickle. Raised in an actor, Ray would wrap it and change its type."""
    if isinstance(error, BicrossError):
        return type(error)(str(error))
    reason = f"{type(error).__name__}: {error}"
    lacks_memory = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"  # torch's own
    return MemoryError(reason) if lacks_memory else RuntimeError(reason)


def death_of(error: Any) -> str:  # noqa: ANN401 - an error of Ray
    """Return in one line why a call to an actor failed."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{lines[0] if lines else type(error).__name__:.300}"
