"""The settings of a training run, and what is known of its progress."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

from ..errors import ArgumentError
from ..errors.arguments import checked_choice, checked_count, checked_number, checked_path, checked_positive

TrainingDtype = Literal["float32", "bfloat16"]
CHECKPOINTS = "checkpoints"
"""The folder, inside the output folder, that a run uses until it is finished."""
_DEVICES = ("cpu", "cuda", "mps")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings:
    """How to train.

    Args:
        output: The folder of the model. Its subfolder ``checkpoints`` holds the state of an unfinished run.
        learning_rate: The highest learning rate; it rises during the warm-up and then falls to 0.
        epochs: How often each list is used.
        max_steps: Maximum number of steps; overrides ``epochs``.
        lists_per_step: Lists in a step, on each GPU.
        warmup_share: The share of the steps in which the learning rate rises.
        evaluate_every: Steps between evaluations; a checkpoint is written at each.
        patience: Training stops after this many evaluations without a gain.
        seed: Random seed.
        dtype: The number format of autocast.
        device: "cpu", "cuda" or "mps"; None takes the fastest.
        max_length: Maximum tokens of a pair or a text.

    Raises:
        ArgumentError: A value is out of its range.
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
        object.__setattr__(self, "output", checked_path(self.output, "output"))
        for name in ("epochs", "learning_rate"):
            checked_positive(getattr(self, name), name)
        for name in ("lists_per_step", "evaluate_every", "patience", "max_length"):
            checked_count(getattr(self, name), name)
        if self.max_steps is not None:
            checked_count(self.max_steps, "max_steps")
        if checked_number(self.warmup_share, "warmup_share", 0, 1) == 1:
            raise ArgumentError(f"warmup_share must be from 0 to below 1, not {self.warmup_share!r}")
        checked_count(self.seed, "seed", least=0)
        checked_choice(self.dtype, "dtype", get_args(TrainingDtype))
        if self.device is not None and (
            not isinstance(cast("object", self.device), str) or self.device not in _DEVICES
        ):
            raise ArgumentError(
                f"device must be cpu, cuda or mps, not {self.device!r}; "
                "choose one of several GPUs with CUDA_VISIBLE_DEVICES, or use them all with torchrun"
            )


@dataclass(frozen=True, slots=True)
class LoraSettings:
    """Low-rank adapters (LoRA) on each linear layer of the encoder.

    Args:
        rank: The rank of the adapters.
        scale: The factor of what an adapter adds to its layer.
    """

    rank: int = 32
    scale: float = 2.0

    def __post_init__(self) -> None:
        checked_count(self.rank, "the LoRA rank")
        checked_positive(self.scale, "the LoRA scale")


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """How far a training is; ``loss`` is the mean of the last few steps, ``quality`` that of the last evaluation."""

    step: int
    steps: int
    loss: float | None
    quality: float | None


Watch = Callable[[TrainingProgress], None]
"""Called after each step."""
