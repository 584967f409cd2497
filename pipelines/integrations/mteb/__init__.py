"""MTEB: its tasks measure a pipeline of bicross."""

from typing import TYPE_CHECKING

from bicross.lazy import lazy_names

if TYPE_CHECKING:
    from .search import BicrossSearch

__all__ = ["BicrossSearch"]

__getattr__ = lazy_names(__name__, {"search": ("BicrossSearch",)}, extra="mteb")
