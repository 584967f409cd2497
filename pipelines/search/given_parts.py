"""Checks of retrievers and rerankers that are given as objects."""

from typing import TypeVar

from ...errors import ArgumentError
from ...errors.arguments import described

Part = TypeVar("Part")


def checked_retriever(retriever: Part) -> Part:
    """Return a retriever; raise ``ArgumentError`` for anything else."""
    if isinstance(retriever, type) or not callable(getattr(retriever, "retrieve", None)):
        raise ArgumentError(f"retriever must be a retriever, such as a DenseRetriever, not {described(retriever)}")
    return retriever


def checked_reranker(reranker: Part) -> Part:
    """Return a reranker; raise ``ArgumentError`` for anything else."""
    if isinstance(reranker, type) or not callable(getattr(reranker, "score", None)):
        raise ArgumentError(f"reranker must be a reranker, such as a CrossEncoderReranker, not {described(reranker)}")
    return reranker
