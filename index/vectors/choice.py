"""Chooses the FAISS index type for a collection, tunes its search settings and measures its recall.

The size of the collection decides the type. The recall of that type is measured against exact search on vectors of the
collection itself, because recall on other vectors says little, and the settings are raised until it meets the target.
"""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from numbers import Real

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError
from ...errors.arguments import described
from .faiss_index import FLAT, VectorIndex
from .scan import DEFAULT_SETTINGS, SearchSettings, ordered

AUTO = "auto"
RECALL_AT = 100
TARGET_RECALL = 0.99
EXACT_MULTIPLY_ADDS = 200_000 * 384
"""Exact search does at most this much work for a query: about 10 ms on one core. That is little
beside the 200 ms of reranking, and it needs no training and has a recall of 1.
"""
INVERTED_ROWS = 5_000_000
"""From this size on a query visits only some rows: all of them would take more than 25 ms on one core."""
RECALL_QUERIES = 300
_SQ8_RECALL = 0.993
"""The recall@100 that codes of 8 bits for a dimension reach, however many candidates they score (measured: 0.995)."""
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


def choose_factory(
    rows: int,
    dimension: int,
    *,
    segment_rows: int | None = None,
    memory_bytes: int | None = None,
    target: float = TARGET_RECALL,
) -> str:
    """Choose a FAISS factory string. "Flat", which is exact, is preferred while it is fast and fits the memory.

    All rows decide whether a query may visit all of them, because it searches every segment. The rows of one segment
    decide how many inverted lists there are: each segment has lists of its own, with the centres that all share. As
    many as suit 10**9 rows would leave a segment of a million with a few rows in each, and a query with thousands of
    centres to compare in each segment.

    Args:
        rows: The number of vectors.
        dimension: The length of a vector.
        segment_rows: The most vectors that a segment will hold; None is all.
        memory_bytes: The most bytes for the vectors; None for no limit.
        target: The recall@100 to reach, above 0 and at most 1.

    Raises:
        ArgumentError: No type fits the memory, or the target is out of its range.
    """
    check_target(target)
    lists = _lists(min(rows, segment_rows or rows)) if rows >= INVERTED_ROWS else 0
    fits = [
        (factory, size)
        for factory, size in _candidates(rows, dimension, target, lists=lists)
        if memory_bytes is None or rows * size <= memory_bytes
    ]
    if not fits:
        least = min(size for _, size in _candidates(rows, dimension, target, lists=lists))
        raise ArgumentError(
            f"{rows} vectors of {dimension} dimensions take at least {int(rows * least)} bytes, more than the "
            f"{memory_bytes} allowed; allow more memory, or name an index type yourself"
        )
    return fits[0][0]


def _lists(rows: int) -> int:
    """Return how many inverted lists suit so many rows: about four times the square root, a power of two."""
    return 1 << round(math.log2(4 * math.sqrt(max(1, rows))))


def _candidates(rows: int, dimension: int, target: float, *, lists: int) -> list[tuple[str, float]]:
    """Return index types with their bytes for a vector, in the order of preference."""
    exact = (FLAT, 4.0 * dimension)
    if target >= 1:
        return [exact]
    parts = _sub_quantisers(dimension)
    inverted = f"IVF{lists}," if lists else ""
    first, extra = (f"{inverted}PQ{parts}x4fs", parts / 2 + (8 if lists else 0)) if parts else ("", 0.0)
    codes = [("SQfp16", 2.0), ("SQ8", 1.0), ("SQ6", 0.75), ("SQ4", 0.5)]
    if target <= _SQ8_RECALL:
        codes.append(codes.pop(0))
    approximate = [(f"{first},Refine({code})" if first else code, extra + size * dimension) for code, size in codes]
    if rows * dimension <= EXACT_MULTIPLY_ADDS:
        return [exact, *approximate]
    return [*approximate, exact]


def _sub_quantisers(dimension: int) -> int:
    """Return the number of parts of 2 to 8 dimensions, the smallest possible; 0 if no such size fits."""
    return next((dimension // size for size in range(2, 9) if dimension % size == 0), 0)


def check_target(target: float) -> None:
    """Raise ``ArgumentError`` unless the target recall is above 0 and at most 1."""
    given: object = target
    if isinstance(given, bool) or not isinstance(given, Real) or not 0 < given <= 1:
        raise ArgumentError(f"the target recall is {described(given)}; it must be a number above 0 and at most 1")


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

    If none does, the best settings are returned, and a warning is logged.

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
    best: MeasuredRecall | None = None
    for settings in ladder(parts):
        _, answers = search_parts(parts, exact.queries, RECALL_AT + 1, settings=settings)
        measured = MeasuredRecall(exact.recall(answers), len(exact.queries), target, settings)
        if best is None or measured.recall_at_100 > best.recall_at_100:
            best = measured
        if measured.reached:
            return measured
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
