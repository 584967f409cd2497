"""Pseudo-relevance feedback in the first stage: the best document moves the query, and near candidates share scores."""

from .feedback import Feedback, Fuse, checked_feedback, feedback_scores, pool, refuse_neighbours
from .ordering import ordered

__all__ = ["Feedback", "Fuse", "checked_feedback", "feedback_scores", "ordered", "pool", "refuse_neighbours"]
