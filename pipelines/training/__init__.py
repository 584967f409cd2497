"""Trains rerankers and bi-encoders for a collection: hard negatives, pseudo-queries, distillation, model cards."""

from importlib import import_module
from typing import TYPE_CHECKING

from .distillation import EXIT_PASSAGES, distilled_lists, exit_lists, read_queries
from .options import DataOptions, EncoderData, RerankerData
from .pseudo_lists import PseudoQueryOptions, pseudo_query_lists
from .pseudo_queries import PSEUDO_QUERY_KINDS, PseudoQueryKind, PseudoQueryPair, pseudo_query_pairs

if TYPE_CHECKING:
    from .cards import encoder_record, encoder_summary, reranker_record, reranker_summary
    from .encoder import default_objective, train_encoder_on
    from .reranker import TrainedReranker, train_reranker_on

__all__ = [
    "EXIT_PASSAGES",
    "PSEUDO_QUERY_KINDS",
    "DataOptions",
    "EncoderData",
    "PseudoQueryKind",
    "PseudoQueryOptions",
    "PseudoQueryPair",
    "RerankerData",
    "TrainedReranker",
    "default_objective",
    "distilled_lists",
    "encoder_record",
    "encoder_summary",
    "exit_lists",
    "pseudo_query_lists",
    "pseudo_query_pairs",
    "read_queries",
    "reranker_record",
    "reranker_summary",
    "train_encoder_on",
    "train_reranker_on",
]

_MODULES = {
    "encoder_record": "cards",
    "encoder_summary": "cards",
    "reranker_record": "cards",
    "reranker_summary": "cards",
    "default_objective": "encoder",
    "train_encoder_on": "encoder",
    "TrainedReranker": "reranker",
    "train_reranker_on": "reranker",
}


def __getattr__(name: str) -> object:
    """Import a name on first use: torch comes with the trainers, which takes seconds."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_MODULES[name]}", __name__), name)
