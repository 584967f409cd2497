"""Trainers of rerankers, bi-encoders and exit heads, which learn from ranking lists."""

from typing import TYPE_CHECKING

from bicross.lazy import lazy_names

from .encoders import EncoderObjective
from .environment import (
    is_main_process,
    main_process_first,
    require_training_packages,
    training_device,
)
from .output_folder import (
    prepare_output_folder,
    require_new_output,
    require_output_folder,
    require_same_run,
    write_atomically,
)
from .ranking_list import RankingList
from .record import QUALITY, Evaluated, TrainingRecord
from .rerankers import LateInteractionMethod, RerankerMethod
from .settings import CHECKPOINTS, LoraSettings, TrainingDtype, TrainingProgress, TrainingSettings, Watch

if TYPE_CHECKING:
    from .checkpoints import newest_checkpoint
    from .encoders import train_encoder
    from .rerankers import train_exits, train_late_interaction, train_reranker

__all__ = [
    "CHECKPOINTS",
    "QUALITY",
    "EncoderObjective",
    "Evaluated",
    "LateInteractionMethod",
    "LoraSettings",
    "RankingList",
    "RerankerMethod",
    "TrainingDtype",
    "TrainingProgress",
    "TrainingRecord",
    "TrainingSettings",
    "Watch",
    "is_main_process",
    "main_process_first",
    "newest_checkpoint",
    "prepare_output_folder",
    "require_new_output",
    "require_output_folder",
    "require_same_run",
    "require_training_packages",
    "train_encoder",
    "train_exits",
    "train_late_interaction",
    "train_reranker",
    "training_device",
    "write_atomically",
]

# The trainers import torch, which takes seconds.
__getattr__ = lazy_names(
    __name__,
    {
        "checkpoints": ("newest_checkpoint",),
        "encoders": ("train_encoder",),
        "rerankers": (
            "train_exits",
            "train_late_interaction",
            "train_reranker",
        ),
    },
)
