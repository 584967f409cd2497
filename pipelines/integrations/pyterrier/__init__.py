"""PyTerrier: a retriever and a reranker as Transformers over bicross."""

from typing import TYPE_CHECKING

from bicross.lazy import lazy_names

if TYPE_CHECKING:
    from .reranker import BicrossReranker
    from .retriever import BicrossRetriever

__all__ = [
    "BicrossReranker",
    "BicrossRetriever",
]

__getattr__ = lazy_names(
    __name__,
    {"reranker": ("BicrossReranker",), "retriever": ("BicrossRetriever",)},
    extra="pyterrier",
)
