"""OpenSearch: a first stage over an index that is there, for both stages, tuning and evaluation of bicross."""

from typing import TYPE_CHECKING

from bicross.lazy import lazy_names

if TYPE_CHECKING:
    from .retriever import OpenSearchRetriever

__all__ = ["OpenSearchRetriever"]

__getattr__ = lazy_names(__name__, {"retriever": ("OpenSearchRetriever",)}, extra="opensearch")
