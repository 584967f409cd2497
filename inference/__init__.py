"""Transformer encoders: found, verified and loaded. Knows no index and no document."""

from .adapter import MODEL_SETTINGS, cache_folder
from .loading import Dtype, batch_size_for, load_model
from .model_store import ModelFiles, resolve_model
from .tokenizer import TextTokenizer, TokenIds, load_tokenizer

__all__ = [
    "MODEL_SETTINGS",
    "Dtype",
    "ModelFiles",
    "TextTokenizer",
    "TokenIds",
    "batch_size_for",
    "cache_folder",
    "load_model",
    "load_tokenizer",
    "resolve_model",
]
