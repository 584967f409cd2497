"""Trains rerankers and bi-encoders for a collection: hard negatives, pseudo-queries, distillation, model cards."""

from typing import TYPE_CHECKING

from bicross.lazy import lazy_names

from .distillation import EXIT_PASSAGES, distilled_lists, exit_lists, read_queries
from .options import DataOptions, EncoderData, RerankerData
from .pseudo_lists import PseudoQueryOptions, pseudo_query_lists
from .pseudo_queries import PSEUDO_QUERY_KINDS, PseudoQueryKind, PseudoQueryPair, pseudo_query_pairs

if TYPE_CHECKING:
    from .cards import encoder_record, encoder_summary, reranker_record, reranker_summary
    from .encoder import EncoderOfCollection, default_objective, train_encoder_on
    from .reranker import TrainedReranker, train_fast_reranker_on, train_reranker_on

__all__ = [
    "EXIT_PASSAGES",
    "PSEUDO_QUERY_KINDS",
    "DataOptions",
    "EncoderData",
    "EncoderOfCollection",
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
    "train_fast_reranker_on",
    "train_reranker_on",
]

# The trainers import torch, which takes seconds.
__getattr__ = lazy_names(
    __name__,
    {
        "cards": (
            "encoder_record",
            "encoder_summary",
            "reranker_record",
            "reranker_summary",
        ),
        "encoder": (
            "EncoderOfCollection",
            "default_objective",
            "train_encoder_on",
        ),
        "reranker": (
            "TrainedReranker",
            "train_fast_reranker_on",
            "train_reranker_on",
        ),
    },
)
