"""Trains cross-encoders, exit heads of cross-encoders, and late-interaction rerankers."""

from typing import TYPE_CHECKING

from bicross.lazy import lazy_names

from ..settings import LoraSettings
from .late_interaction_method import LateInteractionMethod
from .reranker_method import LossName, RerankerMethod, Sampling, ScorePairs

if TYPE_CHECKING:
    from .exit_fitting import ExitSettings, train_exits
    from .late_interaction import layers_to_train_on, train_late_interaction
    from .train import train_reranker

__all__ = [
    "ExitSettings",
    "LateInteractionMethod",
    "LoraSettings",
    "LossName",
    "RerankerMethod",
    "Sampling",
    "ScorePairs",
    "layers_to_train_on",
    "train_exits",
    "train_late_interaction",
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
        "late_interaction": ("layers_to_train_on", "train_late_interaction"),
        "train": ("train_reranker",),
    },
)
