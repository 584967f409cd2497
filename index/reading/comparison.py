"""Comparison: what a source has that a generation lacks, and what that generation has that did not come."""

from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_128_digest

from ...errors import DocumentError
from ..document import Document, checked_documents
from ..segments import IdEntry, Segment, content_hash
from .snapshot import ROWS_AT_ONCE
from .view import View

Difference: TypeAlias = Literal["added", "changed", "metadata", "unchanged"]
"""What a document is to an index: one with a new id, with another title or text, with other metadata, or as it is."""


class Comparison:
    """Compares the documents of a source with those of a generation. Every document must come once.

    Args:
        views: The segments of the generation.
    """

    def __init__(self, views: Sequence[View]) -> None:
        self._views = tuple(views)
        self._gone: list[NDArray[np.bool_]] = [
            np.ones(len(view.segment), np.bool_) if view.live is None else view.live.copy() for view in self._views
        ]
        self._ids: set[bytes] = set()  # digests, because ids are often long paths

    def compare(self, documents: Sequence[Document]) -> list[Difference]:
        """Say of each document what it is to the index.

        Raises:
            DocumentError: An id comes a second time.
            ArgumentError: One is not a document.
        """
        documents = checked_documents(documents)
        for document in documents:
            digest = xxh3_128_digest(document.id.encode())
            if digest in self._ids:
                raise DocumentError(f"the id {document.id!r} comes twice; ids must be unique in an index")
            self._ids.add(digest)
        differences: list[Difference] = ["added"] * len(documents)
        ids = [document.id for document in documents]
        for view, gone in zip(self._views, self._gone, strict=True):
            for number, entry in enumerate(view.find(ids)):
                if entry is not None:
                    gone[entry.row] = False
                    differences[number] = _difference(view.segment, entry, documents[number])
        return differences

    @property
    def documents(self) -> int:
        """How many documents the generation has."""
        return sum(view.entry.documents - view.entry.deleted for view in self._views)

    def gone(self) -> Iterator[str]:
        """Yield the ids of the documents of the generation that have not come, in the order of adding."""
        for view, gone in zip(self._views, self._gone, strict=True):
            rows = np.flatnonzero(gone).tolist()
            for start in range(0, len(rows), ROWS_AT_ONCE):
                yield from view.segment.ids_of(rows[start : start + ROWS_AT_ONCE])


def has_text_of(segment: Segment, entry: IdEntry, document: Document) -> bool:
    """Whether a document that is stored has the same title and text as another."""
    stored = segment.document(entry.row)
    return (stored.title, stored.text) == (document.title, document.text)


def _difference(segment: Segment, entry: IdEntry, document: Document) -> Difference:
    if entry.content == content_hash(document):
        return "unchanged"
    return "metadata" if has_text_of(segment, entry, document) else "changed"
