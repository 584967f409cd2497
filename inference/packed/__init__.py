"""Runs transformers packed, without padding. Importing this package imports torch, which takes seconds."""

from .inputs import cannot_run_packed, unlike_plain_text
from .model import PackedModel, packed_embedder, packed_reranker
from .pooling import Finish
from .readers import packed_reader
from .tapped import Tap, run_tapped
from .token_states import affine, packed_token_states, state_width, tokens_around

__all__ = [
    "Finish",
    "PackedModel",
    "Tap",
    "affine",
    "cannot_run_packed",
    "packed_embedder",
    "packed_reader",
    "packed_reranker",
    "packed_token_states",
    "run_tapped",
    "state_width",
    "tokens_around",
    "unlike_plain_text",
]
