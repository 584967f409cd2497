"""Finds the best documents for a query by BM25."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError
from ...errors.arguments import checked_instance, described
from ..filters import Predicate
from ..manifest import Manifest
from ..segments import Segment
from .best_rows import BestRows, Found, cut_by_id, merged
from .bm25 import BM25, BM25Scorer, TermStatistics
from .hits import Hit, best_hits, candidates
from .snapshot import Snapshot, check_k


class LexicalSearch:
    """The documents of one generation by BM25, for any number of queries."""

    def __init__(
        self,
        snapshot: Snapshot,
        weights: BM25,
        masks: Sequence[NDArray[np.bool_] | None],
        statistics: TermStatistics | None = None,
    ) -> None:
        """``masks`` has the documents that may be found, a mask a view; statistics are of all that live, or as given.

        Raises ``ArgumentError`` where the index keeps no terms.
        """
        check_terms_are_kept(snapshot.manifest, weights)
        self._views = snapshot.views
        self._masks = masks
        postings = [view.live_postings for view in snapshot.views if view.live_postings]
        self._scorer = BM25Scorer(postings, weights, statistics)

    def scores(self, query: Sequence[str]) -> list[NDArray[np.float64]]:
        """Of each passage of each view."""
        return self._scorer.scores(query)

    def scores_within(self, query: Sequence[str]) -> tuple[list[NDArray[np.float64]], float]:
        """The scores, and the limit that all scores of the query stay below."""
        return self._scorer.scores_within(query)

    def best(self, scores: Sequence[NDArray[np.float64]], k: int) -> BestRows:
        """The best ``k`` documents by such scores, without those that have none."""
        parts = zip(self._views, scores, self._masks, strict=True)
        found = [best_documents(view.segment, of_view, mask, k=k) for view, of_view, mask in parts]
        return merged(self._views, found, k)


def search_terms(
    snapshot: Snapshot, queries: Sequence[Sequence[str]], k: int, *, where: Predicate | None, weights: BM25
) -> list[list[Hit]]:
    """See ``Index.search_terms``."""
    k = check_k(k)
    check_queries(queries)
    search = LexicalSearch(snapshot, weights, snapshot.masks(where))
    found = [search.best(search.scores(query), k) for query in queries]
    return [best_hits(candidates(snapshot.views, best, lexical=True)) for best in found]


def check_terms_are_kept(manifest: Manifest, weights: BM25) -> None:
    """Raise ``ArgumentError`` unless an index keeps terms, and the parameters are some."""
    checked_instance(weights, BM25, "weights")
    if not manifest.analyzer:
        raise ArgumentError(
            "the index keeps no terms to search for; make them with `bicross index-terms INDEX`, "
            "or build it without lexical=False (bicross index --no-lexical)"
        )


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
) -> Found:
    """The best ``k`` documents of a segment, of those that are ``allowed`` and have a score, in the order of rows.

    Of equals those with the lowest ids; a document counts with its best passage, of equals the first.
    """
    rows = np.flatnonzero(scores)
    if allowed is not None:
        rows = rows[allowed[segment.document_rows[rows]]]
    of_rows, documents = scores[rows], segment.document_rows[rows]
    if not len(rows) or len(segment.document_rows) == len(segment):
        chosen = cut_by_id(segment, documents, of_rows, k)
        return of_rows[chosen], rows[chosen]
    first = np.flatnonzero(np.diff(documents, prepend=-1))
    best = np.maximum.reduceat(of_rows, first)
    passages = np.diff(first, append=len(rows))
    place_if_best = np.where(of_rows == np.repeat(best, passages), np.arange(len(rows)), len(rows))
    place = np.minimum.reduceat(place_if_best, first)
    chosen = cut_by_id(segment, documents[first], best, k)
    return best[chosen], rows[place[chosen]]
