"""Runs transformers packed, without padding. Importing this package imports torch, which takes seconds."""

from .inputs import cannot_run_packed, unlike_plain_text
from .model import PackedModel, packed_embedder, packed_reranker
from .readers import packed_reader

__all__ = [
    "PackedModel",
    "cannot_run_packed",
    "packed_embedder",
    "packed_reader",
    "packed_reranker",
    "unlike_plain_text",
]
