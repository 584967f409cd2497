"""Samples ranking lists and their passages for training.

A sample depends only on its number and the seed, so that a training can be resumed at any step.
"""

import functools
import logging
import random
from collections.abc import Sequence

from ...errors import ArgumentError
from ..ranking_list import RankingList
from .reranker_method import RerankerMethod, Sampling

logger = logging.getLogger("bicross")


def usable_lists(lists: Sequence[RankingList], method: RerankerMethod) -> list[RankingList]:
    """Return the lists that the loss can learn from: those with a positive and a negative passage.

    Raises:
        ArgumentError: There is no such list, a text is empty, or prior scores are missing.
    """
    if not lists:
        raise ArgumentError("there are no lists to train on: give at least one")
    _require_texts(lists)
    if method.prior_weight and not all(item.prior for item in lists):
        raise ArgumentError("prior_weight takes lists with prior scores: give them, or leave prior_weight at 0")
    if method.loss == "margin-mse":
        usable = [item for item in lists if len(item.passages) > 1]
    else:
        usable = [item for item in lists if _has_positive(item) and _has_negative(item)]
        if not usable:
            _require_both_kinds(lists)
    if not usable:
        raise ArgumentError("no list has a positive and a negative passage: there is nothing to learn")
    if len(usable) < len(lists):
        logger.info(
            "%d of %d lists are left out: they have only one kind of passage", len(lists) - len(usable), len(lists)
        )
    return usable


def _require_texts(lists: Sequence[RankingList]) -> None:
    for item in lists:
        if not item.query.strip() or not all(passage.strip() for passage in item.passages):
            raise ArgumentError(f"the list of {item.query[:60]!r} has an empty text: remove it")


def _require_both_kinds(lists: Sequence[RankingList]) -> None:
    if not any(map(_has_positive, lists)):
        raise ArgumentError("no list has a positive passage: there is nothing to learn")
    if not any(map(_has_negative, lists)):
        raise ArgumentError("no list has a negative passage: there is nothing to learn")


def _has_positive(item: RankingList) -> bool:
    return any(label > 0 for label in item.labels)


def _has_negative(item: RankingList) -> bool:
    return any(label <= 0 for label in item.labels)


class ListSampler:
    """Samples a few passages of each list, in a new order each epoch; sample ``n`` is always the same."""

    def __init__(self, lists: Sequence[RankingList], sampling: Sampling, *, seed: int, by_teacher: bool) -> None:
        """Set ``by_teacher`` if labels are a teacher's scores: the highest counts as the positive."""
        self._lists, self._sampling, self._seed, self._by_teacher = lists, sampling, seed, by_teacher
        self._order = functools.lru_cache(maxsize=2)(self._shuffled)

    def __getitem__(self, number: int) -> RankingList:
        """Return sample ``number``: a list with the sampled passages, positives first."""
        epoch, position = divmod(number, len(self._lists))
        row = self._order(epoch)[position]
        return self._sampled(self._lists[row], random.Random(f"{self._seed} {epoch} {row}"))

    def _shuffled(self, epoch: int) -> list[int]:
        order = list(range(len(self._lists)))
        random.Random(f"{self._seed} {epoch}").shuffle(order)
        return order

    def _sampled(self, item: RankingList, rng: random.Random) -> RankingList:
        rows, sampling = range(len(item.passages)), self._sampling
        if self._by_teacher:
            positives = [max(rows, key=item.labels.__getitem__)]
        else:
            positives = [row for row in rows if item.labels[row] > 0]
        others = [row for row in rows if row not in positives]
        chosen = _sample(positives, sampling.positives, rng)
        hard, other_negatives = others[: sampling.hard_depth], others[sampling.hard_depth :]
        chosen += _sample(hard, sampling.hard, rng) + _sample(other_negatives, sampling.other, rng)
        if self._by_teacher:  # the loss takes lists of the same length
            length = 1 + sampling.hard + sampling.other
            chosen += rng.choices(others, k=length - len(chosen))
        return RankingList(
            item.query,
            tuple(item.passages[row] for row in chosen),
            tuple(item.labels[row] for row in chosen),
            tuple(item.prior[row] for row in chosen) if item.prior else (),
        )


def _sample(rows: list[int], number: int, rng: random.Random) -> list[int]:
    return rng.sample(rows, min(number, len(rows)))
