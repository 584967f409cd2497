"""Fair timing: all candidates run in turn, in changing order, and ratios compare runs that follow each other."""

import sys
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import Generic, TypeVar

import numpy as np

Item = TypeVar("Item")
Result = TypeVar("Result")
PERCENTILES = (50, 95, 99)


class Taken(Generic[Result]):
    """Seconds and results by name. Entry ``i`` of every name belongs to the same item."""

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
    """Give every item to all functions, one after the other, in an order drawn for each item.

    Args:
        compared: The functions by name.
        rounds: The items of each round.
        note: What the progress lines on stderr begin with.
        warm_up: Give the first item to all functions once before timing.
        clock: Returns seconds.
    """
    taken: Taken[Result] = Taken(list(compared))
    chance = np.random.default_rng(0)
    for call in compared.values() if warm_up else ():
        call(rounds[0][0])
    for number, items in enumerate(rounds, start=1):
        for item in items:
            for position in chance.permutation(len(compared)).tolist():
                name = list(compared)[position]
                began = clock()
                result = compared[name](item)
                taken.seconds[name].append(clock() - began)
                taken.results[name].append(result)
        print(f"  {note}: round {number} of {len(rounds)}", file=sys.stderr, flush=True)
    return taken


def percentiles_ms(seconds: Sequence[float]) -> dict[str, float]:
    """Return the percentiles as ``p50_ms``, ``p95_ms`` and ``p99_ms``."""
    return {f"p{p}_ms": float(np.percentile(seconds, p)) * 1e3 for p in PERCENTILES}


def ratio(of: Sequence[float], to: Sequence[float]) -> float:
    """Return the median of the ratios of figures that belong to the same item or round."""
    return float(np.median(np.divide(of, to)))


def slices(items: Sequence[Item], *, rounds: int, each: int) -> list[list[Item]]:
    """Return ``each`` items for every round, each round its own; when they run out, they start again."""
    return [[items[(number * each + i) % len(items)] for i in range(each)] for number in range(rounds)]
