"""Dense and BM25 candidates with both scores."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError
from ..arguments import checked_vectors
from ..filters import Predicate
from .bm25 import BM25
from .document_vectors import document_rows
from .hits import Candidate
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
        raise ArgumentError(
            f"{len(vectors)} query vectors and {len(queries)} lists of terms: give one list for each vector"
        )
    masks = snapshot.masks(where)
    lexical = LexicalSearch(snapshot, weights, masks)
    candidates_per_query: list[list[Candidate]] = []
    for vector, query, nearest in zip(vectors, queries, snapshot.nearest(vectors, k, masks), strict=True):
        scores, limit = lexical.scores_within(query)
        of_passages = {
            view.segment.folder.name: scores_of_view
            for view, scores_of_view in zip(snapshot.views, scores, strict=True)
        }
        dense = {candidate.document: candidate for candidate in nearest}
        others = [candidate for candidate in lexical.best(scores, k) if candidate.document not in dense]
        completed = [
            dataclasses.replace(candidate, lexical=_best_of(candidate, of_passages), lexical_limit=limit)
            for candidate in nearest
        ]
        candidates_per_query.append([*completed, *_with_dense(snapshot, vector, others, limit)])
    return candidates_per_query


def term_scores(snapshot: Snapshot, ids: Sequence[str], query: Sequence[str], *, weights: BM25) -> NDArray[np.float64]:
    """See ``Index.term_scores``."""
    check_queries([query])
    rows = document_rows(snapshot, ids)
    scores = LexicalSearch(snapshot, weights, snapshot.masks(None)).scores(query)
    of_passages = {
        view.segment.folder.name: scores_of_view for view, scores_of_view in zip(snapshot.views, scores, strict=True)
    }
    spans = ((segment.folder.name, segment.passage_rows(row, row + 1)) for segment, row in rows)
    return np.array([of_passages[name][first:last].max() for name, (first, last) in spans], np.float64)


def _best_of(candidate: Candidate, of_passages: Mapping[str, NDArray[np.float64]]) -> float:
    """The best BM25 of the passages of a document."""
    first, last = candidate.passage_rows
    return float(of_passages[candidate.document[0]][first:last].max())


def _with_dense(
    snapshot: Snapshot, vector: NDArray[np.float32], candidates: Sequence[Candidate], limit: float
) -> list[Candidate]:
    """Documents that were found by their terms, with the limit of these, and the best inner product as their score."""
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
        dataclasses.replace(candidate, score=score, dense=score, lexical_limit=limit)
        for candidate in candidates
        for score in [dense[candidate.document]]
    ]
