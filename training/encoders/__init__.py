"""Trains bi-encoders."""

from importlib import import_module
from typing import TYPE_CHECKING

from .encoder_objective import EncoderLoss, EncoderObjective

if TYPE_CHECKING:
    from .train import TrainedEncoder, train_encoder

__all__ = [
    "EncoderLoss",
    "EncoderObjective",
    "TrainedEncoder",
    "train_encoder",
]

_MODULES = {
    "TrainedEncoder": "train",
    "train_encoder": "train",
}


def __getattr__(name: str) -> object:
    """Import what is asked for, when it is: torch comes with it, and takes seconds."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_MODULES[name]}", __name__), name)
