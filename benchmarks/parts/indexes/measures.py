"""What index_recall.py measures: recall against exact search, latency and throughput."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np

from parts.indexes.kinds import Built, Rows, Search, Vectors, threads

K = 100
AT = (10, 100)
WARM_UP = 3
TIE = 1e-6
"""Rows that tie with the k-th neighbour, up to float32 rounding, count as found."""


class Truth:
    """Exact search with numpy: the scores of the 10th and the 100th neighbour of each query."""

    def __init__(self, vectors: Vectors, queries: Vectors) -> None:
        self.vectors = vectors
        self.queries = queries
        best = np.empty((len(queries), 0), np.float32)
        step = max(K, (1 << 24) // max(1, len(queries)))
        for first in range(0, len(vectors), step):
            scores = queries @ vectors[first : first + step].T
            best = np.concatenate((best, _highest(scores)), axis=1)
            best = _highest(best)
        self._last = {k: -np.sort(-best, axis=1)[:, k - 1] for k in AT}

    def recall(self, answers: Rows) -> dict[str, float]:
        """Return the share of the k nearest rows among the first k of ``found``; a row counts once."""
        near = dict.fromkeys(AT, 0)
        for first in range(0, len(answers), 200):
            rows = answers[first : first + 200]
            scores = np.einsum("nkd,nd->nk", self.vectors[rows], self.queries[first : first + 200])
            scores[(rows < 0) | _seen_before(rows)] = -np.inf
            for k in AT:
                near[k] += int((scores[:, :k] >= self._last[k][first : first + 200, None] - TIE).sum())
        return {f"recall_at_{k}": near[k] / (k * len(answers)) for k in AT}


def _highest(scores: Vectors) -> Vectors:
    """Return the best K scores of each line, unordered."""
    return scores if scores.shape[1] <= K else -np.partition(-scores, K - 1, axis=1)[:, :K]


def _seen_before(rows: Rows) -> np.ndarray:
    """Tell for each row number whether it occurs earlier in its line."""
    order = np.argsort(rows, axis=1, kind="stable")
    ordered = np.take_along_axis(rows, order, 1)
    again = np.zeros(rows.shape, bool)
    again[:, 1:] = ordered[:, 1:] == ordered[:, :-1]
    seen = np.empty_like(again)
    np.put_along_axis(seen, order, again, 1)
    return seen


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured: rounds, and queries of a round that are asked one by one and in one batch."""

    rounds: int
    single: int
    batch: int
    threads: int


@dataclass(slots=True)
class Times:
    """Times of one index with one setting, one figure for each round."""

    p50_ms: list[float] = field(default_factory=list)
    p95_ms: list[float] = field(default_factory=list)
    queries_per_second: list[float] = field(default_factory=list)


def time_all(indexes: Sequence[Built], queries: Vectors, effort: Effort) -> dict[tuple[str, str], Times]:
    """Time every index with every setting; each round goes through all in its own order."""
    times = {(built.kind, setting): Times() for built in indexes for setting in built.searches}
    searches = {(built.kind, setting): search for built in indexes for setting, search in built.searches.items()}
    chosen = {(built.kind, built.chosen) for built in indexes}
    order = np.random.default_rng(0)
    with threads(effort.threads):
        for number in range(effort.rounds):
            asked = np.roll(queries, -number * effort.single, axis=0)
            for position in order.permutation(len(times)).tolist():
                key = list(times)[position]
                _time(searches[key], asked, effort, times[key], batch=key in chosen)
            print(f"  round {number + 1} of {effort.rounds}", file=sys.stderr, flush=True)
    return times


def _time(search: Search, queries: Vectors, effort: Effort, times: Times, *, batch: bool) -> None:
    singles = [queries[i : i + 1] for i in range(min(effort.single, len(queries)))]
    for query in singles[-WARM_UP:]:
        search(query, K, effort.threads)
    taken: list[float] = []
    for query in singles:
        began = perf_counter()
        search(query, K, effort.threads)
        taken.append(perf_counter() - began)
    times.p50_ms.append(float(np.percentile(taken, 50)) * 1e3)
    times.p95_ms.append(float(np.percentile(taken, 95)) * 1e3)
    if batch:
        batch_queries = np.ascontiguousarray(queries[: effort.batch])
        began = perf_counter()
        search(batch_queries, K, effort.threads)
        times.queries_per_second.append(len(batch_queries) / (perf_counter() - began))


def figures(
    built: Built, truth: Truth, times: dict[tuple[str, str], Times], *, target: float, on_threads: int
) -> dict[str, object]:
    """Return all figures of one index; ``at_target`` is the fastest setting that reaches the target on the queries."""
    rows, curve = len(truth.vectors), []
    with threads(on_threads):
        for setting, search in built.searches.items():
            recalls = truth.recall(search(truth.queries, K, on_threads))
            taken = times[built.kind, setting]
            medians = {"p50_ms": float(np.median(taken.p50_ms)), "p95_ms": float(np.median(taken.p95_ms))}
            curve.append({"settings": setting, **recalls, **medians})
    reached = [point for point in curve if point["recall_at_100"] >= target]
    point = next(point for point in curve if point["settings"] == built.chosen)
    taken = times[built.kind, built.chosen]
    return {
        "kind": built.kind,
        "library": built.library,
        "made_of": built.made_of,
        "build_seconds": sum(built.seconds.values()),
        "build_seconds_of": built.seconds,
        "stored_bytes": built.stored_bytes,
        "bytes_per_vector": built.stored_bytes / rows,
        "tuned_settings": built.settings,
        "claimed_recall_at_100": built.claimed,
        **{name: value for name, value in point.items() if name != "settings"},
        "queries_per_second": float(np.median(taken.queries_per_second)),
        "rounds": {name: getattr(taken, name) for name in Times.__slots__},
        "at_target": min(reached, key=lambda point: point["p50_ms"], default=None),
        "curve": curve,
    }
