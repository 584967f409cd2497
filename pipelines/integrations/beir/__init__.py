"""BEIR: its evaluator measures a pipeline of bicross."""

from .search import BicrossSearch

__all__ = ["BicrossSearch"]
