"""Reranks in several processes on Ray: their pieces of a call, what becomes of those that die or are late."""

from .ray_reranker import RayReranker

__all__ = ["RayReranker"]
