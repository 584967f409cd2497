"""Shows that a command is at work, and says after an interrupt what it did."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from .interrupts import saying, unless_committed


@contextmanager
def changing(path: Path, description: str, *, as_json: bool) -> Generator[None]:
    """Show that an index is being changed, and say after an interrupt whether it was."""
    from ...progress import doing  # imports rich

    with (
        saying(unless_committed(path, f"Nothing was changed in {path}: run the same command again.")),
        doing(description, shown=watched(as_json)),
    ):
        yield


def watched(as_json: bool) -> bool:  # noqa: FBT001
    """Whether somebody sees what is drawn on standard error."""
    return not as_json and sys.stderr.isatty()
