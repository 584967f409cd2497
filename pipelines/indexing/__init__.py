"""Indexing: splits, embeds, tokenises and analyses documents, and commits them to an index."""

from .begun import Begun
from .build import add_documents, build_index, delete_documents, upsert_documents
from .postings import index_terms
from .tokenising import retokenize

__all__ = [
    "Begun",
    "add_documents",
    "build_index",
    "delete_documents",
    "index_terms",
    "retokenize",
    "upsert_documents",
]
