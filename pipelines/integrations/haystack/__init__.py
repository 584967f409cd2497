"""Haystack: a document store, a retriever, a ranker and embedders over bicross."""

from typing import TYPE_CHECKING

from bicross.lazy import lazy_names

if TYPE_CHECKING:
    from .document_store import BicrossDocumentStore
    from .embedders import BicrossDocumentEmbedder, BicrossTextEmbedder
    from .ranker import BicrossRanker
    from .retriever import BicrossRetriever

__all__ = [
    "BicrossDocumentEmbedder",
    "BicrossDocumentStore",
    "BicrossRanker",
    "BicrossRetriever",
    "BicrossTextEmbedder",
]

__getattr__ = lazy_names(
    __name__,
    {
        "document_store": ("BicrossDocumentStore",),
        "embedders": ("BicrossDocumentEmbedder", "BicrossTextEmbedder"),
        "ranker": ("BicrossRanker",),
        "retriever": ("BicrossRetriever",),
    },
    extra="haystack",
)
