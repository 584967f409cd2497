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
        of_passages = {
            view.segment.folder.name: scores_of_view
            for view, scores_of_view in zip(snapshot.views, scores, strict=True)
        }
        dense = {candidate.document: candidate for candidate in nearest}
        others = [candidate for candidate in lexical.best(scores, k) if candidate.document not in dense]
        completed = [dataclasses.replace(candidate, lexical=_best_of(candidate, of_passages)) for candidate in nearest]
        lines.append([*completed, *_with_dense(snapshot, vector, others)])
    return lines


def _best_of(candidate: Candidate, of_passages: Mapping[str, NDArray[np.float64]]) -> float:
    """The best BM25 of the passages of a document."""
    first, last = candidate.passage_rows
    return float(of_passages[candidate.document[0]][first:last].max())


def _with_dense(snapshot: Snapshot, vector: NDArray[np.float32], candidates: Sequence[Candidate]) -> list[Candidate]:
    """Documents that were found by their terms, with the best inner product of each, which is their score then."""
    if not candidates:
        return []
    masks: list[NDArray[np.bool_] | None] = [np.zeros(len(view.segment), np.bool_) for view in snapshot.views]
    for mask, view in zip(masks, snapshot.views, strict=True):
        if mask is not None:
            name = view.segment.folder.name
            mask[[candidate.document[1] for candidate in candidates if candidate.document[0] == name]] = True
    dense = {
        candidate.document: candidate.score for candidate in snapshot.nearest(vector[None], len(candidates), masks)[0]
    }
    return [
        dataclasses.replace(candidate, score=dense[candidate.document], dense=dense[candidate.document])
        for candidate in candidates
    ]


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
    vectors = [_vectors(snapshot, document) for document in own]
    flat = np.concatenate([np.empty((0, dimension), np.float32), *vectors])
    lines = iter(snapshot.nearest(flat, k + 1, snapshot.masks(where)))
    hits_of_queries: list[list[Hit]] = []
    for document, document_vectors in zip(own, vectors, strict=True):
        best: dict[tuple[str, int], Candidate] = {}
        for candidate in (candidate for _ in document_vectors for candidate in next(lines)):
            held = best.get(candidate.document)
            if candidate.document != document and (held is None or candidate.score > held.score):
                best[candidate.document] = candidate
        near = ranked(best.values())[:k]
        hits_of_queries.append(hits(near if query is None else [_for_query(candidate, query) for candidate in near]))
    return hits_of_queries


def _for_query(candidate: Candidate, query: NDArray[np.float32]) -> Candidate:
    """The document with the passage that a query would find it by, and that score."""
    first, last = candidate.passage_rows
    scores = candidate.segment.vectors.vectors(first, last) @ query
    best = int(np.argmax(scores))
    return Candidate(candidate.segment, first + best, float(scores[best]), dense=float(scores[best]))


def _place(snapshot: Snapshot, id_: str) -> tuple[str, int]:
    for view in snapshot.views:
        [entry] = view.find([id_])
        if entry is not None:
            return view.segment.folder.name, entry.row
    raise ArgumentError(f"there is no document with the id {id_!r:.200}")


def _vectors(snapshot: Snapshot, document: tuple[str, int]) -> NDArray[np.float32]:
    """The vectors of the passages of a document."""
    name, row = document
    [segment] = [view.segment for view in snapshot.views if view.segment.folder.name == name]
    return segment.vectors.vectors(*segment.passage_rows(row, row + 1))
