"""Two-stage semantic search over your own documents. Importing it costs nothing: each name is loaded when it is used.

The packages are ``bicross.index``, ``bicross.retrieval``, ``bicross.rerank``, ``bicross.pipelines`` and
``bicross.training``; the names here are those of theirs that most programs need.
"""

from importlib.metadata import version
from typing import TYPE_CHECKING

from bicross.lazy import lazy_names

if TYPE_CHECKING:
    from .errors import BicrossError
    from .index import Chunking, Document, Index, read_documents
    from .pipelines import (
        SearchPipeline,
        SearchResult,
        add_documents,
        build_index,
        delete_documents,
        evaluate,
        read_judged,
        sync_documents,
        tune,
        upsert_documents,
    )
    from .rerank import CrossEncoderReranker
    from .retrieval import BiEncoder, DenseRetriever, HybridRetriever, LexicalRetriever

    __version__: str

__all__ = [
    "BiEncoder",
    "BicrossError",
    "Chunking",
    "CrossEncoderReranker",
    "DenseRetriever",
    "Document",
    "HybridRetriever",
    "Index",
    "LexicalRetriever",
    "SearchPipeline",
    "SearchResult",
    "__version__",
    "add_documents",
    "build_index",
    "delete_documents",
    "evaluate",
    "read_documents",
    "read_judged",
    "sync_documents",
    "tune",
    "upsert_documents",
]

_load = lazy_names(
    __name__,
    {
        "errors": ("BicrossError",),
        "index": ("Chunking", "Document", "Index", "read_documents"),
        "pipelines": (
            "SearchPipeline",
            "SearchResult",
            "add_documents",
            "build_index",
            "delete_documents",
            "evaluate",
            "read_judged",
            "sync_documents",
            "tune",
            "upsert_documents",
        ),
        "rerank": ("CrossEncoderReranker",),
        "retrieval": ("BiEncoder", "DenseRetriever", "HybridRetriever", "LexicalRetriever"),
    },
)


def __getattr__(name: str) -> object:
    """Load the package that has the name, or the metadata that have the version."""
    return version("bicross") if name == "__version__" else _load(name)


def __dir__() -> list[str]:
    """The names that can be imported."""
    return sorted(__all__)
