"""Replies to a dialogue: given candidates ranked, or found among past exchanges."""

from .dialogue import DialogueTurn, Turn, exchanges_of, fold_dialogue
from .pipeline import Reply, ReplyPipeline
from .ranking import RankedReply, rank_replies

__all__ = [
    "DialogueTurn",
    "RankedReply",
    "Reply",
    "ReplyPipeline",
    "Turn",
    "exchanges_of",
    "fold_dialogue",
    "rank_replies",
]
