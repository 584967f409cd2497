"""Stage one and stage two chained, and everything that a person runs. The only package that knows the others."""

from .indexing import add_documents, build_index, delete_documents, upsert_documents
from .search import SearchPipeline, SearchResult, Timings
from .tokens import retokenize

__all__ = [
    "SearchPipeline",
    "SearchResult",
    "Timings",
    "add_documents",
    "build_index",
    "delete_documents",
    "retokenize",
    "upsert_documents",
]
