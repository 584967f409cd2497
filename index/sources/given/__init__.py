"""Takes the documents that a program has in its hands: documents, texts, dicts and tables."""

from .documents import DocumentsLike, GivenDocuments, given_documents

__all__ = [
    "DocumentsLike",
    "GivenDocuments",
    "given_documents",
]
