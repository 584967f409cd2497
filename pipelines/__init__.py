"""Stage one and stage two chained, and everything that a person runs. The only package that knows the others."""

from .indexing import add_documents, build_index, delete_documents, upsert_documents
from .ordering import SearchResult
from .search import SearchPipeline, Timings

__all__ = [
    "SearchPipeline",
    "SearchResult",
    "Timings",
    "add_documents",
    "build_index",
    "delete_documents",
    "upsert_documents",
]
