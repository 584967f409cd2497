"""Chooses the FAISS index type for a collection, tunes its search settings and measures its recall.

A kind is chosen from the size of a collection. What it then finds is measured, against exact search, on vectors of that
collection, and its search works as much harder as the target demands: recall on other people's vectors says little.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError
from .faiss_index import FLAT, VectorIndex
from .scan import DEFAULT_SETTINGS, SearchSettings, ordered

AUTO = "auto"
RECALL_AT = 100
TARGET_RECALL = 0.99
EXACT_MULTIPLY_ADDS = 200_000 * 384
"""So much work for a query is left to exact search: about 10 ms of one core, which nobody notices beside the 200 ms of
a rerank, for a recall of 1 and no training."""
INVERTED_ROWS = 5_000_000
"""From so many rows on a query no longer visits all of them: that would take more than 25 ms of one core."""
TRAINING_ROWS = 100_000
RECALL_QUERIES = 300
_INVERTED_LISTS = 4096
_SQ8_RECALL = 0.993
"""Recall@100 that 8 bits a dimension hardly exceed, however many candidates are scored with them (measured: 0.995)."""
_TIE = 1e-6
_LIST_SHARES = (1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 3 / 8, 1 / 2, 3 / 4, 1.0)
_GRAPH_EFFORTS = (64, 128, 192, 256, 384, 512, 1024, 2048, 4096)

_log = logging.getLogger("bicross")


@dataclass(frozen=True, slots=True)
class MeasuredRecall:
    """The share of the true ``RECALL_AT`` nearest neighbours that a search with ``settings`` finds.

    A mean over ``queries`` vectors of the collection itself, each without itself; with no queries, it is 1.
    """

    recall_at_100: float
    queries: int
    target: float
    settings: SearchSettings

    @property
    def reached(self) -> bool:
        """Whether the target was met."""
        return self.recall_at_100 >= self.target


def choose_factory(rows: int, dimension: int, *, memory_bytes: int | None = None, target: float = TARGET_RECALL) -> str:
    """The FAISS factory string for so many vectors; "Flat", which is exact, while that is fast and fits the memory.

    ``memory_bytes`` bounds what the vectors take, ``target`` is the recall@100 that is to be reached. ``ArgumentError``
    where no kind fits the memory, or the target is not within (0, 1].
    """
    check_target(target)
    fits = [
        (factory, size)
        for factory, size in _candidates(rows, dimension, target)
        if memory_bytes is None or rows * size <= memory_bytes
    ]
    if not fits:
        least = min(size for _, size in _candidates(rows, dimension, target))
        raise ArgumentError(
            f"{rows} vectors of {dimension} dimensions take at least {int(rows * least)} bytes, more than the "
            f"{memory_bytes} allowed; allow more memory, or name an index type yourself"
        )
    return fits[0][0]


def _candidates(rows: int, dimension: int, target: float) -> list[tuple[str, float]]:
    """Kinds and their bytes for a vector, in the order of preference."""
    exact = (FLAT, 4.0 * dimension)
    if target >= 1:
        return [exact]
    parts = _sub_quantisers(dimension)
    lists = f"IVF{_INVERTED_LISTS}," if rows >= INVERTED_ROWS else ""
    first, extra = (f"{lists}PQ{parts}x4fs", parts / 2 + (8 if lists else 0)) if parts else ("", 0.0)
    codes = [("SQfp16", 2.0), ("SQ8", 1.0), ("SQ6", 0.75), ("SQ4", 0.5)]
    if target <= _SQ8_RECALL:
        codes.append(codes.pop(0))
    approximate = [(f"{first},Refine({code})" if first else code, extra + size * dimension) for code, size in codes]
    if rows * dimension <= EXACT_MULTIPLY_ADDS:
        return [exact, *approximate]
    return [*approximate, exact]


def _sub_quantisers(dimension: int) -> int:
    """Parts of 2 dimensions, or the fewest more that divide the dimension; 0 where fewer than 9 do not."""
    return next((dimension // size for size in range(2, 9) if dimension % size == 0), 0)


def check_target(target: float) -> None:
    """``ArgumentError`` unless the recall is one that can be asked for."""
    if not 0 < target <= 1:
        raise ArgumentError(f"the target recall is {target}; it must be above 0 and at most 1")


def sample_rows(rows: int, count: int, *, seed: int = 0) -> NDArray[np.int64]:
    """So many different rows out of ``rows``, or all if there are fewer; int64, ascending, the same each time."""
    if count >= rows:
        return np.arange(rows)
    return np.sort(np.random.default_rng(seed).choice(rows, count, replace=False)).astype(np.int64)


def new_index(factory: str, sample: NDArray[np.float32]) -> VectorIndex:
    """An empty index of that kind, trained where it must be. ``ArgumentError``: see ``VectorIndex.trained``."""
    return VectorIndex(sample.shape[1]) if factory == FLAT else VectorIndex.trained(factory, sample)


class ExactNeighbours:
    """The true nearest neighbours of vectors of a collection, gathered while its vectors stream by.

    ``queries`` (n, dimension) are the vectors of ``rows`` (n,), which do not count as neighbours of themselves.
    """

    def __init__(self, queries: NDArray[np.float32], rows: NDArray[np.int64]) -> None:
        if queries.ndim != 2 or len(queries) != len(rows):
            raise ArgumentError(f"{len(rows)} rows need as many query vectors, not an array of {queries.shape}")
        self.queries = np.ascontiguousarray(queries, np.float32)
        self.query_rows = rows
        self.seen = 0
        self._scores = np.empty((len(rows), 0), np.float32)
        self._rows = np.empty((len(rows), 0), np.int64)

    def add(self, vectors: NDArray[np.float32]) -> None:
        """Look at the next vectors of the collection, float32 (n, dimension), in the order of rows."""
        step = max(1, (1 << 22) // max(1, len(self.queries)))
        for first in range(0, len(vectors), step):
            block = np.ascontiguousarray(vectors[first : first + step], np.float32)
            scores = self.queries @ block.T
            own = self.query_rows - self.seen
            mine = np.flatnonzero((own >= 0) & (own < len(block)))
            scores[mine, own[mine]] = -np.inf
            rows = np.broadcast_to(np.arange(self.seen, self.seen + len(block)), scores.shape)
            # Twice as many as are counted: those that tie with the last one count as well as that.
            self._scores, self._rows = ordered(
                np.concatenate((self._scores, scores), axis=1),
                np.concatenate((self._rows, rows), axis=1),
                2 * RECALL_AT,
            )
            self.seen += len(block)

    def recall(self, answers: NDArray[np.int64]) -> float:
        """The share of the nearest that is among ``found`` rows, int64 (n, anything); itself is passed over."""
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
    allowed: Sequence[NDArray[np.bool_] | None] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """``VectorIndex.search`` over several indexes as if they were one, whose rows are numbered through.

    ``allowed`` holds one mask, or None, for each part.
    """
    masks = allowed if allowed is not None else [None] * len(parts)
    starts = [0, *accumulate(len(part) for part in parts)]
    scores = [np.empty((len(vectors), 0), np.float32)]
    rows = [np.empty((len(vectors), 0), np.int64)]
    for part, start, mask in zip(parts, starts[:-1], masks, strict=True):
        found = part.search(vectors, k, settings=settings, allowed=mask)
        scores.append(found[0])
        rows.append(found[1] + start)
    return ordered(np.concatenate(scores, axis=1), np.concatenate(rows, axis=1), k)


def tune(parts: Sequence[VectorIndex], exact: ExactNeighbours, *, target: float = TARGET_RECALL) -> MeasuredRecall:
    """The cheapest settings with which the parts, taken together, reach the target recall@100, and what they reach.

    Where none reach it, the settings that come nearest, and a warning in the log of "bicross". ``ArgumentError`` where
    ``exact`` has not seen as many vectors as the parts hold.
    """
    check_target(target)
    rows = sum(len(part) for part in parts)
    if exact.seen != rows:
        raise ArgumentError(f"recall was to be measured against {exact.seen} vectors, but the index holds {rows}")
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
    """Settings to try, from the cheapest to the most thorough; one empty step where nothing can be set."""
    part = next((part for part in parts if part.tunable), None)
    if part is None:
        return [DEFAULT_SETTINGS]
    heeds = part.tunable
    # Of inverted lists the number visited decides, and a fixed choice of candidates from them is refined. Two times as
    # many candidates would often do for vectors of the collection, but not for queries, which resemble it less.
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
