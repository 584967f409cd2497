"""BestRows: what a search found in several segments, as arrays.

A search of many segments finds k documents in each. Their scores are merged as arrays, and objects are made only of
the k that are left: making them before took more time than finding them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import nsmallest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..segments import Segment
from .view import View

Found = tuple[NDArray[Any], NDArray[np.int64]]
"""What a query found in one segment: scores, and the rows of passages, one of each document."""


@dataclass(frozen=True, slots=True, eq=False)
class BestRows:
    """The documents that one query found in some views, best first; equal scores by id. Arrays of one length.

    Attributes:
        scores: Their scores; float32 of vectors, float64 of BM25.
        views: The number of the view that has the document.
        rows: The row of the document's best passage in that view.
    """

    scores: NDArray[Any]
    views: NDArray[np.int64]
    rows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)


def merged(views: Sequence[View], found: Sequence[Found], k: int) -> BestRows:
    """Merge what one query found in each of some views into the best ``k`` of all.

    Args:
        views: The views.
        found: What was found in each, in any order.
        k: How many documents to keep.
    """
    scores = np.concatenate([np.empty(0, np.float32), *(scores for scores, _ in found)])
    rows = np.concatenate([np.empty(0, np.int64), *(rows for _, rows in found)])
    numbers = np.repeat(np.arange(len(found)), [len(rows) for _, rows in found])
    if k < len(scores):
        kept = np.flatnonzero(scores >= np.partition(scores, len(scores) - k)[len(scores) - k])
        scores, rows, numbers = scores[kept], rows[kept], numbers[kept]
    order = np.argsort(-scores, kind="stable")
    descending = scores[order]
    bounds = np.concatenate(([0], np.flatnonzero(descending[1:] != descending[:-1]) + 1, [len(order)]))
    for group in np.flatnonzero(np.diff(bounds) > 1).tolist():
        equal = slice(bounds[group], bounds[group + 1])
        order[equal] = _by_id(views, numbers, rows, order[equal])
    order = order[:k]
    return BestRows(scores[order], numbers[order], rows[order])


def _by_id(
    views: Sequence[View], numbers: NDArray[np.int64], rows: NDArray[np.int64], places: NDArray[np.int64]
) -> list[int]:
    """Sort some places in ``numbers`` and ``rows`` by the ids of their documents."""
    ids: list[tuple[str, int]] = []
    for place in map(int, places):
        segment = views[int(numbers[place])].segment
        ids.append((segment.id(int(segment.document_rows[rows[place]])), place))
    return [place for _, place in sorted(ids)]


def cut_by_id(segment: Segment, documents: NDArray[np.int64], scores: NDArray[Any], k: int) -> NDArray[np.int64]:
    """Choose the best ``k`` documents of a segment; of equal scores at the border those with the lowest ids.

    What is chosen depends on scores and ids alone, and not on when the documents were added, so that fewer are always
    a part of more.

    Args:
        segment: The segment.
        documents: Rows of documents, each once, shape (n,).
        scores: Their scores, shape (n,).
        k: How many to choose.

    Returns:
        The places of the chosen documents, ascending; all of them where there are no more than ``k``.
    """
    if len(scores) <= k:
        return np.arange(len(scores))
    border = np.partition(scores, len(scores) - k)[len(scores) - k]
    above, tied = np.flatnonzero(scores > border), np.flatnonzero(scores == border)
    missing = k - len(above)
    if len(tied) > missing:
        tied = tied[np.argsort(documents[tied])]
        ids = segment.ids_of(documents[tied].tolist())
        tied = tied[nsmallest(missing, range(len(ids)), key=ids.__getitem__)]
    return np.sort(np.concatenate([above, tied]))
