"""Rerankers whose models run on servers."""

from .reranker import RemoteReranker

__all__ = ["RemoteReranker"]
