"""Turns ranking lists into the rows that an encoder is trained on."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...errors import ArgumentError
from ..ranking_list import RankingList
from .encoder_objective import EncoderObjective


@dataclass(frozen=True, slots=True)
class TrainingRow:
    """A query and its passages, the best first; ``scores`` are a teacher's, empty if there is none."""

    query: str
    passages: tuple[str, ...]
    scores: tuple[float, ...] = ()


def training_rows(lists: Sequence[RankingList], objective: EncoderObjective, *, seed: int) -> list[TrainingRow]:
    """Return the rows of all lists, each with the same number of passages; raise ``ArgumentError`` if there is none."""
    rows = list(_ranked(lists, objective.passages, seed) if objective.graded else _scored(lists, objective.passages))
    if not rows:
        needed = "a relevant passage" if objective.graded else "two passages or more"
        raise ArgumentError(f"none of the {len(lists)} lists has {needed}: there is nothing to train on")
    return rows


def _ranked(lists: Sequence[RankingList], passages: int, seed: int) -> Iterator[TrainingRow]:
    """A row for each relevant passage, with the first irrelevant ones, filled up with random ones of other lists."""
    chance = random.Random(seed)
    pool = list(dict.fromkeys(passage for item in lists for passage in item.passages))
    relevant = [{p for p, label in zip(item.passages, item.labels, strict=True) if label > 0} for item in lists]
    others = len(pool) - max(map(len, relevant), default=0)
    if pool and not others:
        raise ArgumentError(
            f"all {len(pool)} passages are relevant to one query, so there are no negatives: add documents"
        )
    for item, right in zip(lists, relevant, strict=True):
        wrong = list(dict.fromkeys(passage for passage in item.passages if passage not in right))
        negatives = min(passages - 1, others)
        while len(wrong) < negatives:
            if (other := chance.choice(pool)) not in right and other not in wrong:
                wrong.append(other)
        for passage in sorted(right, key=item.passages.index):
            yield TrainingRow(item.query, (passage, *wrong[:negatives]))


def _scored(lists: Sequence[RankingList], passages: int) -> Iterator[TrainingRow]:
    """A row for each list: the best passage by the teacher, and others evenly spaced over the rest of the order."""
    ordered = [item for item in lists if len(item.passages) > 1]
    size = min([passages, *(len(item.passages) for item in ordered)])
    for item in ordered:
        order = sorted(range(len(item.passages)), key=lambda position: -item.labels[position])
        chosen = [order[round(step * (len(order) - 1) / (size - 1))] for step in range(size)]
        yield TrainingRow(item.query, tuple(item.passages[i] for i in chosen), tuple(item.labels[i] for i in chosen))
