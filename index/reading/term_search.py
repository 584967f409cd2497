"""Finds the best documents for a query by BM25."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError
from ...errors.arguments import checked_instance, described
from ..filters import Predicate
from ..segments import Segment
from .bm25 import BM25, BM25Scorer
from .hits import Candidate, Hit, best_candidates, best_hits, cut_by_id
from .snapshot import Snapshot, check_k


class LexicalSearch:
    """The documents of one generation by BM25, for any number of queries."""

    def __init__(self, snapshot: Snapshot, weights: BM25, masks: Sequence[NDArray[np.bool_] | None]) -> None:
        """``masks`` has the documents that may be found, a mask a view; statistics are of all that live.

        Raises ``ArgumentError`` where the index keeps no terms.
        """
        checked_instance(weights, BM25, "weights")
        if not snapshot.manifest.analyzer:
            raise ArgumentError(
                "the index keeps no terms to search for; make them with `bicross index-terms INDEX`, "
                "or build it without lexical=False (bicross index --no-lexical)"
            )
        self._segments = [view.segment for view in snapshot.views]
        self._masks = masks
        self._scorer = BM25Scorer([view.live_postings for view in snapshot.views if view.live_postings], weights)

    def scores(self, query: Sequence[str]) -> list[NDArray[np.float64]]:
        """Of each passage of each view."""
        return self._scorer.scores(query)

    def scores_within(self, query: Sequence[str]) -> tuple[list[NDArray[np.float64]], float]:
        """The scores, and the limit that all scores of the query stay below."""
        return self._scorer.scores_within(query)

    def best(self, scores: Sequence[NDArray[np.float64]], k: int) -> list[Candidate]:
        """The best ``k`` documents by such scores, without those that have none."""
        parts = zip(self._segments, scores, self._masks, strict=True)
        return best_candidates((candidate for part in parts for candidate in best_documents(*part, k=k)), k)


def search_terms(
    snapshot: Snapshot, queries: Sequence[Sequence[str]], k: int, *, where: Predicate | None, weights: BM25
) -> list[list[Hit]]:
    """See ``Index.search_terms``."""
    k = check_k(k)
    check_queries(queries)
    search = LexicalSearch(snapshot, weights, snapshot.masks(where))
    return [best_hits(search.best(search.scores(query), k)) for query in queries]


def check_queries(queries: Sequence[Sequence[str]]) -> None:
    """Raise ``ArgumentError`` unless each query is a list of terms."""
    asked: Any = queries
    if isinstance(asked, str) or not isinstance(asked, Sequence):
        raise ArgumentError(f"queries must be a list with a list of terms for each query, not {described(queries)}")
    for number, query in enumerate(cast("Sequence[object]", queries)):
        terms = cast("Sequence[object]", query) if issubclass(type(query), Sequence) else None
        if terms is None or isinstance(terms, str) or not all(isinstance(term, str) for term in terms):
            raise ArgumentError(f"query {number} must be a list of terms, not {described(query)}")


def best_documents(
    segment: Segment, scores: NDArray[np.float64], allowed: NDArray[np.bool_] | None, *, k: int
) -> list[Candidate]:
    """The best ``k`` documents of a segment, of those that are ``allowed`` and have a score, in the order of rows.

    Of equals those with the lowest ids; a document counts with its best passage, of equals the first.
    """
    rows = np.flatnonzero(scores)
    if allowed is not None:
        rows = rows[allowed[segment.document_rows[rows]]]
    if not len(rows):
        return []
    documents = segment.document_rows[rows]
    first = np.flatnonzero(np.diff(documents, prepend=-1))
    best = np.maximum.reduceat(scores[rows], first)
    chosen = cut_by_id(segment, documents[first], best, k)
    ends = np.append(first[1:], len(rows))
    candidates: list[Candidate] = []
    for number in chosen.tolist():
        its_rows = rows[first[number] : ends[number]]
        row, score = int(its_rows[np.argmax(scores[its_rows])]), float(best[number])
        candidates.append(Candidate(segment, row, score, lexical=score))
    return candidates
