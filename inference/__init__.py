"""Transformer encoders: found, verified, and run fast. Knows no index and no document.

``inference.packed``, which runs them, is not imported here: with it comes torch, which takes seconds.
"""

from .adapter import MODEL_SETTINGS, cache_folder
from .loading import Dtype, batch_size_for, cast_model, load_model, require_dtype, token_limit, without_progress_bars
from .model_store import ModelFiles, resolve_model
from .tokenizer import TextTokenizer, TokenIds, load_tokenizer, require_texts

__all__ = [
    "MODEL_SETTINGS",
    "Dtype",
    "ModelFiles",
    "TextTokenizer",
    "TokenIds",
    "batch_size_for",
    "cache_folder",
    "cast_model",
    "load_model",
    "load_tokenizer",
    "require_dtype",
    "require_texts",
    "resolve_model",
    "token_limit",
    "without_progress_bars",
]
