"""Documents whose texts are compared: which are equal, and where the others are read from."""

import json
import unicodedata
from array import array
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import IO, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from ...errors import DocumentError
from ...index import Document, Index

_DIGEST_BYTES = 16


def plain_text(document: Document) -> str:
    """Return what of a document is compared: title and text in the normal form NFC, and one space for each blank."""
    return " ".join(unicodedata.normalize("NFC", document.passage).split())


class Documents(Protocol):
    """Where documents are kept."""

    def get(self, rows: Sequence[int]) -> list[Document]:
        """Return documents by the order in which they came."""
        ...


class FiledDocuments:
    """Documents in a file."""

    def __init__(self, file: IO[bytes]) -> None:
        """``file`` is empty, and open for writing and reading."""
        self._file = file
        self._starts = array("q")
        self._end = 0

    def add(self, document: Document) -> None:
        """Write a document."""
        fields = [document.id, document.text, document.title, dict(document.metadata)]
        line = json.dumps(fields).encode() + b"\n"
        self._starts.append(self._end)
        self._file.write(line)
        self._end += len(line)

    def get(self, rows: Sequence[int]) -> list[Document]:
        """Return documents by the order in which they came."""
        documents: list[Document] = []
        for row in rows:
            self._file.seek(self._starts[row])
            id_, text, title, metadata = json.loads(self._file.readline())
            documents.append(Document(id_, text, title, metadata))
        return documents


class IndexDocuments:
    """The documents of an index."""

    def __init__(self, index: Index, ids: Sequence[str]) -> None:
        """``ids`` are those of all documents that are compared, in the order in which they came."""
        self._index, self._ids = index, ids

    def get(self, rows: Sequence[int]) -> list[Document]:
        """Return documents by the order in which they came."""
        return cast("list[Document]", self._index.get([self._ids[row] for row in rows]))


class Contents:
    """The ids of documents, and a digest of the text of each."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self._known: set[str] = set()
        self._digests = bytearray()

    def add(self, document: Document) -> None:
        """Keep the id and the digest of the next document.

        Raises:
            DocumentError: Its id is there already.
        """
        if document.id in self._known:
            raise DocumentError(f"duplicate id {document.id!r}: give each document an id of its own, or none has one")
        self._known.add(document.id)
        self.ids.append(document.id)
        self._digests += blake2b(plain_text(document).encode(), digest_size=_DIGEST_BYTES).digest()

    def distinct(self) -> "DistinctTexts":
        """Return the texts that differ, in an order that does not depend on that of the documents."""
        digests = np.frombuffer(self._digests, ">u8").reshape(-1, 2)
        rows = np.lexsort((digests[:, 1], digests[:, 0])).astype(np.int64)
        ordered = digests[rows]
        is_first = np.ones(len(rows), np.bool_)
        is_first[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
        starts = np.append(np.flatnonzero(is_first), len(rows)).astype(np.int64)
        for number in np.flatnonzero(np.diff(starts) > 1).tolist():
            part = slice(starts[number], starts[number + 1])
            rows[part] = sorted(rows[part].tolist(), key=self.ids.__getitem__)
        return DistinctTexts(rows, starts)


class DistinctTexts:
    """Texts that differ, numbered from 0.

    Attributes:
        rows: A document of each text, the one with the first id: int64 of shape (texts,).
    """

    def __init__(self, rows: NDArray[np.int64], starts: NDArray[np.int64]) -> None:
        """``rows`` are documents by their texts; those of text i begin at ``starts[i]``."""
        self._all, self._starts = rows, starts
        self.rows = rows[starts[:-1]]

    def __len__(self) -> int:
        return len(self.rows)

    def copies(self, text: int) -> list[int]:
        """Return all documents with a text, in the order of their ids."""
        return self._all[self._starts[text] : self._starts[text + 1]].tolist()

    def counts(self) -> list[int]:
        """Return how many documents have each text."""
        return np.diff(self._starts).tolist()

    def repeated(self) -> Iterator[int]:
        """Yield the texts that several documents have."""
        yield from np.flatnonzero(np.diff(self._starts) > 1).tolist()
