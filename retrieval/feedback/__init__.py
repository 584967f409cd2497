"""Pseudo-relevance feedback in the first stage: the best document moves the query, and near candidates share scores."""

from .feedback import Feedback, Fuse, checked_feedback, feedback_scores, pool, refuse_neighbours
from .ordering import Ordering, ordered

__all__ = [
    "Feedback",
    "Fuse",
    "Ordering",
    "checked_feedback",
    "feedback_scores",
    "ordered",
    "pool",
    "refuse_neighbours",
]
