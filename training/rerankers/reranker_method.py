"""How a reranker is trained: which loss, which parameters, which passages of each list. Knows no model and no data."""

from dataclasses import dataclass
from typing import Literal, get_args

from ...errors import ArgumentError

LossName = Literal["listwise", "binary", "lambda", "margin-mse"]


@dataclass(frozen=True, slots=True)
class LoraSettings:
    """Adapters of this rank on each linear layer of the encoder; ``scale`` multiplies what they add."""

    rank: int = 32
    scale: float = 2.0

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise ArgumentError(f"the rank of adapters must be at least 1, not {self.rank!r}")


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which passages of a list are read each time that it is drawn.

    So many ``positives`` at most, ``hard`` of the first ``hard_depth`` others, and ``other`` of the rest; where there
    are too few of one kind, as many as there are.
    """

    positives: int = 1
    hard: int = 3
    other: int = 2
    hard_depth: int = 15

    def __post_init__(self) -> None:
        if self.positives < 1 or min(self.hard, self.other, self.hard_depth) < 0 or self.hard + self.other < 1:
            raise ArgumentError(f"a list needs a positive and a negative passage at least, not {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RerankerMethod:
    """How to train a reranker.

    ``loss`` is "listwise" (cross-entropy over the passages of a list), "binary" (each pair for itself), "lambda"
    (LambdaLoss), or "margin-mse" (differences of a teacher's scores, which are the labels then). ``lora=None``
    trains all parameters. For "listwise", ``graded`` spreads the target over the positives by 2^grade - 1 in place of
    evenly, and ``prior_weight`` adds the prior scores of a list so many times to the model's, so that it learns what
    stage one does not know; and after each of the layers ``exits``, counted from 1, a head learns what the last one
    says, so that a cascade can stop there.
    """

    loss: LossName = "listwise"
    lora: LoraSettings | None = LoraSettings()
    graded: bool = False
    prior_weight: float = 0.0
    exits: tuple[int, ...] = ()
    sampling: Sampling = Sampling()

    def __post_init__(self) -> None:
        if self.loss not in get_args(LossName):
            raise ArgumentError(f"the loss must be one of {', '.join(get_args(LossName))}, not {self.loss!r}")
        if self.loss != "listwise" and (self.graded or self.prior_weight or self.exits):
            raise ArgumentError(
                f"graded targets, a prior weight and exits are for the listwise loss, not for {self.loss!r}"
            )
