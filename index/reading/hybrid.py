"""Dense and BM25 candidates with both scores, and the nearest neighbours of documents."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError
from ..arguments import checked_ids, checked_vectors
from ..filters import Predicate
from .bm25 import BM25
from .hits import Candidate, Hit, hits, ranked
from .snapshot import Snapshot, check_k
from .term_search import LexicalSearch, check_queries


def search_both(
    snapshot: Snapshot,
    vectors: NDArray[np.float32],
    queries: Sequence[Sequence[str]],
    k: int,
    *,
    where: Predicate | None,
    weights: BM25,
) -> list[list[Candidate]]:
    """See ``Index.search_both``."""
    check_queries(queries)
    checked_vectors(vectors)
    k = check_k(k)
    if vectors.ndim != 2 or len(queries) != len(vectors):
        raise ArgumentError(f"{len(vectors)} vectors need as many queries as lists of terms, not {len(queries)}")
    masks = snapshot.masks(where)
    lexical = LexicalSearch(snapshot, weights, masks)
    lines: list[list[Candidate]] = []
    for vector, query, nearest in zip(vectors, queries, snapshot.nearest(vectors, k, masks), strict=True):
        scores = lexical.scores(query)
        of_passages = {view.segment.folder.name: some for view, some in zip(snapshot.views, scores, strict=True)}
        dense = {one.document: one for one in nearest}
        others = [one for one in lexical.best(scores, k) if one.document not in dense]
        completed = [dataclasses.replace(one, lexical=_best_of(one, of_passages)) for one in nearest]
        lines.append([*completed, *_with_dense(snapshot, vector, others)])
    return lines


def _best_of(found: Candidate, of_passages: Mapping[str, NDArray[np.float64]]) -> float:
    """The best BM25 of the passages of a document."""
    first, last = found.passage_rows
    return float(of_passages[found.document[0]][first:last].max())


def _with_dense(snapshot: Snapshot, vector: NDArray[np.float32], found: Sequence[Candidate]) -> list[Candidate]:
    """Documents that were found by their terms, with the best inner product of each, which is their score then."""
    if not found:
        return []
    masks: list[NDArray[np.bool_] | None] = [np.zeros(len(view.segment), np.bool_) for view in snapshot.views]
    for mask, view in zip(masks, snapshot.views, strict=True):
        if mask is not None:
            name = view.segment.folder.name
            mask[[one.document[1] for one in found if one.document[0] == name]] = True
    dense = {one.document: one.score for one in snapshot.nearest(vector[None], len(found), masks)[0]}
    return [dataclasses.replace(one, score=dense[one.document], dense=dense[one.document]) for one in found]


def neighbours(
    snapshot: Snapshot,
    ids: Sequence[str],
    k: int,
    *,
    where: Predicate | None,
    query: NDArray[np.float32] | None,
) -> list[list[Hit]]:
    """See ``Index.neighbours``."""
    k = check_k(k)
    dimension = snapshot.manifest.model.dimension
    if query is not None and checked_vectors(query, "query").shape != (dimension,):
        raise ArgumentError(f"the query has the shape {query.shape}; the index holds vectors of {dimension} dimensions")
    own = [_place(snapshot, id_) for id_ in checked_ids(ids)]
    vectors = [_vectors(snapshot, place) for place in own]
    flat = np.concatenate([np.empty((0, dimension), np.float32), *vectors])
    lines = iter(snapshot.nearest(flat, k + 1, snapshot.masks(where)))
    found: list[list[Hit]] = []
    for place, some in zip(own, vectors, strict=True):
        best: dict[tuple[str, int], Candidate] = {}
        for one in (one for _ in some for one in next(lines)):
            held = best.get(one.document)
            if one.document != place and (held is None or one.score > held.score):
                best[one.document] = one
        near = ranked(best.values())[:k]
        found.append(hits(near if query is None else [_for_query(one, query) for one in near]))
    return found


def _for_query(found: Candidate, query: NDArray[np.float32]) -> Candidate:
    """The document with the passage that a query would find it by, and that score."""
    first, last = found.passage_rows
    scores = found.segment.vectors.vectors(first, last) @ query
    best = int(np.argmax(scores))
    return Candidate(found.segment, first + best, float(scores[best]), dense=float(scores[best]))


def _place(snapshot: Snapshot, id_: str) -> tuple[str, int]:
    for view in snapshot.views:
        [entry] = view.find([id_])
        if entry is not None:
            return view.segment.folder.name, entry.row
    raise ArgumentError(f"there is no document with the id {id_!r:.200}")


def _vectors(snapshot: Snapshot, place: tuple[str, int]) -> NDArray[np.float32]:
    """The vectors of the passages of a document."""
    name, row = place
    [segment] = [view.segment for view in snapshot.views if view.segment.folder.name == name]
    return segment.vectors.vectors(*segment.passage_rows(row, row + 1))
