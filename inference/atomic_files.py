"""Atomic writing of files."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def whole_file(path: Path) -> Generator[IO[bytes]]:
    """Write a file atomically.

    Args:
        path: The file to create or replace. It changes only after all bytes are on the disk; on an error the unfinished
            file is deleted.

    Returns:
        A context manager that gives a file opened for writing bytes.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        with unfinished.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
