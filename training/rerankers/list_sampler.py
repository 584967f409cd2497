"""Samples ranking lists and their passages for training.

A draw depends on its number and a seed alone, so that training can go on anywhere.
"""

import functools
import logging
import random
from collections.abc import Sequence

from ...errors import ArgumentError
from ..settings import RankingList
from .reranker_method import RerankerMethod, Sampling

logger = logging.getLogger("bicross")


def usable_lists(lists: Sequence[RankingList], method: RerankerMethod) -> list[RankingList]:
    """The lists that have something to tell apart; raises ``ArgumentError`` where none has, or a text is empty."""
    if not lists:
        raise ArgumentError("there are no lists to train on")
    for item in lists:
        if not item.query.strip() or not all(passage.strip() for passage in item.passages):
            raise ArgumentError(f"the list of {item.query[:60]!r} has an empty text")
    if method.prior_weight and not all(item.prior for item in lists):
        raise ArgumentError("a prior weight takes lists with prior scores")
    if method.loss == "margin-mse":
        usable = [item for item in lists if len(item.passages) > 1]
    else:
        for what, wanted in (("positive", True), ("negative", False)):
            if not any((label > 0) == wanted for item in lists for label in item.labels):
                raise ArgumentError(f"no list has a {what} passage: there is nothing to tell apart")
        usable = [item for item in lists if any(y > 0 for y in item.labels) and any(y <= 0 for y in item.labels)]
    if not usable:
        raise ArgumentError("no list has a positive and a negative passage: there is nothing to tell apart")
    if len(usable) < len(lists):
        logger.info(
            "%d of %d lists have one kind of passage alone, and are left out", len(lists) - len(usable), len(lists)
        )
    return usable


class ListSampler:
    """Lists in a new order each epoch, of each a few passages; draw ``n`` is the same whenever it is asked for."""

    def __init__(self, lists: Sequence[RankingList], sampling: Sampling, *, seed: int, by_teacher: bool) -> None:
        """``by_teacher``: labels are a teacher's scores, of which the highest counts as the positive."""
        self._lists, self._sampling, self._seed, self._by_teacher = lists, sampling, seed, by_teacher
        self._order = functools.lru_cache(maxsize=2)(self._shuffled)

    def __getitem__(self, number: int) -> RankingList:
        """The list of draw ``number``, positives first."""
        epoch, place = divmod(number, len(self._lists))
        row = self._order(epoch)[place]
        return self._drawn(self._lists[row], random.Random(f"{self._seed} {epoch} {row}"))

    def _shuffled(self, epoch: int) -> list[int]:
        order = list(range(len(self._lists)))
        random.Random(f"{self._seed} {epoch}").shuffle(order)
        return order

    def _drawn(self, item: RankingList, rng: random.Random) -> RankingList:
        rows, sampling = range(len(item.passages)), self._sampling
        if self._by_teacher:
            positives = [max(rows, key=item.labels.__getitem__)]
        else:
            positives = [row for row in rows if item.labels[row] > 0]
        others = [row for row in rows if row not in positives]
        chosen = _some(positives, sampling.positives, rng)
        hard, rest = others[: sampling.hard_depth], others[sampling.hard_depth :]
        chosen += _some(hard, sampling.hard, rng) + _some(rest, sampling.other, rng)
        if self._by_teacher:  # all of one length, which the loss asks for
            length = 1 + sampling.hard + sampling.other
            chosen += rng.choices(others, k=length - len(chosen))
        return RankingList(
            item.query,
            tuple(item.passages[row] for row in chosen),
            tuple(item.labels[row] for row in chosen),
            tuple(item.prior[row] for row in chosen) if item.prior else (),
        )


def _some(rows: list[int], number: int, rng: random.Random) -> list[int]:
    return rng.sample(rows, min(number, len(rows)))
