"""Documents of bicross as LangChain's, and the other way."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from langchain_core.documents import Document as LangchainDocument

from ....errors import ArgumentError
from ....errors.arguments import checked_choice, checked_items, checked_texts
from ....index import Document
from ...search import SearchResult

Content = Literal["passage", "document"]
"""What ``page_content`` holds of a result: the part of the document that was found, or its whole text."""
CONTENTS: tuple[Content, ...] = ("passage", "document")


def langchain_document(document: Document) -> LangchainDocument:
    """Return a whole document. A title stands in the metadata."""
    metadata = dict(document.metadata)
    if document.title:
        metadata.setdefault("title", document.title)
    return LangchainDocument(page_content=document.text, metadata=metadata, id=document.id)


def found_document(result: SearchResult, content: Content) -> LangchainDocument:
    """Return what a search found, with its relevance in the metadata as ``relevance_score``.

    Args:
        result: What was found.
        content: What ``page_content`` is. Of a passage the metadata have the ``start_index`` in its document.
    """
    found = langchain_document(result.document)
    if content == "passage" and len(result.passage.text) < len(result.document.text):
        found.page_content = result.passage.text
        found.metadata["start_index"] = result.passage.start
    found.metadata["relevance_score"] = result.relevance
    return found


def require_content(content: str) -> None:
    """Raise ``ArgumentError`` for anything but a ``Content``."""
    checked_choice(content, "content", CONTENTS)


def bicross_documents(
    texts: Any,  # noqa: ANN401 - of any type
    metadatas: Sequence[Mapping[str, object]] | None,
    ids: Sequence[str | None] | None,
) -> list[Document]:
    """Make documents of texts; those without an id get a random one.

    Raises:
        ArgumentError: They are no texts, or there are not as many ids or metadata.
        DocumentError: A text is blank, or metadata hold what JSON does not have.
    """
    checked = checked_texts(texts, "texts")
    many = len(checked)
    mappings: list[Any] = [{}] * many if metadatas is None else checked_items(metadatas, "metadatas", "dicts")
    names: list[Any] = [None] * many if ids is None else checked_items(ids, "ids", "texts")
    for name, values in (("metadatas", mappings), ("ids", names)):
        if len(values) != many:
            raise ArgumentError(f"there are {many} texts, and {len(values)} {name}; give one for each text")
    return [
        Document(str(uuid.uuid4()) if id_ is None else id_, text, metadata=metadata or {})
        for text, metadata, id_ in zip(checked, mappings, names, strict=True)
    ]


def with_relevance(document: LangchainDocument, relevance: float) -> LangchainDocument:
    """Return a copy of a document with another ``relevance_score``."""
    metadata = {**document.metadata, "relevance_score": relevance}
    return document.model_copy(update={"metadata": metadata})
