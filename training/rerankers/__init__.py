"""Trains cross-encoders, and exit heads of cross-encoders."""

from importlib import import_module
from typing import TYPE_CHECKING

from .reranker_method import LoraSettings, LossName, RerankerMethod, Sampling, ScorePairs

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

_MODULES = {
    "ExitSettings": "exit_fitting",
    "train_exits": "exit_fitting",
    "train_reranker": "train",
}


def __getattr__(name: str) -> object:
    """Import what is asked for, when it is: torch comes with it, and takes seconds."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_MODULES[name]}", __name__), name)
