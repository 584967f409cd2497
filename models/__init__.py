"""Adapters that the project trained itself, as package data: a folder each, with its model card."""

DEFAULT_RERANKER = "bicross-rerank-mini"
"""The reranker of a search where no other is named."""

__all__ = ["DEFAULT_RERANKER"]
