"""Runs transformers packed, without padding. Importing this package imports torch, which takes seconds."""

from .model import PackedModel, packed_classifier, packed_embedder

__all__ = [
    "PackedModel",
    "packed_classifier",
    "packed_embedder",
]
