"""Dense and BM25 candidates with both scores."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError
from ..arguments import checked_vectors
from ..filters import Predicate
from .best_rows import BestRows
from .bm25 import BM25
from .document_vectors import document_rows
from .hits import Candidate, candidates
from .nearest import nearest_rows
from .snapshot import Snapshot, check_k
from .term_search import LexicalSearch, check_queries
from .view import View

DocumentOfView = tuple[int, int]
"""The number of a view, and the row of a document in it."""


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
        by_vectors = [
            replace(found, lexical=_best_of(found, scores[number]), lexical_limit=limit)
            for number, found in zip(map(int, nearest.views), candidates(snapshot.views, nearest), strict=True)
        ]
        best = lexical.best(scores, k)
        held = set(_documents(snapshot.views, nearest))
        by_terms = dict(
            zip(_documents(snapshot.views, best), candidates(snapshot.views, best, lexical=True), strict=True)
        )
        dense = dense_scores(snapshot, vector, [document for document in by_terms if document not in held])
        added = [
            replace(by_terms[document], score=score, dense=score, lexical_limit=limit)
            for document, score in dense.items()
        ]
        candidates_per_query.append(by_vectors + added)
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


def _best_of(found: Candidate, scores: NDArray[np.float64]) -> float:
    """The best BM25 of the passages of a document, given the scores of all passages of its segment."""
    first, last = found.passage_rows
    return float(scores[first:last].max())


def _documents(views: Sequence[View], best: BestRows) -> list[DocumentOfView]:
    """The documents that were found, in the same order."""
    found = zip(map(int, best.views), map(int, best.rows), strict=True)
    return [(number, int(views[number].segment.document_rows[row])) for number, row in found]


def dense_scores(
    snapshot: Snapshot, vector: NDArray[np.float32], documents: Sequence[DocumentOfView]
) -> dict[DocumentOfView, float]:
    """The best inner product of each of some documents with a vector."""
    masks = {number: np.zeros(len(snapshot.views[number].segment), np.bool_) for number, _ in documents}
    for number, row in documents:
        masks[number][row] = True
    if not masks:
        return {}
    numbers = list(masks)
    views = [snapshot.views[number] for number in numbers]
    settings = snapshot.manifest.vectors.settings
    [best] = nearest_rows(views, vector[None], len(documents), list(masks.values()), settings=settings)
    scores = zip(_documents(views, best), map(float, best.scores), strict=True)
    return {(numbers[number], row): score for (number, row), score in scores}
