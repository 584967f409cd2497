"""Draws pairs for training, those of a step of similar length, because padding costs time.

A draw depends only on its number and the seed, so that a training can be resumed at any step.
"""

import functools
import random
from collections.abc import Sequence

from .method import JudgedPair

STEPS_SORTED = 20
"""The pairs of so many steps are sorted by length; more would make steps of one epoch too much alike."""


class PairSampler:
    """Draws each pair once in an epoch; draw ``n`` is always the same.

    Args:
        pairs: The pairs.
        per_step: The pairs of a step.
        seed: Random seed.
        both_orders: Whether every other time a pair is drawn with its texts exchanged.
    """

    def __init__(self, pairs: Sequence[JudgedPair], *, per_step: int, seed: int, both_orders: bool) -> None:
        self._pairs, self._per_step, self._seed, self._both_orders = pairs, per_step, seed, both_orders
        self._order = functools.lru_cache(maxsize=2)(self._drawn)

    def __getitem__(self, number: int) -> JudgedPair:
        """Return draw ``number``."""
        epoch, position = divmod(number, len(self._pairs))
        row = self._order(epoch)[position]
        pair = self._pairs[row]
        exchanged = self._both_orders and (random.Random(f"{self._seed} {row}").random() < 0.5) == (epoch % 2 == 0)
        return JudgedPair(pair.second, pair.first, pair.target) if exchanged else pair

    def _drawn(self, epoch: int) -> list[int]:
        rng = random.Random(f"{self._seed} {epoch}")
        rows = list(range(len(self._pairs)))
        rng.shuffle(rows)
        size = STEPS_SORTED * self._per_step
        steps: list[list[int]] = []
        for start in range(0, len(rows), size):
            part = sorted(rows[start : start + size], key=self._length)
            steps += [part[begin : begin + self._per_step] for begin in range(0, len(part), self._per_step)]
        last = [steps.pop()] if steps and len(steps[-1]) < self._per_step else []
        rng.shuffle(steps)
        return [row for step in [*steps, *last] for row in step]

    def _length(self, row: int) -> int:
        return len(self._pairs[row].first) + len(self._pairs[row].second)
