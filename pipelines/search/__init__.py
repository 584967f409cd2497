"""SearchPipeline: the first stage retrieves candidates, the second stage scores and re-sorts them."""

from .options import MAX_RETRIEVE_K, RerankK, check_queries, check_query, read_cascade, read_layers
from .pipeline import QUERIES_AT_ONCE, SearchPipeline, Timings
from .scoring import (
    CacheUse,
    CandidateScorer,
    PassageScoring,
    ScoreCache,
    SearchResult,
    StopRule,
    final_scores,
    fit_stop_rule,
)
from .stages import tokenizer_fingerprint
from .timings import Depth
from .tuned import MAX_CHARACTERS, KnownFusion, Tuned, store

__all__ = [
    "MAX_CHARACTERS",
    "MAX_RETRIEVE_K",
    "QUERIES_AT_ONCE",
    "CacheUse",
    "CandidateScorer",
    "Depth",
    "KnownFusion",
    "PassageScoring",
    "RerankK",
    "ScoreCache",
    "SearchPipeline",
    "SearchResult",
    "StopRule",
    "Timings",
    "Tuned",
    "check_queries",
    "check_query",
    "final_scores",
    "fit_stop_rule",
    "read_cascade",
    "read_layers",
    "store",
    "tokenizer_fingerprint",
]
