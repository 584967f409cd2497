"""Judged queries, measures and significance: how well a pipeline ranks."""

from .evaluation import FIRST_STAGE, RERANKED, evaluate, evaluate_runs
from .grades import MAX_GRADE, whole_grade
from .judgments import Judged, read_judged, read_qrels
from .measures import DEFAULT_MEASURES, canonical, per_query
from .result import Comparison, Evaluation, QueryChange, System
from .runs import Run, read_run, require_run_ids, write_run
from .significance import CONFIDENCE, Estimate, Outcomes, estimate_means, randomisation_test
from .topics import has_ids, read_topics

__all__ = [
    "CONFIDENCE",
    "DEFAULT_MEASURES",
    "FIRST_STAGE",
    "MAX_GRADE",
    "RERANKED",
    "Comparison",
    "Estimate",
    "Evaluation",
    "Judged",
    "Outcomes",
    "QueryChange",
    "Run",
    "System",
    "canonical",
    "estimate_means",
    "evaluate",
    "evaluate_runs",
    "has_ids",
    "per_query",
    "randomisation_test",
    "read_judged",
    "read_qrels",
    "read_run",
    "read_topics",
    "require_run_ids",
    "whole_grade",
    "write_run",
]
