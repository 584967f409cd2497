"""The second stage within a search: which candidates are scored, how far, and in which order they end."""

from .adaptive import read_adaptively
from .budget import Deadline, Enough, read_candidates
from .cascade import CascadeSettings, cascade_settings, read_in_cascade, require_cascade_fits
from .ordering import Read, Scales, SearchResult, at_least, final_scores, order
from .passages import PassageScoring, by_passages, passages_needed
from .score_cache import CacheUse, ScoreCache
from .scorer import CandidateScorer
from .stop_rule import StopRule, fit_stop_rule

__all__ = [
    "CacheUse",
    "CandidateScorer",
    "CascadeSettings",
    "Deadline",
    "Enough",
    "PassageScoring",
    "Read",
    "Scales",
    "ScoreCache",
    "SearchResult",
    "StopRule",
    "at_least",
    "by_passages",
    "cascade_settings",
    "final_scores",
    "fit_stop_rule",
    "order",
    "passages_needed",
    "read_adaptively",
    "read_candidates",
    "read_in_cascade",
    "require_cascade_fits",
]
