"""Tunes the search settings of an index and measures its recall.

The recall is measured against exact search on vectors of the collection itself, because recall on other vectors says
little, and the settings are raised until it meets the target.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError
from .choice import TARGET_RECALL, check_target
from .faiss_index import VectorIndex
from .scan import DEFAULT_SETTINGS, SearchSettings, ordered

RECALL_AT = 100
RECALL_QUERIES = 300
_LISTS_FOR_QUERIES = 4
"""How many times the inverted lists that passages need are visited for real queries, whose neighbours lie in more of
them: on eight collections they needed two to four times as many for the same recall.
"""
_TIE = 1e-6
_LIST_SHARES = (1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 3 / 8, 1 / 2, 3 / 4, 1.0)
_GRAPH_EFFORTS = (64, 128, 192, 256, 384, 512, 1024, 2048, 4096)

_log = logging.getLogger("bicross")


@dataclass(frozen=True, slots=True)
class MeasuredRecall:
    """The share of the true 100 nearest neighbours that a search finds.

    Attributes:
        recall_at_100: The mean share; 1 if there are no queries.
        queries: The number of vectors of the collection that were searched for, each without itself.
        target: The recall that was asked for.
        settings: The settings of the search.
    """

    recall_at_100: float
    queries: int
    target: float
    settings: SearchSettings

    @property
    def reached(self) -> bool:
        """Whether the target was met."""
        return self.recall_at_100 >= self.target


class ExactNeighbours:
    """The true nearest neighbours of some vectors of a collection, found while its vectors stream by."""

    def __init__(self, queries: NDArray[np.float32], rows: NDArray[np.int64]) -> None:
        if queries.ndim != 2 or len(queries) != len(rows):
            raise ArgumentError(f"{len(rows)} rows need as many query vectors, not an array of {queries.shape}")
        self.queries = np.ascontiguousarray(queries, np.float32)
        self.query_rows = rows
        self.seen = 0
        self._scores = np.empty((len(rows), 0), np.float32)
        self._rows = np.empty((len(rows), 0), np.int64)

    def add(self, vectors: NDArray[np.float32]) -> None:
        """Compare the next vectors of the collection, float32 of shape (n, dimension), in the order of rows."""
        step = max(1, (1 << 22) // max(1, len(self.queries)))
        for first in range(0, len(vectors), step):
            block = np.ascontiguousarray(vectors[first : first + step], np.float32)
            scores = self.queries @ block.T
            own = self.query_rows - self.seen
            mine = np.flatnonzero((own >= 0) & (own < len(block)))
            scores[mine, own[mine]] = -np.inf
            scores, rows = self._nearer(scores)
            # Twice as many as are counted: those that tie with the last one count too.
            self._scores, self._rows = ordered(
                np.concatenate((self._scores, scores), axis=1),
                np.concatenate((self._rows, rows), axis=1),
                2 * RECALL_AT,
            )
            self.seen += len(block)

    def _nearer(self, scores: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return what may be among the nearest: few of a block, once there are as many as are kept.

        Only these need to be put in order, which takes ten times as long as to compute all scores. A score that equals
        the last one kept comes after it. Lines with fewer than the others end with row -1.
        """
        if self._scores.shape[1] < 2 * RECALL_AT:
            rows: NDArray[np.int64] = np.arange(self.seen, self.seen + scores.shape[1], dtype=np.int64)
            return scores, np.broadcast_to(rows, scores.shape)
        lines, columns = np.nonzero(scores > self._scores[:, -1:])
        counts = np.bincount(lines, minlength=len(scores))
        places = np.arange(len(lines)) - np.repeat(np.cumsum(counts) - counts, counts)
        width = int(counts.max(initial=0))
        nearer = np.full((len(scores), width), -np.inf, np.float32)
        rows = np.full((len(scores), width), -1, np.int64)
        nearer[lines, places] = scores[lines, columns]
        rows[lines, places] = columns + self.seen
        return nearer, rows

    def recall(self, answers: NDArray[np.int64]) -> float:
        """Return the share of the true nearest neighbours that a search found.

        Args:
            answers: The rows that it found for each query, int64 of shape (queries, n). The query's own row is ignored.
        """
        k = min(RECALL_AT, self.seen - 1)
        if k <= 0 or not len(self.queries):
            return 1.0
        shares: list[float] = []
        for query, scores, rows, mine in zip(answers, self._scores, self._rows, self.query_rows, strict=True):
            near = rows[scores >= scores[k - 1] - _TIE]
            others = query[query != mine][:k]
            shares.append(min(k, len(np.intersect1d(others, near))) / k)
        return float(np.mean(shares))


