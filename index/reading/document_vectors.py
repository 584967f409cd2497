"""The neighbours of documents by their vectors: the nearest, or all within a threshold; the vectors and passages."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError, IndexCorrupt
from ...errors.arguments import checked_number
from ..arguments import checked_ids, checked_vectors
from ..document import Document, Passage
from ..filters import Predicate
from ..segments import VECTORS, Segment
from ..vectors import ROUNDING, RowsWithin, rows_within
from .hits import Candidate, Hit, candidates, hits, ranked
from .snapshot import ROWS_AT_ONCE, Snapshot, check_k
from .view import View

DocumentRow = tuple[Segment, int]
"""A segment, and the row of a document in it."""
VECTORS_AT_ONCE = 256
"""Vectors that are compared with all rows together."""


def vectors_of(snapshot: Snapshot, ids: Sequence[str]) -> list[NDArray[np.float32]]:
    """See ``Index.vectors``."""
    return [_vectors(document_row) for document_row in document_rows(snapshot, ids)]


def passages_of(snapshot: Snapshot, ids: Sequence[str]) -> list[list[Passage]]:
    """See ``Index.passages``."""
    rows = document_rows(snapshot, ids)
    return [segment.passages([row], [segment.document(row)])[0] for segment, row in rows]


def embedded_documents(snapshot: Snapshot, where: Predicate | None) -> Iterator[tuple[Document, NDArray[np.float32]]]:
    """See ``Index.embedded_documents``."""
    masks = snapshot.masks(where)  # a mistake in the predicate shows at once, not when the first document is asked for
    return _embedded(snapshot, masks)


def _embedded(
    snapshot: Snapshot, masks: Sequence[NDArray[np.bool_] | None]
) -> Iterator[tuple[Document, NDArray[np.float32]]]:
    for view, mask in zip(snapshot.views, masks, strict=True):
        segment = view.segment
        for start in range(0, len(segment), ROWS_AT_ONCE):
            stop = min(start + ROWS_AT_ONCE, len(segment))
            rows = np.arange(start, stop) if mask is None else start + np.flatnonzero(mask[start:stop])
            first, last = segment.passage_rows(start, stop)
            vectors = segment.vectors.vectors(first, last)
            begins, ends = (np.searchsorted(segment.document_rows, rows, side) - first for side in ("left", "right"))
            documents = segment.documents(rows.tolist())
            for document, begin, end in zip(documents, begins.tolist(), ends.tolist(), strict=True):
                yield document, vectors[begin:end]


def neighbours(
    snapshot: Snapshot,
    ids: Sequence[str],
    k: int | None,
    *,
    threshold: float | None,
    where: Predicate | None,
    query: NDArray[np.float32] | None,
) -> list[list[Hit]]:
    """See ``Index.neighbours``."""
    if k is None and threshold is None:
        raise ArgumentError("k is None, and so is threshold: give the number of neighbours, their least score, or both")
    k = None if k is None else check_k(k)
    threshold = None if threshold is None else checked_number(threshold, "threshold", -1, 1)
    dimension = snapshot.manifest.model.dimension
    if query is not None and checked_vectors(query, "query").shape != (dimension,):
        raise ArgumentError(f"the query has the shape {query.shape}; the index holds vectors of {dimension} dimensions")
    rows = document_rows(snapshot, ids)
    vectors = [_vectors(document_row) for document_row in rows]
    masks = snapshot.masks(where)
    if k is None:
        candidates_per_vector = _all_within(snapshot, vectors, -1.0 if threshold is None else threshold, masks)
    else:
        flat = np.concatenate([np.empty((0, dimension), np.float32), *vectors])
        candidates_per_vector = (candidates(snapshot.views, best) for best in snapshot.nearest(flat, k + 1, masks))
    hits_of_documents: list[list[Hit]] = []
    for document_row, document_vectors in zip(rows, vectors, strict=True):
        near = _others(document_row, islice(candidates_per_vector, len(document_vectors)))[:k]
        if threshold is not None:
            near = [candidate for candidate in near if candidate.score >= threshold - ROUNDING]
        hits_of_documents.append(hits(near if query is None else [for_query(candidate, query) for candidate in near]))
    return hits_of_documents


def _others(document_row: DocumentRow, candidates_per_vector: Iterable[Sequence[Candidate]]) -> list[Candidate]:
    """The documents that the passages of one find, each with its best passage, without the document itself."""
    segment, row = document_row
    best: dict[tuple[str, int], Candidate] = {}
    for candidate in chain.from_iterable(candidates_per_vector):
        held = best.get(candidate.document)
        if candidate.document != (segment.folder.name, row) and (held is None or candidate.score > held.score):
            best[candidate.document] = candidate
    return ranked(best.values())


def _all_within(
    snapshot: Snapshot,
    vectors: Sequence[NDArray[np.float32]],
    threshold: float,
    masks: Sequence[NDArray[np.bool_] | None],
) -> Iterator[list[Candidate]]:
    """For each vector of each document all documents within the threshold, as their best passages.

    Vectors are compared in blocks, so that what was found for one block is gone before the next.
    """
    flat = [vector for document_vectors in vectors for vector in document_vectors]
    for start in range(0, len(flat), VECTORS_AT_ONCE):
        block = np.stack(flat[start : start + VECTORS_AT_ONCE])
        found: list[list[Candidate]] = [[] for _ in block]
        for view, mask in zip(snapshot.views, masks, strict=True):
            for of_vector, near in zip(found, _within(view, block, threshold, mask), strict=True):
                of_vector += _best_passages(view.segment, near)
        yield from found


def _within(
    view: View, vectors: NDArray[np.float32], threshold: float, mask: NDArray[np.bool_] | None
) -> list[RowsWithin]:
    segment = view.segment
    try:
        return rows_within(segment.vectors, vectors, threshold, allowed=view.allowed_passages(mask))
    except IndexCorrupt as error:
        raise IndexCorrupt(f"{segment.folder / VECTORS}: {error}") from None


def _best_passages(segment: Segment, within: RowsWithin) -> list[Candidate]:
    """Each document once: rows are ordered by score, and the first of a document is its best."""
    _, first = np.unique(segment.document_rows[within.rows], return_index=True)
    scores = within.scores[first].tolist()
    return [
        Candidate(segment, row, score, dense=score)
        for row, score in zip(within.rows[first].tolist(), scores, strict=True)
    ]


def for_query(candidate: Candidate, query: NDArray[np.float32]) -> Candidate:
    """The document with the passage that a query would find it by, and that score."""
    first, last = candidate.passage_rows
    scores = candidate.segment.vectors.vectors(first, last) @ query
    best = int(np.argmax(scores))
    return Candidate(candidate.segment, first + best, float(scores[best]), dense=float(scores[best]))


def document_rows(snapshot: Snapshot, ids: Sequence[str]) -> list[DocumentRow]:
    """The segment and the row of the document of each id; raises ``ArgumentError`` for one that is not there."""
    checked = checked_ids(ids)
    rows: list[DocumentRow | None] = [None] * len(checked)
    for view in snapshot.views:
        for position, entry in enumerate(view.find(checked)):
            if entry is not None:
                rows[position] = view.segment, entry.row
    for id_, document_row in zip(checked, rows, strict=True):
        if document_row is None:
            raise ArgumentError(f"there is no document with the id {id_!r:.200}")
    return [document_row for document_row in rows if document_row is not None]


def _vectors(document_row: DocumentRow) -> NDArray[np.float32]:
    """The vectors of the passages of a document."""
    segment, row = document_row
    return segment.vectors.vectors(*segment.passage_rows(row, row + 1))
