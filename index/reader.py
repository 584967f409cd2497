"""IndexReader: searches and reads one generation of an index, and changes nothing."""

import copy
from collections.abc import Iterator, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..errors.arguments import checked_count
from .arguments import checked_ids
from .described import DescribedIndex
from .document import Document, Passage
from .filters import Predicate
from .reading import (
    BM25,
    Hit,
    best_hits,
    candidates,
    embedded_documents,
    neighbours,
    passages_of,
    search_both,
    search_terms,
    term_scores,
    vectors_of,
    with_other_passages,
)

DEFAULT_WEIGHTS = BM25()


class IndexReader(DescribedIndex):
    """One generation of an index, open for reading. Any number of threads may use it."""

    def search(
        self, vectors: NDArray[np.float32], k: int, *, where: Predicate | None = None, passages: int = 1
    ) -> list[list[Hit]]:
        """Find the documents whose vectors are nearest to each query vector.

        The score of a document is that of its best passage. Equal scores are ordered by id.

        Args:
            vectors: Unit vectors, float32 of shape (queries, dimension).
            k: How many documents to find for each query. There are fewer if fewer live or match ``where``.
            where: Only documents whose metadata match: a string such as ``"year >= 2020 and source == 'pubmed'"``, or
                an Arrow compute expression.
            passages: The most passages of its document that a hit has: the best one, and those in ``Hit.others``.

        Returns:
            For each query its hits, best first.

        Raises:
            ArgumentError: The vectors have another shape or are not finite, or ``where`` is not valid.
        """
        snapshot = self._snapshot
        nearest = [candidates(snapshot.views, best) for best in snapshot.nearest(vectors, k, snapshot.masks(where))]
        return [best_hits(found) for found in with_other_passages(nearest, vectors, passages)]

    def search_terms(
        self,
        queries: Sequence[Sequence[str]],
        k: int,
        *,
        where: Predicate | None = None,
        weights: BM25 = DEFAULT_WEIGHTS,
    ) -> list[list[Hit]]:
        """Find the documents with the highest BM25 score for each query.

        Only documents with at least one of the query's terms are found. The score of a document is that of its best
        passage. Equal scores are ordered by id. The statistics are those of all live passages, whatever ``where`` is.

        Args:
            queries: The terms of each query, from the analyzer that ``analyzer`` names.
            k: How many documents to find for each query.
            where: As for ``search``.
            weights: The parameters of BM25.

        Returns:
            For each query its hits, best first.

        Raises:
            ArgumentError: The index stores no terms.
        """
        return search_terms(self._snapshot, queries, k, where=where, weights=weights)

    def search_both(
        self,
        vectors: NDArray[np.float32],
        queries: Sequence[Sequence[str]],
        k: int,
        *,
        where: Predicate | None = None,
        weights: BM25 = DEFAULT_WEIGHTS,
        passages: int = 1,
    ) -> list[list[Hit]]:
        """Find what ``search`` and ``search_terms`` find, with both scores of each document.

        The passage of a hit is the one that ``search`` found, or else the one that ``search_terms`` found. Its
        ``lexical_score`` is 0.0 if it has none of the query's terms.

        Args:
            vectors: As for ``search``.
            queries: As for ``search_terms``, one for each vector.
            k: How many documents each search finds; a query has at most ``2 * k`` hits.
            where: As for ``search``.
            weights: As for ``search_terms``.
            passages: As for ``search``.

        Returns:
            For each query its hits, ordered by ``dense_score``.

        Raises:
            ArgumentError: As for ``search`` and ``search_terms``.
        """
        both = search_both(self._snapshot, vectors, queries, k, where=where, weights=weights)
        return [best_hits(found) for found in with_other_passages(both, vectors, passages)]

    def term_scores(
        self, ids: Sequence[str], query: Sequence[str], *, weights: BM25 = DEFAULT_WEIGHTS
    ) -> NDArray[np.float64]:
        """Return the BM25 score that each document has for one query: that of its best passage, 0.0 without a term.

        Args:
            ids: The ids of the documents.
            query: The terms of the query, as for ``search_terms``.
            weights: As for ``search_terms``.

        Returns:
            Shape (documents,), float64.
        """
        return term_scores(self._snapshot, ids, query, weights=weights)

    def neighbours(
        self,
        ids: Sequence[str],
        k: int | None = None,
        *,
        threshold: float | None = None,
        where: Predicate | None = None,
        query: NDArray[np.float32] | None = None,
    ) -> list[list[Hit]]:
        """Find the nearest other documents of each document, by the nearest pair of their passages.

        With ``k`` alone these are the ``k`` nearest. With ``threshold`` alone these are all whose score reaches it:
        every vector is compared, whatever the layout, so none is missed; the scores are exact where the layout keeps
        exact vectors ("Flat", "IVF...,Flat", "HNSW...,Flat"), and else those of its codes. With both these are those of
        the ``k`` nearest whose score reaches it, as fast as the layout finds them, which may miss some.

        Args:
            ids: The ids of the documents.
            k: The most neighbours of each; None sets no limit.
            threshold: The least score of a neighbour, from -1 to 1; None sets none. A score that is lower by no more
                than rounding (1e-6) counts as equal.
            where: As for ``search``.
            query: A unit vector of shape (dimension,). Each neighbour then has the score and the passage that a search
                for this vector gives it; the order is still by nearness to the document, and so is ``threshold``.

        Returns:
            For each document its neighbours, nearest first; equal scores by id.

        Raises:
            ArgumentError: The index does not have one of the ids, ``k`` and ``threshold`` are both None, or one of them
                is not such a number.
        """
        return neighbours(self._snapshot, ids, k, threshold=threshold, where=where, query=query)

    def vectors(self, ids: Sequence[str]) -> list[NDArray[np.float32]]:
        """Return the vectors of documents.

        A document has a vector for each passage, in the order of its text, and no other: their mean would be a vector
        that no search compares. So each document has an array of its own, of one row where it was not split.

        Args:
            ids: The ids of the documents.

        Returns:
            For each document an array of shape (its passages, dimension), float32. The vectors are those that were
            stored where the layout keeps them exactly, else what its codes decode to, of a length near 1.

        Raises:
            ArgumentError: The index does not have one of the ids.

        Example:
            >>> [vectors] = index.vectors(["article-1"])
            >>> vectors.shape
            (3, 384)
        """
        return vectors_of(self._snapshot, ids)

    def pinned(self) -> Self:
        """Return the same generation as an index of its own, which stays on it whatever this one moves to.

        Several calls that must agree with each other go to one pinned index. It shares everything that is open.
        """
        return copy.copy(self)

    def count(self, where: Predicate) -> int:
        """Count the live documents whose metadata match.

        Raises:
            ArgumentError: The predicate cannot be read, or does not fit the fields of the index.
        """
        return sum(int(mask.sum()) for mask in self._snapshot.matching(where))

    def documents(self) -> Iterator[Document]:
        """Yield all live documents, in the order in which they were added."""
        return self._snapshot.documents()

    def sample(self, count: int) -> list[Document]:
        """Return at most so many live documents, evenly spread over the index in the order of adding.

        Raises:
            ArgumentError: ``count`` is not a whole number from 1 on.
        """
        return self._snapshot.sample(checked_count(count, "count"))

    def get(self, ids: Sequence[str]) -> list[Document | None]:
        """Return the document of each id; None for an id that the index does not have."""
        return self._snapshot.get(checked_ids(ids))

    def passages(self, ids: Sequence[str]) -> list[list[Passage]]:
        """Return the passages of each document, in the order of its text: one where it was not split.

        Args:
            ids: The ids of the documents.

        Raises:
            ArgumentError: The index does not have one of the ids.
        """
        return passages_of(self._snapshot, ids)

    def embedded_documents(self, *, where: Predicate | None = None) -> Iterator[tuple[Document, NDArray[np.float32]]]:
        """Yield live documents with what ``vectors`` gives for them, which is faster than by ids.

        Args:
            where: Only documents whose metadata match, as for ``search``; None gives all.

        Raises:
            ArgumentError: The predicate cannot be read, or does not fit the fields of the index.
        """
        return embedded_documents(self._snapshot, where)
