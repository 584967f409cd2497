"""Stage one and stage two chained, and everything that a person runs. The only package that knows the others."""

from .indexing import add_documents, build_index, delete_documents, upsert_documents
from .ordering import SearchResult
from .score_cache import CacheUse, ScoreCache
from .search import Depth, SearchPipeline, Timings
from .stopping import StopRule, fit_stop_rule
from .terms import keep_terms
from .tokens import retokenize

__all__ = [
    "CacheUse",
    "Depth",
    "ScoreCache",
    "SearchPipeline",
    "SearchResult",
    "StopRule",
    "Timings",
    "add_documents",
    "build_index",
    "delete_documents",
    "fit_stop_rule",
    "keep_terms",
    "retokenize",
    "upsert_documents",
]
