"""Trains rerankers and encoders for a collection: candidates, hard negatives, pseudo-queries, model cards."""

from importlib import import_module
from typing import TYPE_CHECKING

from .encoder_card import encoder_record, encoder_summary
from .exit_lists import EXIT_PASSAGES, exit_lists, prepare_output_folder
from .pseudo_queries import PSEUDO_QUERY_KINDS
from .reranker_card import reranker_record, reranker_summary

if TYPE_CHECKING:
    from .encoder import EncoderData, default_objective, train_encoder_on
    from .reranker import RerankerData, train_reranker_on

__all__ = [
    "EXIT_PASSAGES",
    "PSEUDO_QUERY_KINDS",
    "EncoderData",
    "RerankerData",
    "default_objective",
    "encoder_record",
    "encoder_summary",
    "exit_lists",
    "prepare_output_folder",
    "reranker_record",
    "reranker_summary",
    "train_encoder_on",
    "train_reranker_on",
]

_MODULES = {
    "EncoderData": "encoder",
    "default_objective": "encoder",
    "train_encoder_on": "encoder",
    "RerankerData": "reranker",
    "train_reranker_on": "reranker",
}


def __getattr__(name: str) -> object:
    """Import what is asked for, when it is: torch comes with it, and takes seconds."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_MODULES[name]}", __name__), name)
