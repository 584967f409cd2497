"""Finds the documents whose vectors are nearest, in any number of segments."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ...errors import IndexCorrupt
from ..segments import VECTORS
from ..vectors import RECALL_AT, SearchSettings, each_in_threads
from .best_rows import BestRows, Found, cut_by_id, merged
from .view import View

THREADED_PRODUCTS = 1 << 22
"""Multiply-adds of an exact search from which on threads pay: about a millisecond on one core."""
THREADED_PRODUCTS_A_VIEW = 1 << 17
"""With less work in a segment most of its time is Python, which runs in one thread at a time."""
MOST_TIED = 1 << 14
"""The most vectors beyond the best k that are searched for equal scores; of further ties, those added first win."""
_NOTHING: Found = (np.empty(0, np.float32), np.empty(0, np.int64))


def nearest_rows(
    views: Sequence[View],
    vectors: NDArray[np.float32],
    k: int,
    masks: Sequence[NDArray[np.bool_] | None],
    *,
    settings: SearchSettings,
) -> list[BestRows]:
    """For each vector find the best ``k`` documents of some segments.

    Args:
        views: The segments.
        vectors: Finite, float32 of shape (queries, dimension).
        k: How many documents to find.
        masks: Which documents of each view may be found; None is all.
        settings: How hard an approximate search works.

    Raises:
        IndexCorrupt: A file of vectors has values that are not finite; the message names it.
    """
    sizes = [view.entry.passages for view in views]
    products = sum(sizes) * vectors.size
    parts = list(zip(views, masks, strict=True))
    search = partial(_nearest_in, vectors=vectors, k=k, settings=settings)
    if products < max(THREADED_PRODUCTS, len(views) * THREADED_PRODUCTS_A_VIEW):
        found = [search(part) for part in parts]
    else:
        found = each_in_threads(search, parts, sizes, queries=len(vectors))
    return [merged(views, [of_view[query] for of_view in found], k) for query in range(len(vectors))]


def _nearest_in(
    part: tuple[View, NDArray[np.bool_] | None],
    *,
    vectors: NDArray[np.float32],
    k: int,
    settings: SearchSettings,
) -> list[Found]:
    """For each vector find the best ``k`` documents of a view, of those in a mask; None is all."""
    view, mask = part
    segment, allowed = view.segment, view.allowed_passages(mask)
    documents = len(segment) if mask is None else int(np.count_nonzero(mask))
    most_documents = min(k, documents)
    rows_allowed = len(segment.document_rows) if allowed is None else int(np.count_nonzero(allowed))
    # The settings were chosen, and their recall was measured, for so many rows; with them fewer are not found as well.
    # One more than is wanted shows whether another document ties with the last.
    pending, fetch = np.arange(len(vectors)), max(most_documents + 1, RECALL_AT)
    most = min(rows_allowed, fetch + MOST_TIED)
    found = [_NOTHING] * len(vectors)
    while most_documents and len(pending):
        try:
            scores, rows = segment.vectors.search(vectors[pending], fetch, settings=settings, allowed=allowed)
        except IndexCorrupt as error:
            raise IndexCorrupt(f"{segment.folder / VECTORS}: {error}") from None
        again: list[int] = []
        for query, query_scores, query_rows in zip(pending.tolist(), scores, rows, strict=True):
            # The first time that a document comes up is its best passage.
            first = np.arange(len(query_rows))
            if len(segment.document_rows) > len(segment):
                first = np.sort(np.unique(segment.document_rows[query_rows], return_index=True)[1])
            if len(first) < most_documents:
                again.append(query)  # several passages of one document leave fewer than k: fetch twice as many
                continue
            if fetch < most and query_scores[first[most_documents - 1]] == query_scores[-1]:
                again.append(query)  # documents that tie with the last one may follow, with lower ids
                continue
            chosen = first[
                cut_by_id(segment, segment.document_rows[query_rows[first]], query_scores[first], most_documents)
            ]
            found[query] = query_scores[chosen], query_rows[chosen]
        pending, fetch = np.array(again, np.int64), fetch * 2
    return found
