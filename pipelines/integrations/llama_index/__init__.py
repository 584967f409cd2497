"""LlamaIndex: a retriever, a reranker and embeddings over bicross."""

from typing import TYPE_CHECKING

from bicross.lazy import lazy_names

if TYPE_CHECKING:
    from .embedding import BicrossEmbedding
    from .reranker import BicrossReranker
    from .retriever import BicrossRetriever

__all__ = [
    "BicrossEmbedding",
    "BicrossReranker",
    "BicrossRetriever",
]

__getattr__ = lazy_names(
    __name__,
    {
        "embedding": ("BicrossEmbedding",),
        "reranker": ("BicrossReranker",),
        "retriever": ("BicrossRetriever",),
    },
    extra="llama-index",
)
