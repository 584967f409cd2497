"""DocumentSpool: documents that wait on disk until it is known that they are to be indexed."""

import json
import tempfile
from collections.abc import Iterator
from typing import Self

from ...index import Document

MEMORY_BYTES = 2**26
"""What is kept in memory; the rest is in a temporary file."""


class DocumentSpool:
    """Holds documents in order, in a temporary file where they are many. Close it, or use it in a ``with``."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(MEMORY_BYTES, "w+", encoding="utf-8")  # noqa: SIM115 - see close
        self._count = 0

    def append(self, document: Document) -> None:
        """Add a document."""
        values = (document.id, document.text, document.title, dict(document.metadata))
        self._file.write(json.dumps(values) + "\n")
        self._count += 1

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Document]:
        self._file.seek(0)
        for line in self._file:
            yield Document(*json.loads(line))

    def close(self) -> None:
        """Remove the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
