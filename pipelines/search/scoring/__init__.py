"""The second stage of a search: chooses the candidates to score, scores them, and orders the results."""

from .adaptive import score_adaptively
from .blend import Scales, final_scores, standardised
from .cascade import require_cascade_fits, require_cascade_reranker, score_in_cascade
from .deadline import Deadline, Enough, score_until_deadline
from .late_interaction import BlendScale, LateInteractionExplorer, sort_by_late_interaction
from .passages import ALL_PASSAGES, PassageScoring, by_passages, passages_needed
from .results import (
    RelevanceCurves,
    ScoredCandidates,
    SearchResult,
    at_least,
    order_results,
    scores_of_stages,
)
from .score_cache import CacheUse, ScoreCache
from .scorer import CandidateScorer, candidate_text
from .stages import with_stages
from .stop_rule import StopRule, fit_stop_rule

__all__ = [
    "ALL_PASSAGES",
    "BlendScale",
    "CacheUse",
    "CandidateScorer",
    "Deadline",
    "Enough",
    "LateInteractionExplorer",
    "PassageScoring",
    "RelevanceCurves",
    "Scales",
    "ScoreCache",
    "ScoredCandidates",
    "SearchResult",
    "StopRule",
    "at_least",
    "by_passages",
    "candidate_text",
    "final_scores",
    "fit_stop_rule",
    "order_results",
    "passages_needed",
    "require_cascade_fits",
    "require_cascade_reranker",
    "score_adaptively",
    "score_in_cascade",
    "score_until_deadline",
    "scores_of_stages",
    "sort_by_late_interaction",
    "standardised",
    "with_stages",
]
