"""What a bi-encoder is trained to do: the loss, the passages of a step, weight averaging."""

import sys
from dataclasses import dataclass
from typing import Literal, get_args

from ...errors import ArgumentError
from ...errors.arguments import checked_choice, checked_count, checked_number, checked_positive

EncoderLoss = Literal["multiple-negatives", "margin-mse", "kl"]
ENCODER_LOSSES: tuple[EncoderLoss, ...] = get_args(EncoderLoss)


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderObjective:
    """What an encoder learns from its lists.

    Weight averaging (WiSE-FT: Wortsman et al., Robust fine-tuning of zero-shot models, CVPR 2022, section 3) keeps more
    of what the model knew before training.

    Args:
        loss: "multiple-negatives" takes labels as grades: a relevant passage is to score above the first others of its
            list, and above all passages of the other lists of the step. "margin-mse" and "kl" take labels as a
            teacher's scores: they learn the differences to the best passage, or the softmax over the list.
        passages: Passages of each list that a step uses, the best one among them.
        scale: The factor of the cosines in the loss.
        mini_batch: Texts in memory at a time, for "multiple-negatives"; None: all of a step.
        average: The saved weights are this share of the trained ones plus the rest of the original ones.

    Raises:
        ArgumentError: A value is out of its range, or does not fit the loss.
    """

    loss: EncoderLoss = "multiple-negatives"
    passages: int = 4
    scale: float = 20.0
    mini_batch: int | None = None
    average: float = 1.0

    def __post_init__(self) -> None:
        checked_choice(self.loss, "loss", ENCODER_LOSSES)
        if checked_count(self.passages, "passages", least=0) < (1 if self.graded else 2):
            raise ArgumentError(
                f"passages={self.passages} are too few for {self.loss}: use more, or there is no order to learn"
            )
        checked_positive(self.scale, "scale")
        if self.mini_batch is not None:
            checked_count(self.mini_batch, "mini_batch")
            if not self.graded:
                raise ArgumentError(
                    f"mini_batch={self.mini_batch} is only for the loss multiple-negatives, not {self.loss}"
                )
        if not 0 < checked_number(self.average, "average", -sys.float_info.max, sys.float_info.max) <= 1:
            raise ArgumentError(f"average must be from above 0 to 1, not {self.average!r}")

    @property
    def graded(self) -> bool:
        """Whether labels are grades and not a teacher's scores."""
        return self.loss == "multiple-negatives"
