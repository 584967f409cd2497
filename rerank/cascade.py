"""Early exit: after some layers only the best candidates of each query go on to the later layers.

Heads on early layers, trained to predict the output of the last layer, are from Xin et al. 2020 ("DeeBERT", arXiv
2004.12993). Candidates of one query that compete for the later layers are from Soldaini and Moschitti 2020 ("The
Cascade Transformer", arXiv 2005.02534).
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentError, ModelError
from ..errors.arguments import checked_callable, checked_texts

Cascade = Sequence[tuple[int, int]]
"""Stages (layer, candidates), as in ``[(3, 30), (4, 10)]``: how many candidates of each query go on after a layer."""
PairNumbers = NDArray[np.int64]
Logits = NDArray[np.float32]
LayerScorer = Callable[[int, PairNumbers], Logits]
"""Given a layer, from 1, or 0 for the last one, and pair numbers: the logits of these pairs after that layer.

The layers increase from call to call, and each call has a subset of the pairs of the one before.
"""
RankingKey = Callable[[PairNumbers, Logits], NDArray[np.float64]]
"""Given pair numbers and their logits: the keys, float64, by which the best pairs of each query are selected.

All pairs of a query are in one call.
"""
STATE_TOKENS = 65536
"""The most tokens in the layers at once; the hidden states of all of them are in memory."""


@dataclass(frozen=True, slots=True)
class CascadeScores:
    """The result of a cascade, all arrays of shape (pairs,).

    Attributes:
        logits: The logits of the last layer where ``stopped`` is 0, else those of the exit where the pair stopped,
            which approximate them.
        stopped: The layer after which a pair stopped, 0 where it reached the last layer.
        exits: By layer the logits of that exit, NaN for pairs that did not reach it.
    """

    logits: Logits
    stopped: PairNumbers
    exits: Mapping[int, Logits]


def check_cascade(cascade: Cascade) -> tuple[tuple[int, int], ...]:
    """Check the stages of a cascade.

    Returns:
        The stages as tuples.

    Raises:
        ArgumentError: A stage is malformed, layers do not increase, or candidates do not decrease.
    """
    given: Any = cascade
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise ArgumentError(f"a cascade is a list of (layer, candidates), as in [(3, 30), (4, 10)]; not {given!r:.80}")
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
    """Check that a model has an exit for each stage.

    Args:
        stages: The stages of a cascade.
        exits: The layers after which the model has an exit.
        model: The name of the model, for the message.

    Raises:
        ModelError: The model has no exit after the layer of a stage.
    """
    missing = [layer for layer, _ in stages if layer not in exits]
    if missing:
        available = f"exits after the layers {', '.join(map(str, exits))} only" if exits else "no exits"
        layers = ",".join(str(layer) for layer in sorted({*missing, *exits}))
        raise ModelError(
            f"cascade={list(stages)} stops after layer {missing[0]}, and {model} has {available}: "
            f"train them with `bicross train exits --layers {layers}`"
        )


def run_cascade(
    queries: Sequence[str], stages: Cascade, score_at: LayerScorer, *, ranking_key: RankingKey | None = None
) -> CascadeScores:
    """Score pairs in a cascade.

    Args:
        queries: The query of each pair. Pairs with the same query text compete with each other.
        stages: The stages of the cascade; see ``Cascade``.
        score_at: Gives the logits of pairs after a layer.
        ranking_key: Which pairs go on: those with the highest key, ties in their order. None takes the logits.

    Returns:
        The scores of all pairs. A stage at which no pair would stop is left out.

    Raises:
        ArgumentError: An argument is of a wrong type.
        ModelError: A logit of an exit is not finite.
    """
    queries, stages = checked_texts(queries, "queries"), check_cascade(stages)
    checked_callable(score_at, "score_at")
    if ranking_key is not None:
        checked_callable(ranking_key, "ranking_key")
    alive: PairNumbers = np.arange(len(queries))
    all_pairs, owners = alive, _query_numbers(queries)
    logits, stopped = np.zeros(len(queries), np.float32), np.zeros(len(queries), np.int64)
    exits: dict[int, Logits] = {}
    for layer, keep in stages:
        if len(alive) == 0 or np.bincount(owners[alive]).max() <= keep:
            continue
        logits[alive] = exit_logits = score_at(layer, alive)
        if not np.isfinite(exit_logits).all():
            query = queries[int(alive[~np.isfinite(exit_logits)][0])]
            raise ModelError(f"the exit after layer {layer} gave a score that is not finite for {query[:60]!r}")
        exits[layer] = np.full(len(queries), np.nan, np.float32)
        exits[layer][alive] = exit_logits
        keys = logits.astype(np.float64) if ranking_key is None else ranking_key(all_pairs, logits)
        survivors = _best(keys, alive, owners, keep)
        stopped[np.setdiff1d(alive, survivors, assume_unique=True)] = layer
        alive = survivors
    if len(alive):
        logits[alive] = score_at(0, alive)
    return CascadeScores(logits, stopped, exits)


def whole_queries(queries: Sequence[str], tokens: Sequence[int], limit: int = STATE_TOKENS) -> list[PairNumbers]:
    """Split pairs into parts, with all pairs of a query in one part.

    Args:
        queries: The query text of each pair.
        tokens: The number of tokens of each pair.
        limit: The most tokens of a part; a query with more tokens is a part of its own.

    Returns:
        The pair numbers of each part, ascending.
    """
    parts, room = list[list[int]](), 0
    for group in group_by_query(queries):
        numbers: list[int] = group.tolist()
        size = sum(tokens[number] for number in numbers)
        if not parts or size > room:
            parts.append([])
            room = limit
        parts[-1] += numbers
        room -= size
    return [np.array(sorted(part), np.int64) for part in parts]


def group_by_query(queries: Sequence[str]) -> list[PairNumbers]:
    """The numbers of the pairs of each query, in ascending order; queries in the order of their first pair."""
    owners = _query_numbers(queries)
    order = np.argsort(owners, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(owners[order])) + 1) if len(order) else []


def restrict_key(ranking_key: RankingKey, pairs: PairNumbers) -> RankingKey:
    """Make the ranking key for a subset of the pairs.

    Args:
        ranking_key: The key for all pairs.
        pairs: The numbers of the pairs in the subset: pair ``i`` of the subset is pair ``pairs[i]``.
    """
    return lambda rows, logits: ranking_key(pairs[rows], logits)


def merge_scores(parts: Sequence[tuple[PairNumbers, CascadeScores]], pairs: int) -> CascadeScores:
    """Merge the scores of subsets.

    Args:
        parts: The pair numbers of each subset and their scores.
        pairs: The number of all pairs.
    """
    merged = CascadeScores(np.zeros(pairs, np.float32), np.zeros(pairs, np.int64), {})
    exits = {layer: np.full(pairs, np.nan, np.float32) for _, scores in parts for layer in scores.exits}
    for numbers, scores in parts:
        merged.logits[numbers], merged.stopped[numbers] = scores.logits, scores.stopped
        for layer, logits in scores.exits.items():
            exits[layer][numbers] = logits
    return CascadeScores(merged.logits, merged.stopped, exits)


def _best(keys: NDArray[np.float64], alive: PairNumbers, owners: PairNumbers, keep: int) -> PairNumbers:
    """The ``keep`` pairs of each query with the highest keys, in ascending order."""
    order = alive[np.lexsort((-keys[alive], owners[alive]))]  # stable: ties keep their order
    rank = np.arange(len(order)) - np.searchsorted(owners[order], owners[order])
    return np.sort(order[rank < keep])


def _query_numbers(queries: Sequence[str]) -> PairNumbers:
    """For each pair the number of its query."""
    numbers = {query: number for number, query in enumerate(dict.fromkeys(queries))}
    return np.array([numbers[query] for query in queries], np.int64)
