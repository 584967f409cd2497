"""Answers to questions, and what others answer from: passages for a language model, with citations."""

from .aggregation import normalised
from .answer import Answer, AnswerSource
from .answer_options import AnswerOptions
from .answer_pipeline import AnswerPipeline
from .context import INSTRUCTIONS, Citation, Context
from .context_options import NEAR_DUPLICATES, ContextOptions
from .context_pipeline import ContextPipeline
from .context_selection import Oversized, SpanOrder
from .passages import IndexPassageRetriever, PassageRetriever, of_passages
from .replies import DialogueTurn, RankedReply, Reply, ReplyPipeline, Turn, exchanges_of, fold_dialogue, rank_replies
from .token_counts import Count, TextCounter, text_counter

__all__ = [
    "INSTRUCTIONS",
    "NEAR_DUPLICATES",
    "Answer",
    "AnswerOptions",
    "AnswerPipeline",
    "AnswerSource",
    "Citation",
    "Context",
    "ContextOptions",
    "ContextPipeline",
    "Count",
    "DialogueTurn",
    "IndexPassageRetriever",
    "Oversized",
    "PassageRetriever",
    "RankedReply",
    "Reply",
    "ReplyPipeline",
    "SpanOrder",
    "TextCounter",
    "Turn",
    "exchanges_of",
    "fold_dialogue",
    "normalised",
    "of_passages",
    "rank_replies",
    "text_counter",
]
