"""SearchPipeline: the first stage retrieves candidates, the second stage scores and re-sorts them."""

from .defaults import IndexDefaults, default_settings, index_defaults
from .given_parts import checked_reranker, checked_retriever
from .long_queries import long_query_error, require_policy, too_long
from .options import DEFAULT_K, MAX_RETRIEVE_K, RerankK, SearchOptions, check_deadline, read_cascade, read_layers
from .pipeline import SearchPipeline
from .queries import MAX_QUERY_CHARACTERS, QUERIES_AT_ONCE, check_queries, check_query, query_slices
from .records import result_record, search_record, to_arrow, to_pandas
from .scoring import (
    CacheUse,
    CandidateScorer,
    PassageScoring,
    ScoreCache,
    SearchResult,
    StopRule,
    candidate_text,
    final_scores,
    fit_stop_rule,
    standardised,
)
from .searcher import tokenizer_fingerprint
from .settings import Origin, Settings, with_candidates
from .timings import Depth, Timings
from .tuned import MAX_CHARACTERS, KnownFusion, Tuned, fusion_record, store, stored

__all__ = [
    "DEFAULT_K",
    "MAX_CHARACTERS",
    "MAX_QUERY_CHARACTERS",
    "MAX_RETRIEVE_K",
    "QUERIES_AT_ONCE",
    "CacheUse",
    "CandidateScorer",
    "Depth",
    "IndexDefaults",
    "KnownFusion",
    "Origin",
    "PassageScoring",
    "RerankK",
    "ScoreCache",
    "SearchOptions",
    "SearchPipeline",
    "SearchResult",
    "Settings",
    "StopRule",
    "Timings",
    "Tuned",
    "candidate_text",
    "check_deadline",
    "check_queries",
    "check_query",
    "checked_reranker",
    "checked_retriever",
    "default_settings",
    "final_scores",
    "fit_stop_rule",
    "fusion_record",
    "index_defaults",
    "long_query_error",
    "query_slices",
    "read_cascade",
    "read_layers",
    "require_policy",
    "result_record",
    "search_record",
    "standardised",
    "store",
    "stored",
    "to_arrow",
    "to_pandas",
    "tokenizer_fingerprint",
    "too_long",
    "with_candidates",
]
