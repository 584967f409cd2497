"""Fair timing: what is compared runs in turn, in an order that changes, and ratios are of neighbours in time."""

import sys
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import Generic, TypeVar

import numpy as np

Item = TypeVar("Item")
Result = TypeVar("Result")
PERCENTILES = (50, 95, 99)


class Taken(Generic[Result]):
    """Seconds and results of each of the compared, by item: figure ``i`` of all of them is of the same item."""

    def __init__(self, names: Sequence[str]) -> None:
        self.seconds: dict[str, list[float]] = {name: [] for name in names}
        self.results: dict[str, list[Result]] = {name: [] for name in names}


def in_turn(
    compared: Mapping[str, Callable[[Item], Result]],
    rounds: Sequence[Sequence[Item]],
    *,
    note: str,
    warm_up: bool = True,
    clock: Callable[[], float] = perf_counter,
) -> Taken[Result]:
    """Give each item of each round to all, one after the other; the order is drawn for each item.

    With ``warm_up`` the first item goes to all of them once beforehand, untimed. ``clock`` gives seconds.
    """
    taken: Taken[Result] = Taken(list(compared))
    chance = np.random.default_rng(0)
    for call in compared.values() if warm_up else ():
        call(rounds[0][0])
    for number, items in enumerate(rounds, start=1):
        for item in items:
            for place in chance.permutation(len(compared)).tolist():
                name = list(compared)[place]
                began = clock()
                result = compared[name](item)
                taken.seconds[name].append(clock() - began)
                taken.results[name].append(result)
        print(f"  {note}: round {number} of {len(rounds)}", file=sys.stderr, flush=True)
    return taken


def percentiles_ms(seconds: Sequence[float]) -> dict[str, float]:
    """``p50_ms`` and so on."""
    return {f"p{p}_ms": float(np.percentile(seconds, p)) * 1e3 for p in PERCENTILES}


def ratio(of: Sequence[float], to: Sequence[float]) -> float:
    """The median of one figure by another of the same item or round."""
    return float(np.median(np.divide(of, to)))


def slices(items: Sequence[Item], *, rounds: int, each: int) -> list[list[Item]]:
    """For each round its own items, as far as they reach; then they come again."""
    return [[items[(number * each + i) % len(items)] for i in range(each)] for number in range(rounds)]
