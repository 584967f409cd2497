"""Documents of bicross as Haystack's, and the other way."""

import dataclasses
import logging
from typing import Any

from haystack import Document as HaystackDocument

from ....errors import ArgumentError
from ....errors.arguments import checked_items, described
from ....index import Document
from ...search import SearchResult

logger = logging.getLogger("bicross")


def haystack_document(document: Document) -> HaystackDocument:
    """Return a whole document. A title stands in ``meta``."""
    meta = dict(document.metadata)
    if document.title:
        meta.setdefault("title", document.title)
    return HaystackDocument(id=document.id, content=document.text, meta=meta)


def found_document(result: SearchResult) -> HaystackDocument:
    """Return what a search found; the score is its relevance, from 0 to 1."""
    return dataclasses.replace(haystack_document(result.document), score=result.relevance)


def checked_documents(documents: Any) -> list[HaystackDocument]:  # noqa: ANN401 - of any type
    """Return documents of Haystack.

    Raises:
        ArgumentError: They are none.
    """
    for number, document in enumerate(checked := checked_items(documents, "documents", "documents")):
        if not isinstance(document, HaystackDocument):
            raise ArgumentError(
                f"documents must be Documents of Haystack, and number {number} is {described(document)}"
            )
    return [document for document in checked if isinstance(document, HaystackDocument)]


def bicross_documents(documents: list[HaystackDocument]) -> list[Document]:
    """Return documents for an index. Vectors that they bring along are left out: the index makes its own.

    Raises:
        DocumentError: A document has no text, or ``meta`` holds what JSON does not have.
    """
    if any(document.embedding is not None for document in documents):
        logger.info("vectors of documents are not written: an index makes its own, with its encoder")
    return [Document(document.id, document.content or "", metadata=document.meta) for document in documents]


def contents(documents: list[HaystackDocument]) -> list[str]:
    """Return the texts of documents; one without has an empty text."""
    return [document.content or "" for document in documents]
