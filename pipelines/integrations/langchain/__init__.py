"""LangChain: a retriever, a reranker, embeddings and a vector store over bicross."""

from typing import TYPE_CHECKING

from bicross.lazy import lazy_names

if TYPE_CHECKING:
    from .embeddings import BicrossEmbeddings
    from .reranker import BicrossReranker
    from .retriever import BicrossRetriever
    from .vector_store import BicrossVectorStore

__all__ = [
    "BicrossEmbeddings",
    "BicrossReranker",
    "BicrossRetriever",
    "BicrossVectorStore",
]

__getattr__ = lazy_names(
    __name__,
    {
        "embeddings": ("BicrossEmbeddings",),
        "reranker": ("BicrossReranker",),
        "retriever": ("BicrossRetriever",),
        "vector_store": ("BicrossVectorStore",),
    },
    extra="langchain",
)
