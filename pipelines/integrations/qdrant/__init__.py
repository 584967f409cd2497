"""Qdrant: a first stage over a collection that is there, for both stages, tuning and evaluation of bicross."""

from typing import TYPE_CHECKING

from bicross.lazy import lazy_names

if TYPE_CHECKING:
    from .retriever import QdrantRetriever

__all__ = ["QdrantRetriever"]

__getattr__ = lazy_names(__name__, {"retriever": ("QdrantRetriever",)}, extra="qdrant")
