"""Stage one and stage two chained, and everything that a person runs. The only package that knows the others."""

from .evaluation import Evaluation, evaluate, evaluate_runs
from .indexing import add_documents, build_index, delete_documents, upsert_documents
from .judgments import Judged, read_judged, read_qrels
from .ordering import SearchResult
from .runs import Run, read_run, write_run
from .score_cache import CacheUse, ScoreCache
from .search import SearchPipeline
from .settings import Tuned
from .stopping import StopRule, fit_stop_rule
from .terms import keep_terms
from .timings import Depth, Timings
from .tokens import retokenize
from .tuning import tune
from .tuning_result import Tuning, TuningOptions

__all__ = [
    "CacheUse",
    "Depth",
    "Evaluation",
    "Judged",
    "Run",
    "ScoreCache",
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
    "keep_terms",
    "read_judged",
    "read_qrels",
    "read_run",
    "retokenize",
    "tune",
    "upsert_documents",
    "write_run",
]
