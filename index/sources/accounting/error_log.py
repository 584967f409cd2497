"""ErrorLog: the list of bad rows, as JSON Lines."""

import json
from pathlib import Path
from typing import Protocol, cast, get_args

from ....errors import ArgumentError
from ..rows import RowUnit


class ErrorSink(Protocol):
    """Takes what is left out because it is bad."""

    def begin(self) -> None:
        """Forget what an earlier reading has left out."""
        ...

    def write(self, source: str | None, line: int | None, reason: str, *, unit: str = "line") -> None:
        """Take one row or file: see ``ErrorLog.write``."""
        ...


class ErrorLog:
    """The file that lists what was left out because it is bad, with a line for each."""

    def __init__(self, path: Path) -> None:
        """Check that the list can be written, so that a mistake shows before anything slow.

        Raises:
            ArgumentError: There is no such folder, the file cannot be written, or it is there and is no such list.
        """
        self.path = path.resolve()
        self._lines = 0
        is_new = not self.path.exists()
        if not is_new and not is_error_log(self.path):
            raise ArgumentError(
                f"{path} is there and is not a list of bad rows: name another file with errors_path (--errors)"
            )
        try:
            with self.path.open("a", encoding="utf-8"):
                pass
            if is_new:
                self.path.unlink()
        except OSError as error:
            raise ArgumentError(
                f"the list of bad rows cannot be written to {path}: {error.strerror or error}; name a file in a folder"
                " that is there with errors_path (--errors)"
            ) from error

    def begin(self) -> None:
        """Remove the list of an earlier reading: it would be taken for that of this one."""
        self._lines = 0
        if self.path.exists() and is_error_log(self.path):
            self.path.unlink()

    def write(self, source: str | None, line: int | None, reason: str, *, unit: str = "line") -> None:
        """Add a line.

        Args:
            source: The file in which something is bad.
            line: Where it stands there.
            reason: What is wrong with it.
            unit: What ``line`` counts: lines, elements of an array, or rows of a table.
        """
        with self.path.open("a" if self._lines else "w", encoding="utf-8") as file:
            file.write(json.dumps({"source": source, unit: line, "reason": reason}) + "\n")
        self._lines += 1


def is_error_log(path: Path) -> bool:
    """Whether a file is a list of bad rows, or empty."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        line = file.readline(2**20)
    if not line:
        return True
    try:
        record: object = json.loads(line)
    except (ValueError, RecursionError):
        return False
    keys = set(cast("dict[str, object]", record)) if isinstance(record, dict) else set[str]()
    return any(keys == {"source", unit, "reason"} for unit in get_args(RowUnit))
