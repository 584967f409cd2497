"""Rows that an encoder is trained on: ranking lists as columns of texts. Knows no model and no trainer."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from ...errors import ArgumentError
from ..settings import RankingList

EncoderLoss = Literal["multiple-negatives", "margin-mse", "kl"]
ENCODER_LOSSES: tuple[EncoderLoss, ...] = get_args(EncoderLoss)


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderObjective:
    """What an encoder learns of its lists; a step reads ``passages`` of each.

    With the loss "multiple-negatives" labels are grades: a relevant passage is to come before others of its list, the
    first ones, and before all passages of the other lists of a step. With "margin-mse" and "kl" labels are a teacher's
    scores: by how much the best passage is ahead of each other, or how likely each is the best. ``scale`` is what a
    cosine is multiplied by to be compared. ``mini_batch`` texts are in memory at a time, with the first loss, so that
    a step can have any number of lists; None takes them all at once.

    What is written is the mean of the weights after training and before, those after counting ``average``: the model
    forgets less of what it knew (Wortsman et al., Robust fine-tuning of zero-shot models, CVPR 2022, section 3).
    """

    loss: EncoderLoss = "multiple-negatives"
    passages: int = 4
    scale: float = 20.0
    mini_batch: int | None = None
    average: float = 1.0

    def __post_init__(self) -> None:
        if self.loss not in ENCODER_LOSSES:
            raise ArgumentError(f"loss must be one of {', '.join(ENCODER_LOSSES)}, not {self.loss!r}")
        if self.passages < (1 if self.graded else 2):
            raise ArgumentError(f"passages={self.passages} are too few for {self.loss}: there would be no order")
        if not self.scale > 0:
            raise ArgumentError(f"scale must be above 0, not {self.scale!r}")
        if self.mini_batch is not None and (self.mini_batch < 1 or not self.graded):
            raise ArgumentError(f"mini_batch={self.mini_batch} is for multiple-negatives alone, and at least 1")
        if not 0 < self.average <= 1:
            raise ArgumentError(f"average is a share of the trained weights, above 0 to 1, not {self.average!r}")

    @property
    def graded(self) -> bool:
        """Whether labels are grades, and not a teacher's scores."""
        return self.loss == "multiple-negatives"


@dataclass(frozen=True, slots=True)
class TrainingRow:
    """A query and its passages, the best first; ``scores`` are a teacher's, empty where there is none."""

    query: str
    passages: tuple[str, ...]
    scores: tuple[float, ...] = ()


def training_rows(lists: Sequence[RankingList], objective: EncoderObjective, *, seed: int) -> list[TrainingRow]:
    """All rows of the lists, each with the same number of passages. Raises ``ArgumentError`` where there is none."""
    rows = list(_ranked(lists, objective.passages, seed) if objective.graded else _scored(lists, objective.passages))
    if not rows:
        what = "a relevant passage" if objective.graded else "two passages or more"
        raise ArgumentError(f"none of the {len(lists)} lists has {what}: there is nothing to train on")
    return rows


def _ranked(lists: Sequence[RankingList], passages: int, seed: int) -> Iterator[TrainingRow]:
    """A row for each relevant passage, with the first irrelevant ones; where they are few, with some of other lists."""
    chance = random.Random(seed)
    pool = list(dict.fromkeys(passage for one in lists for passage in one.passages))
    relevant = [{p for p, label in zip(one.passages, one.labels, strict=True) if label > 0} for one in lists]
    others = len(pool) - max(map(len, relevant), default=0)
    if pool and not others:
        raise ArgumentError(
            f"all {len(pool)} passages are relevant to one query: there is none to tell them from; add documents"
        )
    for one, right in zip(lists, relevant, strict=True):
        wrong = list(dict.fromkeys(passage for passage in one.passages if passage not in right))
        wanted = min(passages - 1, others)
        while len(wrong) < wanted:
            if (other := chance.choice(pool)) not in right and other not in wrong:
                wrong.append(other)
        for passage in sorted(right, key=one.passages.index):
            yield TrainingRow(one.query, (passage, *wrong[:wanted]))


def _scored(lists: Sequence[RankingList], passages: int) -> Iterator[TrainingRow]:
    """A row for each list: its best passage by the teacher, and others from all over the rest of the order."""
    ordered = [one for one in lists if len(one.passages) > 1]
    size = min([passages, *(len(one.passages) for one in ordered)])
    for one in ordered:
        order = sorted(range(len(one.passages)), key=lambda place: -one.labels[place])
        chosen = [order[round(step * (len(order) - 1) / (size - 1))] for step in range(size)]
        yield TrainingRow(one.query, tuple(one.passages[i] for i in chosen), tuple(one.labels[i] for i in chosen))
