"""Chooses the FAISS index type for a collection by its size, the memory and the recall that is asked for."""

import math
from numbers import Real

from ...errors import ArgumentError
from ...errors.arguments import described
from .faiss_index import FLAT

AUTO = "auto"
TARGET_RECALL = 0.99
EXACT_MULTIPLY_ADDS = 200_000 * 384
"""Exact search does at most this much work for a query: about 10 ms on one core. That is little
beside the 200 ms of reranking, and it needs no training and has a recall of 1.
"""
INVERTED_ROWS = 5_000_000
"""From this size on a query may visit only some rows: all of them take more than 25 ms on one core."""
LISTS_RECALL = 0.98
"""The largest target for which a query visits only some rows. To find 99 of 100, real queries need a third to a half of
the inverted lists, which takes as long as the codes of all rows: FAISS reads these more than twice as fast (measured).
"""
_SQ8_RECALL = 0.993
"""The recall@100 that codes of 8 bits for a dimension reach, however many candidates they score (measured: 0.995)."""
_SQ8_ROWS = 2_000_000
"""Among more rows, more of them are too near to each other for 8 bits (measured at 5 million: 0.986)."""
_SQ8_RECALL_AMONG_MORE = 0.98


def choose_factory(
    rows: int,
    dimension: int,
    *,
    segment_rows: int | None = None,
    memory_bytes: int | None = None,
    target: float = TARGET_RECALL,
) -> str:
    """Choose a FAISS factory string. "Flat", which is exact, is preferred while it is fast and fits the memory.

    A target of up to ``LISTS_RECALL`` allows for inverted lists, of which a query visits some; a larger one does not.
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
    has_lists = rows >= INVERTED_ROWS and target <= LISTS_RECALL
    lists = _lists(min(rows, segment_rows or rows)) if has_lists else 0
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
    if target <= (_SQ8_RECALL if rows <= _SQ8_ROWS else _SQ8_RECALL_AMONG_MORE):
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
