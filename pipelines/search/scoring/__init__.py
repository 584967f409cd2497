"""The second stage within a search: which candidates are scored, how far, and in which order they end."""

from .adaptive import score_adaptively
from .budget import Deadline, Enough, score_within_budget
from .cascade import CascadeSettings, cascade_settings, require_cascade_fits, score_in_cascade
from .ordering import Scales, ScoredCandidates, SearchResult, at_least, final_scores, order
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
    "Scales",
    "ScoreCache",
    "ScoredCandidates",
    "SearchResult",
    "StopRule",
    "at_least",
    "by_passages",
    "cascade_settings",
    "final_scores",
    "fit_stop_rule",
    "order",
    "passages_needed",
    "require_cascade_fits",
    "score_adaptively",
    "score_in_cascade",
    "score_within_budget",
]
