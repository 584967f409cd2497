"""Evaluations and tunings as tables for a terminal, as records for JSON, and as plots."""

from .evaluation import evaluation_record, evaluation_report
from .plots import plot_tuning, require_plots
from .tuning import tuning_record, tuning_tables

__all__ = [
    "evaluation_record",
    "evaluation_report",
    "plot_tuning",
    "require_plots",
    "tuning_record",
    "tuning_tables",
]
