"""Begun: documents whose first one has been read, so that a mistake shows before a model is loaded."""

from collections.abc import Iterator
from itertools import chain

from ...index import Document, DocumentReader


class Begun:
    """The documents of a reader. Reading the first one finds what is wrong with the source or its columns."""

    def __init__(self, documents: DocumentReader) -> None:
        """Read the first document.

        Raises:
            SourceError: The source has no documents, or lacks a column.
            DocumentError: The first row is bad, and the reader does not skip bad rows.
        """
        self._documents = documents
        remaining = iter(documents)
        first = next(remaining, None)
        self._remaining: Iterator[Document] | None = remaining if first is None else chain([first], remaining)

    @property
    def reader(self) -> DocumentReader:
        """What reads the documents."""
        return self._documents

    @property
    def fraction(self) -> float:
        """The share of the source that has been read, from 0 to 1."""
        return self._documents.fraction

    def __iter__(self) -> Iterator[Document]:
        """Yield all documents; the second time the source is read anew."""
        remaining, self._remaining = self._remaining, None
        return iter(self._documents) if remaining is None else remaining
