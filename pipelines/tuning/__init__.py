"""Finds the settings with which an index is searched best, from judged queries."""

from .grid import Configuration
from .latency import Latency, milliseconds
from .regret import Expected
from .result import Calibrated, Tuning, TuningOptions
from .tuning import tune, tune_retriever

__all__ = [
    "Calibrated",
    "Configuration",
    "Expected",
    "Latency",
    "Tuning",
    "TuningOptions",
    "milliseconds",
    "tune",
    "tune_retriever",
]
