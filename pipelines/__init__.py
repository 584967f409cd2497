"""Combines the other packages into search pipelines, and into everything that a person runs."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .evaluation import (
        Evaluation,
        Judged,
        Run,
        evaluate,
        evaluate_runs,
        read_judged,
        read_qrels,
        read_run,
        write_run,
    )
    from .indexing import add_documents, build_index, delete_documents, index_terms, retokenize, upsert_documents
    from .search import (
        CacheUse,
        Depth,
        ScoreCache,
        SearchOptions,
        SearchPipeline,
        SearchResult,
        StopRule,
        Timings,
        Tuned,
        fit_stop_rule,
    )
    from .tuning import Tuning, TuningOptions, tune

__all__ = [
    "CacheUse",
    "Depth",
    "Evaluation",
    "Judged",
    "Run",
    "ScoreCache",
    "SearchOptions",
    "SearchPipeline",
    "SearchResult",
    "StopRule",
    "Timings",
    "Tuned",
    "Tuning",
    "TuningOptions",
    "add_documents",
    "build_index",
    "delete_documents",
    "evaluate",
    "evaluate_runs",
    "fit_stop_rule",
    "index_terms",
    "read_judged",
    "read_qrels",
    "read_run",
    "retokenize",
    "tune",
    "upsert_documents",
    "write_run",
]

_MODULES = {
    "Evaluation": "evaluation",
    "Judged": "evaluation",
    "Run": "evaluation",
    "evaluate": "evaluation",
    "evaluate_runs": "evaluation",
    "read_judged": "evaluation",
    "read_qrels": "evaluation",
    "read_run": "evaluation",
    "write_run": "evaluation",
    "add_documents": "indexing",
    "build_index": "indexing",
    "delete_documents": "indexing",
    "index_terms": "indexing",
    "retokenize": "indexing",
    "upsert_documents": "indexing",
    "CacheUse": "search",
    "Depth": "search",
    "ScoreCache": "search",
    "SearchOptions": "search",
    "SearchPipeline": "search",
    "SearchResult": "search",
    "StopRule": "search",
    "Timings": "search",
    "Tuned": "search",
    "fit_stop_rule": "search",
    "Tuning": "tuning",
    "TuningOptions": "tuning",
    "tune": "tuning",
}


def __getattr__(name: str) -> object:
    """Import a name when it is first used, so that a search need not wait for the other imports."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_MODULES[name]}", __name__), name)
