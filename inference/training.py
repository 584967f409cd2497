"""What training a reranker and training an encoder share: data, settings, checkpoints. Knows no loss and no index."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..errors import ArgumentError

TrainingDtype = Literal["float32", "bfloat16"]
CHECKPOINTS = "checkpoints"


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
    ``max_length`` the tokens of a pair or text.
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
            if not getattr(self, name) > 0:
                raise ArgumentError(f"{name} must be above 0, not {getattr(self, name)!r}")
        if self.max_steps is not None and self.max_steps < 1:
            raise ArgumentError(f"max_steps must be at least 1, not {self.max_steps!r}")
        if not 0 <= self.warmup_share < 1:
            raise ArgumentError(f"warmup_share must be from 0 to below 1, not {self.warmup_share!r}")
