"""How evaluations and tunings look: in a terminal, as JSON, as plots."""

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
