"""Transformer encoders: found, verified and loaded. Knows no index and no document."""

from .adapter import MODEL_SETTINGS, cache_folder
from .loading import Dtype, batch_size_for, cast_model, load_model, require_dtype, token_limit
from .model_store import ModelFiles, resolve_model
from .packed import PackedModel, packed_classifier, packed_embedder
from .tokenizer import TextTokenizer, TokenIds, load_tokenizer, require_texts

__all__ = [
    "MODEL_SETTINGS",
    "Dtype",
    "ModelFiles",
    "PackedModel",
    "TextTokenizer",
    "TokenIds",
    "batch_size_for",
    "cache_folder",
    "cast_model",
    "load_model",
    "load_tokenizer",
    "packed_classifier",
    "packed_embedder",
    "require_dtype",
    "require_texts",
    "resolve_model",
    "token_limit",
]
