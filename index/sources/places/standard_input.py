"""Keeps what comes by standard input in a file, because readers open their source by its path."""

import shutil
import sys
import tempfile
from pathlib import Path

from ....errors import ArgumentError, SourceError
from .entries import SourceFile

STANDARD_INPUT = "-"
_SHOWN = "standard input"


def copy_standard_input(folder: Path, ending: str) -> SourceFile:
    """Copy standard input to a file, and return it.

    Args:
        folder: Where the file is made.
        ending: The ending of the format that it is read as.

    Raises:
        ArgumentError: The user has not named a format.
        SourceError: Nothing came.
    """
    if not ending:
        raise ArgumentError("standard input has no name that ends in its format: name it, as in --format jsonl")
    path = folder / f"standard-input{ending}"
    with path.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    size = path.stat().st_size
    if not size:
        raise SourceError(f"{_SHOWN} is empty: nothing was read from it")
    return SourceFile(path, f"standard-input{ending}", ending, size, _SHOWN)


class Scratch:
    """A folder for temporary files, which is made when it is needed."""

    def __init__(self) -> None:
        self._folder: Path | None = None

    def folder(self) -> Path:
        """Return the folder."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="bicross-"))
        return self._folder

    def remove(self) -> None:
        """Remove the folder, if there is one."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
