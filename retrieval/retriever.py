"""Retrievers: a query to candidate documents. Know an index and an encoder, and nothing of reranking."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeGuard, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..index import Hit, Index, Predicate
from ..inference import has_members
from .encoder import Encoder


class Retriever(Protocol):
    """Stage one of a pipeline."""

    def retrieve(self, queries: Sequence[str], k: int, *, where: Predicate | None = None) -> list[list[Hit]]:
        """At most ``k`` documents for each query, best first, of those whose metadata match ``where``."""
        ...


@runtime_checkable
class TokenRetriever(Retriever, Protocol):
    """A retriever whose hits may carry token ids."""

    @property
    def tokenizer(self) -> str:
        """The fingerprint of the tokenizer that made the ids of its hits; empty where they have none."""
        ...


class Explorer(Protocol):
    """Knows, for the queries of one search, what lies near a document."""

    def neighbours(self, query: int, ids: Sequence[str], k: int) -> list[list[Hit]]:
        """The ``k`` documents nearest to each of these, scored for the query of that number as stage one scores."""
        ...


@runtime_checkable
class ExploringRetriever(Retriever, Protocol):
    """A retriever that can be asked for neighbours."""

    def explorer(self, queries: Sequence[str], *, where: Predicate | None = None) -> Explorer:
        """For these queries, among the documents whose metadata match ``where``."""
        ...


@runtime_checkable
class IndexRetriever(Retriever, Protocol):
    """A retriever over an ``Index``, of which another generation can take its place."""

    @property
    def index(self) -> Index:
        """What it searches."""
        ...

    def over(self, index: Index) -> "IndexRetriever":
        """The same retriever over another generation of the index.

        Raises:
            IndexModelMismatch: Another model built that generation.
        """
        ...


def has_token_ids(retriever: object) -> TypeGuard[TokenRetriever]:
    """Tell whether it is a ``TokenRetriever``."""
    return has_members(retriever, TokenRetriever)


def can_explore(retriever: object) -> TypeGuard[ExploringRetriever]:
    """Tell whether it is an ``ExploringRetriever``."""
    return has_members(retriever, ExploringRetriever)


def has_index(retriever: object) -> TypeGuard[IndexRetriever]:
    """Tell whether it is an ``IndexRetriever``."""
    return has_members(retriever, IndexRetriever)


class DenseRetriever:
    """Retrieves by the inner product of query and passage vectors."""

    def __init__(self, index: Index, encoder: Encoder, *, passages: int = 1) -> None:
        """``passages`` is how many of a document a hit may have.

        Raises ``IndexModelMismatch`` where ``encoder`` is not the model that the index was built with.
        """
        index.model.require_same(encoder.fingerprint)
        self.index = index
        self.encoder = encoder
        self.passages = passages

    def over(self, index: Index) -> "DenseRetriever":
        """The same retriever over another generation of the index."""
        return DenseRetriever(index, self.encoder, passages=self.passages)

    @property
    def tokenizer(self) -> str:
        """The fingerprint of the tokenizer that made the token ids in the index; empty where it holds none."""
        return self.index.tokenizer_fingerprint

    def retrieve(self, queries: Sequence[str], k: int, *, where: Predicate | None = None) -> list[list[Hit]]:
        """At most ``k`` documents for each query, best first, equal scores by id; ``where`` as for ``Index.search``."""
        if not queries or len(self.index) == 0:
            return [[] for _ in queries]
        return self.index.search(self.encoder.encode_queries(queries), k, where=where, passages=self.passages)

    def explorer(self, queries: Sequence[str], *, where: Predicate | None = None) -> Explorer:
        """Knows the nearest of a document by their vectors, scored for a query as ``retrieve`` scores."""
        return _VectorExplorer(self.index, self.encoder.encode_queries(queries), where)


@dataclass(frozen=True, slots=True, eq=False)
class _VectorExplorer:
    """``vectors`` are those of the queries, shape (queries, dimension)."""

    index: Index
    vectors: NDArray[np.float32]
    where: Predicate | None

    def neighbours(self, query: int, ids: Sequence[str], k: int) -> list[list[Hit]]:
        """See ``Explorer``."""
        return self.index.neighbours(ids, k, where=self.where, query=self.vectors[query])
