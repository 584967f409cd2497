"""How a reranker is trained: the loss, the trained parameters, and the passages that a step uses."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError
from ...errors.arguments import (
    checked_choice,
    checked_flag,
    checked_instance,
    checked_items,
    checked_number,
)
from ...rerank import Pair
from ..settings import LoraSettings

LossName = Literal["listwise", "binary", "lambda", "margin-mse"]

ScorePairs = Callable[[Sequence[Pair]], NDArray[np.float32]]
"""Scores pairs of a query and a passage; returns logits of shape (pairs,)."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which passages of a list a step uses; if there are fewer, all of them.

    Args:
        positives: Relevant passages, at most.
        hard: Negatives from the first ``hard_depth``.
        other: Negatives from the rest.
        hard_depth: How many of the first negatives count as hard.
    """

    positives: int = 1
    hard: int = 3
    other: int = 2
    hard_depth: int = 15

    def __post_init__(self) -> None:
        for name in ("positives", "hard", "other", "hard_depth"):
            checked_instance(getattr(self, name), int, name)
        if self.positives < 1 or min(self.hard, self.other, self.hard_depth) < 0 or self.hard + self.other < 1:
            raise ArgumentError(f"sampling needs at least a positive and a negative passage of a list, not {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RerankerMethod:
    """How to train a reranker.

    Args:
        loss: "listwise" is the cross-entropy over the passages of a list, "binary" that of each pair, "lambda" is
            LambdaLoss; "margin-mse" learns the differences of a teacher's scores, which are the labels then.
        lora: The adapters to train; None trains all parameters.
        graded: For "listwise": relevant passages weigh 2^grade - 1 instead of 1.
        prior_weight: For "listwise": the weight of the prior scores of a list, which are added to the model's scores,
            so that it learns what the first stage does not know.
        exits: For "listwise": the layers, counted from 1, after which an exit head learns the scores of the last
            layer, so that a cascade can stop there.
        sampling: Which passages of a list a step uses.

    Raises:
        ArgumentError: The loss is unknown, or does not take an option.
    """

    loss: LossName = "listwise"
    lora: LoraSettings | None = field(default_factory=LoraSettings)
    graded: bool = False
    prior_weight: float = 0.0
    exits: tuple[int, ...] = ()
    sampling: Sampling = Sampling()

    def __post_init__(self) -> None:
        checked_choice(self.loss, "loss", get_args(LossName))
        if self.lora is not None:
            checked_instance(self.lora, LoraSettings, "lora")
        checked_flag(self.graded, "graded")
        checked_number(self.prior_weight, "prior_weight", -sys.float_info.max, sys.float_info.max)
        for layer in checked_items(self.exits, "exits", "layers"):
            checked_instance(layer, int, "each of exits")
        checked_instance(self.sampling, Sampling, "sampling")
        if self.loss != "listwise" and (self.graded or self.prior_weight or self.exits):
            raise ArgumentError(
                f"graded targets, a prior weight and exits are for the listwise loss, not for {self.loss!r}"
            )
