"""Trains cross-encoders, and exit heads of cross-encoders."""

from typing import TYPE_CHECKING

from bicross.lazy import lazy_names

from ..settings import LoraSettings
from .reranker_method import LossName, RerankerMethod, Sampling, ScorePairs

if TYPE_CHECKING:
    from .exit_fitting import ExitSettings, train_exits
    from .train import train_reranker

__all__ = [
    "ExitSettings",
    "LoraSettings",
    "LossName",
    "RerankerMethod",
    "Sampling",
    "ScorePairs",
    "train_exits",
    "train_reranker",
]

# The trainers import torch, which takes seconds.
__getattr__ = lazy_names(
    __name__,
    {
        "exit_fitting": (
            "ExitSettings",
            "train_exits",
        ),
        "train": ("train_reranker",),
    },
)