def search_parts(
    parts: Sequence[VectorIndex],
    vectors: NDArray[np.float32],
    k: int,
    *,
    settings: SearchSettings = DEFAULT_SETTINGS,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Search several indexes as one whose rows are numbered through.

    Args:
        parts: The indexes.
        vectors: Float32 of shape (n, dimension).
        k: How many rows to find.
        settings: How hard to search.

    Returns:
        Scores and rows, as ``VectorIndex.search`` returns them.
    """
    starts = [0, *accumulate(len(part) for part in parts)]
    scores = [np.empty((len(vectors), 0), np.float32)]
    rows = [np.empty((len(vectors), 0), np.int64)]
    for part, start in zip(parts, starts[:-1], strict=True):
        scores_of_part, rows_of_part = part.search(vectors, k, settings=settings)
        scores.append(scores_of_part)
        rows.append(rows_of_part + start)
    return ordered(np.concatenate(scores, axis=1), np.concatenate(rows, axis=1), k)


def tune(parts: Sequence[VectorIndex], exact: ExactNeighbours, *, target: float = TARGET_RECALL) -> MeasuredRecall:
    """Find the cheapest settings with which some indexes together reach a recall@100.

    If none does, the best settings are returned, and a warning is logged. Of inverted lists more are visited than
    that: ``exact`` has passages as queries, and for real ones the same share of lists finds less.

    Args:
        parts: The indexes.
        exact: The true neighbours; it has seen all vectors of the parts.
        target: The recall to reach.

    Raises:
        ArgumentError: ``exact`` has seen another number of vectors than the parts hold.
    """
    check_target(target)
    rows = sum(len(part) for part in parts)
    if exact.seen != rows:
        raise ArgumentError(f"recall must be measured against all {rows} vectors of the index, not {exact.seen}")

    def measured(settings: SearchSettings) -> MeasuredRecall:
        _, answers = search_parts(parts, exact.queries, RECALL_AT + 1, settings=settings)
        return MeasuredRecall(exact.recall(answers), len(exact.queries), target, settings)

    best: MeasuredRecall | None = None
    for settings in ladder(parts):
        found = measured(settings)
        if best is None or found.recall_at_100 > best.recall_at_100:
            best = found
        if not found.reached:
            continue
        wider = _for_queries(settings, parts)
        found = found if wider == settings else measured(wider)
        if found.reached:  # else so few lists were visited that k rows were missing, and all were
            return found
    assert best is not None  # a ladder has at least one step
    _log.warning(
        "recall@100 of the index is %.4f with %s, below the target of %.4f (measured on %d vectors of the collection); "
        "another index type reaches more, and Flat is exact",
        best.recall_at_100,
        best.settings,
        target,
        best.queries,
    )
    return best


def _for_queries(settings: SearchSettings, parts: Sequence[VectorIndex]) -> SearchSettings:
    if settings.nprobe is None:
        return settings
    lists = max(part.lists for part in parts if part.tunable)
    return replace(settings, nprobe=min(lists, _LISTS_FOR_QUERIES * settings.nprobe))


def ladder(parts: Sequence[VectorIndex]) -> list[SearchSettings]:
    """Return the settings to try, from the cheapest to the most thorough; one if nothing can be set."""
    part = next((part for part in parts if part.tunable), None)
    if part is None:
        return [DEFAULT_SETTINGS]
    heeds = part.tunable
    # With inverted lists the number of visited lists matters most, so the number of refined candidates is fixed. Half
    # as many or fewer often suffice for vectors of the collection, but not for queries, which resemble it less.
    factors = (8,) if "nprobe" in heeds else (4, 8, 16, 32, 64)
    tried = [
        SearchSettings(
            nprobe=max(1, int(part.lists * share)) if "nprobe" in heeds else None,
            ef_search=effort if "ef_search" in heeds else None,
            k_factor=factors[min(step, len(factors) - 1)] if "k_factor" in heeds else None,
        )
        for step, (share, effort) in enumerate(zip(_LIST_SHARES, _GRAPH_EFFORTS, strict=True))
    ]
    return list(dict.fromkeys(tried))
