"""Finds, verifies, loads and runs transformer encoders; imports no index.

``inference.packed``, which runs them, is not imported here, because it imports torch, which takes seconds.
"""

from .adapter import ADAPTER_WEIGHTS, AdapterSettings, cache_folder, merged_model
from .atomic_files import whole_file
from .chat_template import ChatTemplate, TemplatedPair
from .checkpoints import LATE_INTERACTION, has_prompts, kind_of, require_encoder, require_reader, require_reranker
from .checksum import sha256_of
from .exit_heads import (
    EXITS,
    EXITS_REMEDY,
    MODEL_SETTINGS,
    ExitHead,
    model_settings,
    read_exits,
    save_heads,
    write_exits,
)
from .loading import (
    Dtype,
    batch_size_for,
    cast_model,
    load_encoder,
    load_model,
    load_reranker,
    own_limit,
    resolve_dtype,
    token_limit,
    without_progress_bars,
)
from .model_store import ModelFiles, resolve_model
from .protocols import HasVocabulary, TextReading, has_members, has_vocabulary
from .remote import Dialect, RemoteOptions
from .tokenizer import TextTokenizer, TokenIds, require_texts
from .tokenizer_loading import load_tokenizer, read_vocabulary

__all__ = [
    "ADAPTER_WEIGHTS",
    "EXITS",
    "EXITS_REMEDY",
    "LATE_INTERACTION",
    "MODEL_SETTINGS",
    "AdapterSettings",
    "ChatTemplate",
    "Dialect",
    "Dtype",
    "ExitHead",
    "HasVocabulary",
    "ModelFiles",
    "RemoteOptions",
    "TemplatedPair",
    "TextReading",
    "TextTokenizer",
    "TokenIds",
    "batch_size_for",
    "cache_folder",
    "cast_model",
    "has_members",
    "has_prompts",
    "has_vocabulary",
    "kind_of",
    "load_encoder",
    "load_model",
    "load_reranker",
    "load_tokenizer",
    "merged_model",
    "model_settings",
    "own_limit",
    "read_exits",
    "read_vocabulary",
    "require_encoder",
    "require_reader",
    "require_reranker",
    "require_texts",
    "resolve_dtype",
    "resolve_model",
    "save_heads",
    "sha256_of",
    "token_limit",
    "whole_file",
    "without_progress_bars",
    "write_exits",
]
