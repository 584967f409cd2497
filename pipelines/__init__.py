"""Combines the other packages into search pipelines, and into everything that a person runs."""

from typing import TYPE_CHECKING

from bicross.lazy import lazy_names

if TYPE_CHECKING:
    from .answers import Citation, Context, ContextOptions, ContextPipeline
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
        Settings,
        StopRule,
        Timings,
        Tuned,
        fit_stop_rule,
    )
    from .tuning import Tuning, TuningOptions, tune

__all__ = [
    "CacheUse",
    "Citation",
    "Context",
    "ContextOptions",
    "ContextPipeline",
    "Depth",
    "Evaluation",
    "Judged",
    "Run",
    "ScoreCache",
    "SearchOptions",
    "SearchPipeline",
    "SearchResult",
    "Settings",
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

# A search need not wait for the imports of the other rooms.
__getattr__ = lazy_names(
    __name__,
    {
        "answers": (
            "Citation",
            "Context",
            "ContextOptions",
            "ContextPipeline",
        ),
        "evaluation": (
            "Evaluation",
            "Judged",
            "Run",
            "evaluate",
            "evaluate_runs",
            "read_judged",
            "read_qrels",
            "read_run",
            "write_run",
        ),
        "indexing": (
            "add_documents",
            "build_index",
            "delete_documents",
            "index_terms",
            "retokenize",
            "upsert_documents",
        ),
        "search": (
            "CacheUse",
            "Depth",
            "ScoreCache",
            "SearchOptions",
            "SearchPipeline",
            "SearchResult",
            "Settings",
            "StopRule",
            "Timings",
            "Tuned",
            "fit_stop_rule",
        ),
        "tuning": (
            "Tuning",
            "TuningOptions",
            "tune",
        ),
    },
)
