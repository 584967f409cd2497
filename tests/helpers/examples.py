"""How many of its cases a test tries: all in a thorough run, a quarter in ``make test``, fewer in ``make quick``.

A run is thorough where the environment has ``BICROSS_THOROUGH=1``; see conftest.py.
"""

import random
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

from hypothesis import settings

ALL = 100
"""Examples of each property in a thorough run, unless the test sets a number; the other profiles try fewer."""

Item = TypeVar("Item")


def thorough() -> bool:
    """Whether everything is to be tried."""
    return settings.default.max_examples >= ALL


def examples(number: int) -> int:
    """``number`` of them in a thorough run, else the share that the profile in use has, but not only a handful."""
    most = settings.default.max_examples
    return max(1, number * most // ALL, min(number, 2 * most // 5))


def some_of_each(
    items: Sequence[Item], kind: Callable[[Item], Hashable], *, most: int | None, seed: object
) -> list[Item]:
    """At most ``most`` items of each kind, drawn by the seed, in their order; all where ``most`` is None."""
    if most is None:
        return list(items)
    chance, kinds = random.Random(repr(seed)), dict[Hashable, list[int]]()
    for number, item in enumerate(items):
        kinds.setdefault(kind(item), []).append(number)
    drawn = [n for numbers in kinds.values() for n in chance.sample(numbers, min(most, len(numbers)))]
    return [items[number] for number in sorted(drawn)]
