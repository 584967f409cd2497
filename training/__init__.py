"""Trainers of rerankers, encoders and exits, on ranking lists. Knows no index and no collection."""

from .output_folder import require_new_output, require_same_run, write_atomically
from .record import QUALITY, Evaluated, TrainingRecord
from .settings import (
    CHECKPOINTS,
    RankingList,
    TrainingDtype,
    TrainingProgress,
    TrainingSettings,
    Watch,
    is_main_process,
    main_process_first,
    require_training_packages,
    training_device,
)

__all__ = [
    "CHECKPOINTS",
    "QUALITY",
    "Evaluated",
    "RankingList",
    "TrainingDtype",
    "TrainingProgress",
    "TrainingRecord",
    "TrainingSettings",
    "Watch",
    "is_main_process",
    "main_process_first",
    "require_new_output",
    "require_same_run",
    "require_training_packages",
    "training_device",
    "write_atomically",
]
