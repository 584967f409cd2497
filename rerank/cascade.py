"""Early exit: after some layers only the best candidates of each query are read on. Knows no model and no text.

Heads on early layers of a model that learned what its last one says are Xin et al. 2020 ("DeeBERT", arXiv 2004.12993);
candidates of one query that compete for the later layers are Soldaini and Moschitti 2020 ("The Cascade Transformer",
arXiv 2005.02534).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentError, ModelError

Cascade = Sequence[tuple[int, int]]
"""After layer ``a``, counted from 1, the best ``b`` candidates of each query are read on: [(3, 30), (4, 10)]."""
Rows = NDArray[np.int64]
Logits = NDArray[np.float32]
Read = Callable[[int, Rows], Logits]
"""The logits of those rows after a layer; 0 is the last. Layers grow, and rows become fewer, from call to call."""
Rate = Callable[[Rows, Logits], NDArray[np.float64]]
"""Given the numbers of pairs and their logits, what the pairs are ordered by. All pairs of a query come together."""
STATE_TOKENS = 65536
"""Tokens of the queries that are read side by side: all of their states are in memory."""


@dataclass(frozen=True, slots=True)
class CascadeScores:
    """What is known of each pair, all of shape (pairs,).

    ``stopped`` is the layer after which a pair stopped, 0 where it was read to the end; ``logits`` are the model's own
    where it is 0, else those of that exit, which only resemble them. ``exits`` has by layer the logits of that exit,
    NaN where it was not asked for.
    """

    logits: Logits
    stopped: Rows
    exits: Mapping[int, Logits]


def check_cascade(cascade: Cascade) -> tuple[tuple[int, int], ...]:
    """The stages, or ``ArgumentError`` where they are not pairs of numbers, layers growing and candidates falling."""
    stages = tuple((layer, keep) for layer, keep in map(_stage, cascade))
    for before, after in pairwise(stages):
        if not (before[0] < after[0] and before[1] > after[1]):
            raise ArgumentError(
                f"cascade={list(stages)}: each stage needs a later layer and fewer candidates than the one before, "
                f"and {after} comes after {before}"
            )
    return stages


def _stage(stage: object) -> tuple[int, int]:
    if not isinstance(stage, tuple | list) or len(stage) != 2 or not all(type(n) is int and n >= 1 for n in stage):  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        raise ArgumentError(f"a cascade is a list of (layer, candidates), as in [(3, 30), (4, 10)]; not {stage!r:.80}")
    return stage[0], stage[1]  # pyright: ignore[reportUnknownVariableType]


def require_exits(stages: Cascade, exits: Collection[int], model: str) -> None:
    """Raise ``ModelError`` where the model has no head for the layer of a stage."""
    missing = [layer for layer, _ in stages if layer not in exits]
    if missing:
        known = f"exits after the layers {', '.join(map(str, exits))} only" if exits else "no exits"
        layers = ",".join(str(layer) for layer in sorted({*missing, *exits}))
        raise ModelError(
            f"cascade={list(stages)} stops after layer {missing[0]}, and {model} has {known}: "
            f"train them with `bicross train exits --layers {layers}`"
        )


def in_stages(queries: Sequence[str], stages: Cascade, read: Read, *, rate: Rate | None = None) -> CascadeScores:
    """Read pairs, of which ``queries`` are the queries; those with the same text compete with each other.

    ``rate`` says who goes on, the highest; None takes the logits. Equals keep the order of the pairs. Raises
    ``ModelError`` for logits of an exit that are not finite.
    """
    alive: Rows = np.arange(len(queries))
    everyone, owners = alive, _numbered(queries)
    logits, stopped = np.zeros(len(queries), np.float32), np.zeros(len(queries), np.int64)
    exits: dict[int, Logits] = {}
    for layer, keep in stages:
        if len(alive) == 0 or np.bincount(owners[alive]).max() <= keep:
            continue  # nobody would stop
        logits[alive] = found = read(layer, alive)
        if not np.isfinite(found).all():
            query = queries[int(alive[~np.isfinite(found)][0])]
            raise ModelError(f"the exit after layer {layer} gave a score that is not finite for {query[:60]!r}")
        exits[layer] = np.full(len(queries), np.nan, np.float32)
        exits[layer][alive] = found
        rated = logits.astype(np.float64) if rate is None else rate(everyone, logits)
        kept = _best(rated, alive, owners, keep)
        stopped[np.setdiff1d(alive, kept, assume_unique=True)] = layer
        alive = kept
    if len(alive):
        logits[alive] = read(0, alive)
    return CascadeScores(logits, stopped, exits)


def whole_queries(queries: Sequence[str], tokens: Sequence[int], limit: int = STATE_TOKENS) -> list[Rows]:
    """The pairs in parts of at most ``limit`` tokens; pairs of one query stay together, however many they are."""
    parts, left = list[list[int]](), 0
    for rows in by_query(queries):
        numbers: list[int] = rows.tolist()
        size = sum(tokens[number] for number in numbers)
        if not parts or size > left:
            parts.append([])
            left = limit
        parts[-1] += numbers
        left -= size
    return [np.array(sorted(rows), np.int64) for rows in parts]


def by_query(queries: Sequence[str]) -> list[Rows]:
    """The pairs of each query, in ascending order."""
    owners = _numbered(queries)
    order = np.argsort(owners, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(owners[order])) + 1) if len(order) else []


def rate_of(rate: Rate, pairs: Rows) -> Rate:
    """The same for a part of the pairs, which it is to know by their numbers among all."""
    return lambda rows, logits: rate(pairs[rows], logits)


def together(parts: Sequence[tuple[Rows, CascadeScores]], pairs: int) -> CascadeScores:
    """The scores of all pairs, of which each part has those of some rows."""
    found = CascadeScores(np.zeros(pairs, np.float32), np.zeros(pairs, np.int64), {})
    exits = {layer: np.full(pairs, np.nan, np.float32) for _, scores in parts for layer in scores.exits}
    for rows, scores in parts:
        found.logits[rows], found.stopped[rows] = scores.logits, scores.stopped
        for layer, logits in scores.exits.items():
            exits[layer][rows] = logits
    return CascadeScores(found.logits, found.stopped, exits)


def _best(rated: NDArray[np.float64], alive: Rows, owners: Rows, keep: int) -> Rows:
    """The ``keep`` of each query that are rated highest, in ascending order."""
    order = alive[np.lexsort((-rated[alive], owners[alive]))]  # stable, so that equals keep their order
    place = np.arange(len(order)) - np.searchsorted(owners[order], owners[order])
    return np.sort(order[place < keep])


def _numbered(queries: Sequence[str]) -> Rows:
    """For each pair the number of its query."""
    numbers = {query: number for number, query in enumerate(dict.fromkeys(queries))}
    return np.array([numbers[query] for query in queries], np.int64)
