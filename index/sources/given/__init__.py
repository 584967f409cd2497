"""Takes the documents that a program has in its hands: documents, texts, dicts and tables."""

from .documents import DocumentsLike, given_documents

__all__ = [
    "DocumentsLike",
    "given_documents",
]
