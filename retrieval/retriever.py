"""Retrievers: find candidate documents for a query."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self, TypeGuard, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..errors.arguments import checked_count, checked_instance, checked_texts
from ..index import Hit, Index, Predicate
from ..inference import has_members
from .encoder import Encoder, check_encoder
from .feedback import Feedback, Ordering, checked_feedback, ordered, pool, refuse_neighbours


class Retriever(Protocol):
    """The first stage of a pipeline."""

    def retrieve(self, queries: Sequence[str], k: int, *, where: Predicate | None = None) -> list[list[Hit]]:
        """Return at most ``k`` documents for each query, best first, of those whose metadata match ``where``."""
        ...


@runtime_checkable
class TokenRetriever(Retriever, Protocol):
    """A retriever whose hits may carry token ids."""

    @property
    def tokenizer(self) -> str:
        """The fingerprint of the tokenizer that made the token ids of its hits; empty where they have none."""
        ...


class Explorer(Protocol):
    """Finds the neighbours of documents for the queries of one search."""

    def neighbours(self, query: int, ids: Sequence[str], k: int) -> list[list[Hit]]:
        """Return the ``k`` documents nearest to each of the given ones, scored for a query as the first stage does.

        Args:
            query: The position of the query in the search, from 0.
            ids: Ids of documents.
            k: Neighbours of each document.
        """
        ...


@runtime_checkable
class ExploringRetriever(Retriever, Protocol):
    """A retriever that can be asked for neighbours."""

    def explorer(self, queries: Sequence[str], *, where: Predicate | None = None) -> Explorer:
        """Return an explorer for these queries, among the documents whose metadata match ``where``."""
        ...


@runtime_checkable
class CandidateExploringRetriever(Retriever, Protocol):
    """A retriever that scores neighbours by what it computed for the candidates, so that both come from one search."""

    def retrieve_and_explore(
        self, queries: Sequence[str], k: int, *, where: Predicate | None = None
    ) -> tuple[list[list[Hit]], Explorer]:
        """Return what ``retrieve`` does, and an explorer for these queries on the same generation."""
        ...


@runtime_checkable
class IndexRetriever(Retriever, Protocol):
    """A retriever over an ``Index`` that can move to another generation."""

    @property
    def index(self) -> Index:
        """The index that it searches."""
        ...

    def over(self, index: Index) -> "IndexRetriever":
        """Return the same retriever over another generation of the index.

        Raises:
            IndexModelMismatch: Another model built that generation.
        """
        ...


@runtime_checkable
class PinnableRetriever(Retriever, Protocol):
    """A retriever whose index may move to another generation at any time."""

    def pinned(self) -> Retriever:
        """Return the same retriever over the generation of this moment, which it never leaves.

        A search asks it several times: for candidates, neighbours, token ids. All answers are then of one generation.
        """
        ...


def has_token_ids(retriever: object) -> TypeGuard[TokenRetriever]:
    """Tell whether a retriever is a ``TokenRetriever``."""
    return has_members(retriever, TokenRetriever)


def can_explore(retriever: object) -> TypeGuard[ExploringRetriever]:
    """Tell whether a retriever is an ``ExploringRetriever``."""
    return has_members(retriever, ExploringRetriever)


def can_explore_candidates(retriever: object) -> TypeGuard[CandidateExploringRetriever]:
    """Tell whether a retriever is a ``CandidateExploringRetriever``."""
    return has_members(retriever, CandidateExploringRetriever)


def _can_be_pinned(retriever: object) -> TypeGuard[PinnableRetriever]:
    return has_members(retriever, PinnableRetriever)


def pinned(retriever: Retriever) -> Retriever:
    """Return a retriever that stays on one generation; one that is not a ``PinnableRetriever`` is returned as it is."""
    return retriever.pinned() if _can_be_pinned(retriever) else retriever


def has_index(retriever: object) -> TypeGuard[IndexRetriever]:
    """Tell whether a retriever is an ``IndexRetriever``."""
    return has_members(retriever, IndexRetriever)


class OverIndex(Protocol):
    """A retriever that keeps its index as an attribute."""

    index: Index


Moved = TypeVar("Moved", bound=OverIndex)


def moved(retriever: Moved, index: Index) -> Moved:
    """Return a copy of a retriever over another index; it keeps its class and all else."""
    other = copy.copy(retriever)
    other.index = index
    return other


class DenseRetriever:
    """Retrieves by the inner product of query and passage vectors."""

    def __init__(self, index: Index, encoder: Encoder, *, passages: int = 1, feedback: Feedback | None = None) -> None:
        """Make a retriever.

        Args:
            index: The index to search.
            encoder: The model that the index was built with.
            passages: The most passages of a document that a hit may have.
            feedback: How strong pseudo-relevance feedback is; None is none.

        Raises:
            IndexModelMismatch: ``encoder`` is not the model that the index was built with.
        """
        check_encoder(encoder)
        checked_instance(index, Index, "index").model.require_same(encoder.fingerprint)
        self.index = index
        self.encoder = encoder
        self.passages = checked_count(passages, "passages")
        self.feedback = checked_feedback(feedback)

    def over(self, index: Index) -> Self:
        """Return the same retriever over another generation of the index."""
        checked_instance(index, Index, "index").model.require_same(self.encoder.fingerprint)
        return moved(self, index)

    def pinned(self) -> Self:
        """Return the same retriever over the generation of this moment, which it never leaves."""
        return moved(self, self.index.pinned())

    @property
    def tokenizer(self) -> str:
        """The fingerprint of the tokenizer that made the token ids in the index; empty where it holds none."""
        return self.index.tokenizer_fingerprint

    def retrieve(self, queries: Sequence[str], k: int, *, where: Predicate | None = None) -> list[list[Hit]]:
        """Return at most ``k`` documents for each query, best first; equal scores are ordered by id.

        With feedback equal scores are ordered by the dense score of the new query vector first, and each search has at
        least 100 candidates, whatever ``k`` is, so that fewer documents are the first of more.

        Args:
            queries: Texts.
            k: The most documents for each query.
            where: A restriction by metadata, as for ``Index.search``.
        """
        index, queries, k = self.index.pinned(), checked_texts(queries, "queries"), checked_count(k, "k")
        if not queries or len(index) == 0:
            return [[] for _ in queries]
        vectors = self.encoder.encode_queries(queries)
        hits_per_query = index.search(vectors, pool(k, self.feedback), where=where, passages=self.passages)
        if self.feedback is None:
            return hits_per_query
        return [self._ordered(index, hits, vector, k) for hits, vector in zip(hits_per_query, vectors, strict=True)]

    def _ordered(self, index: Index, candidates: Sequence[Hit], vector: NDArray[np.float32], k: int) -> list[Hit]:
        hits = sorted(candidates, key=lambda hit: hit.document.id)
        return ordered(index, hits, Ordering(vector, _as_they_are, feedback=self.feedback), k=k)

    def explorer(self, queries: Sequence[str], *, where: Predicate | None = None) -> Explorer:
        """Return an explorer that finds neighbours by their vectors, and scores them as ``retrieve`` does.

        Raises:
            ArgumentError: The retriever has feedback, which scores candidates alone.
        """
        refuse_neighbours(self.feedback)
        vectors = self.encoder.encode_queries(checked_texts(queries, "queries"))
        return _VectorExplorer(self.index.pinned(), vectors, where)


def _as_they_are(dense: NDArray[np.float64]) -> NDArray[np.float64]:
    return dense


@dataclass(frozen=True, slots=True, eq=False)
class _VectorExplorer:
    """An ``Explorer`` by vectors; ``vectors`` are those of the queries, shape (queries, dimension)."""

    index: Index
    vectors: NDArray[np.float32]
    where: Predicate | None

    def neighbours(self, query: int, ids: Sequence[str], k: int) -> list[list[Hit]]:
        """Find neighbours as ``Explorer`` says."""
        return self.index.neighbours(ids, k, where=self.where, query=self.vectors[query])
