"""LanceDB: a first stage over a table that is there, for both stages, tuning and evaluation of bicross."""

from typing import TYPE_CHECKING

from bicross.lazy import lazy_names

if TYPE_CHECKING:
    from .options import LanceOptions
    from .retriever import LanceRetriever

__all__ = ["LanceOptions", "LanceRetriever"]

__getattr__ = lazy_names(__name__, {"options": ("LanceOptions",), "retriever": ("LanceRetriever",)}, extra="lancedb")
