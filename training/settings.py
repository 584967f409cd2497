"""What training a reranker and training an encoder share: lists, settings, processes. Knows no loss and no index.

What needs the extra ``train`` is imported inside of functions: the records here are for everyone.
"""

import importlib.util
import logging
import math
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..errors import ArgumentError, TrainingError

TrainingDtype = Literal["float32", "bfloat16"]
CHECKPOINTS = "checkpoints"
_DEVICES = (None, "cpu", "cuda", "mps")


@dataclass(frozen=True, slots=True)
class RankingList:
    """A query and passages to be ordered for it.

    ``labels`` has a number for each passage: a grade, of which 0 is not relevant, or a teacher's score. ``prior`` has
    the scores of stage one that the reranker's are going to be added to; empty: none.
    """

    query: str
    passages: tuple[str, ...]
    labels: tuple[float, ...]
    prior: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if len(self.labels) != len(self.passages) or len(self.prior) not in (0, len(self.passages)):
            raise ArgumentError(
                f"the list of {self.query[:60]!r} has {len(self.passages)} passages, {len(self.labels)} labels and "
                f"{len(self.prior)} prior scores; it takes a label for each passage, and as many prior scores or none"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings:
    """How to train. ``output`` is the folder of the model; its folder ``checkpoints`` is used while it trains.

    ``max_steps`` takes the place of ``epochs``. Every ``evaluate_every`` steps the model is evaluated, and a checkpoint
    is written; after ``patience`` evaluations without a gain training stops. ``dtype`` is what autocast calculates in,
    ``max_length`` the tokens of a pair or text. Raises ``ArgumentError`` for what cannot be.
    """

    output: Path
    learning_rate: float
    epochs: float = 1.0
    max_steps: int | None = None
    lists_per_step: int = 8
    warmup_share: float = 0.05
    evaluate_every: int = 200
    patience: int = 5
    seed: int = 0
    dtype: TrainingDtype = "float32"
    device: str | None = None
    max_length: int = 256

    def __post_init__(self) -> None:
        for name in ("epochs", "lists_per_step", "evaluate_every", "patience", "learning_rate", "max_length"):
            if not 0 < getattr(self, name) < math.inf:
                raise ArgumentError(f"{name} must be above 0, not {getattr(self, name)!r}")
        if self.max_steps is not None and self.max_steps < 1:
            raise ArgumentError(f"max_steps must be at least 1, not {self.max_steps!r}")
        if not 0 <= self.warmup_share < 1:
            raise ArgumentError(f"warmup_share must be from 0 to below 1, not {self.warmup_share!r}")
        if self.dtype not in ("float32", "bfloat16"):
            raise ArgumentError(f"training calculates in float32 or bfloat16, not {self.dtype!r}")
        if self.device not in _DEVICES:
            raise ArgumentError(
                f"training takes the device cpu, cuda or mps, not {self.device!r}; "
                "CUDA_VISIBLE_DEVICES says which of several GPUs, and torchrun takes them all"
            )


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """How far a training is. ``loss`` is the mean of the last few steps, ``quality`` of the last evaluation."""

    step: int
    steps: int
    loss: float | None
    quality: float | None


Watch = Callable[[TrainingProgress], None]
"""Called after each step."""


def require_training_packages() -> None:
    """Raise ``TrainingError`` where the extra ``train`` is not installed."""
    missing = [package for package in ("accelerate", "datasets") if importlib.util.find_spec(package) is None]
    if missing:
        raise TrainingError(f"training needs {' and '.join(missing)}: pip install 'bicross[train]'")


def is_main_process() -> bool:
    """Whether this process writes and shows: the only one, or the first of those that torchrun started."""
    return os.environ.get("RANK", "0") == "0"


def training_device(settings: TrainingSettings) -> str:
    """What a training runs on: "cpu", "cuda", "mps"; ``ArgumentError`` where what was asked for is not there."""
    import torch

    there: Any = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    fastest = "cpu" if there is None else str(there.type)
    if settings.device not in (None, "cpu", fastest):
        raise ArgumentError(f"the device {settings.device!r} cannot be used here; there is {fastest!r}")
    return settings.device or fastest


def processes() -> int:
    """How many take part in the training."""
    return int(os.environ.get("WORLD_SIZE", "1"))


@contextmanager
def main_process_first() -> Generator[None]:
    """What is done here is done by the main process, and then by those that torchrun started beside it."""
    if processes() == 1:
        yield
        return
    from accelerate import PartialState

    with PartialState().main_process_first():
        yield


@contextmanager
def quiet() -> Generator[None]:
    """Nothing on the terminal from the libraries that train: no bars, no notes. As it was, afterwards."""
    import datasets
    from transformers.utils import logging as transformers_logging

    sentence_transformers: Any = logging.getLogger("sentence_transformers")
    transformers: Any = transformers_logging
    before = (transformers.get_verbosity(), sentence_transformers.level, transformers.is_progress_bar_enabled())
    bars = datasets.are_progress_bars_disabled()
    transformers.set_verbosity_error()
    transformers.disable_progress_bar()
    sentence_transformers.setLevel(logging.ERROR)
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        transformers.set_verbosity(before[0])
        sentence_transformers.setLevel(before[1])
        if before[2]:
            transformers.enable_progress_bar()
        if not bars:
            datasets.enable_progress_bars()
