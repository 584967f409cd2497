"""Trains bi-encoders."""

from typing import TYPE_CHECKING

from bicross.lazy import lazy_names

from .encoder_objective import EncoderLoss, EncoderObjective

if TYPE_CHECKING:
    from .train import TrainedEncoder, train_encoder

__all__ = [
    "EncoderLoss",
    "EncoderObjective",
    "TrainedEncoder",
    "train_encoder",
]

# The trainer imports torch, which takes seconds.
__getattr__ = lazy_names(
    __name__,
    {
        "train": (
            "TrainedEncoder",
            "train_encoder",
        ),
    },
)
