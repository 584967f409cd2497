"""Trainers of rerankers, bi-encoders and exit heads, which learn from ranking lists."""

from importlib import import_module
from typing import TYPE_CHECKING

from .encoders import EncoderObjective
from .environment import (
    is_main_process,
    main_process_first,
    require_training_packages,
    training_device,
)
from .output_folder import prepare_output_folder, require_new_output, require_same_run, write_atomically
from .ranking_list import RankingList
from .record import QUALITY, Evaluated, TrainingRecord
from .rerankers import RerankerMethod
from .settings import CHECKPOINTS, TrainingDtype, TrainingProgress, TrainingSettings, Watch

if TYPE_CHECKING:
    from .encoders import train_encoder
    from .rerankers import train_exits, train_reranker

__all__ = [
    "CHECKPOINTS",
    "QUALITY",
    "EncoderObjective",
    "Evaluated",
    "RankingList",
    "RerankerMethod",
    "TrainingDtype",
    "TrainingProgress",
    "TrainingRecord",
    "TrainingSettings",
    "Watch",
    "is_main_process",
    "main_process_first",
    "prepare_output_folder",
    "require_new_output",
    "require_same_run",
    "require_training_packages",
    "train_encoder",
    "train_exits",
    "train_reranker",
    "training_device",
    "write_atomically",
]

_MODULES = {
    "train_encoder": "encoders",
    "train_exits": "rerankers",
    "train_reranker": "rerankers",
}


def __getattr__(name: str) -> object:
    """Import a name on first use: torch comes with it, which takes seconds."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_MODULES[name]}", __name__), name)
