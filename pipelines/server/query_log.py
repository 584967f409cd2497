"""QueryLog: which queries were asked and what was answered, in a file, where the owner of a server wants it."""

import json
import logging
import os
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from ...errors import ArgumentError
from ..search import SearchResult

logger = logging.getLogger("bicross")

ONLY_OWNER = 0o600
"""Queries are what people write about themselves: nobody else may read the file."""


class QueryLog:
    """A file of JSON lines, one for each query of a search. Threads may share it.

    Args:
        path: The file. Lines are appended; a new file can be read by its owner alone.

    Raises:
        ArgumentError: It cannot be written.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file: int | None = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, ONLY_OWNER)
        except OSError as error:
            reason = error.strerror or error
            raise ArgumentError(f"queries cannot be logged in {path} ({reason}); name another file") from None
        self._path = path
        self._lock = threading.Lock()

    def write(
        self, index: str, generation: int | None, query: str, results: Sequence[SearchResult], *, milliseconds: float
    ) -> None:
        """Append a query with the ids that it was answered with.

        A full disk ends the log with a warning, and never a search.

        Args:
            index: The name of the index.
            generation: Its generation.
            query: The query.
            results: The answer.
            milliseconds: How long the search took, with all queries of its request.
        """
        record = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "index": index,
            "generation": generation,
            "query": query,
            "results": [result.document.id for result in results],
            "milliseconds": round(milliseconds, 3),
        }
        line = (json.dumps(record, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")
        with self._lock:
            if self._file is None:
                return
            try:
                _write_all(self._file, line)
            except OSError as error:
                self._close()
                logger.warning("queries are not logged any more: %s: %s", self._path, error.strerror or error)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _write_all(file: int, line: bytes) -> None:
    """Write a line, in one piece where the system takes it so."""
    while line:
        line = line[os.write(file, line) :]
