"""SearchPipeline: stage one retrieves candidates, stage two re-sorts them. Knows how to order, not how to score."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import ArgumentError, QueryError
from ..index import Index, Predicate
from ..rerank import DEFAULT_RERANKER, Reranker
from ..retrieval import DenseRetriever, Encoder, Retriever
from .models import open_encoder, open_reranker, require_one_device
from .ordering import SearchResult, order
from .reranking import score_candidates

MAX_QUERY_CHARACTERS = 8192


@dataclass(slots=True)
class Timings:
    """Where the time went: pass one to ``search_batch``, which adds to it."""

    queries: int = 0
    pairs: int = 0
    retrieve_seconds: float = 0.0
    rerank_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class _Cutoffs:
    """The three k of one call."""

    retrieve_k: int
    rerank_k: int
    top_k: int

    def __post_init__(self) -> None:
        for name in ("retrieve_k", "rerank_k", "top_k"):
            _require_positive(name, getattr(self, name))
        for name in ("rerank_k", "top_k"):
            if getattr(self, name) > self.retrieve_k:
                raise ArgumentError(
                    f"{name}={getattr(self, name)} is larger than retrieve_k={self.retrieve_k}: "
                    "stage two cannot see what stage one did not retrieve"
                )


class SearchPipeline:
    """Chains a retriever and a reranker; ``reranker=None`` is stage one alone.

    ``retrieve_k`` documents are retrieved, the first ``rerank_k`` of them are read by the reranker, and the best
    ``top_k`` are returned. ``blend`` is the weight of the reranker's score against stage one's, both standardised
    within the candidates of a query; None takes what the reranker says, 1.0 is the reranker alone.
    """

    def __init__(
        self,
        retriever: Retriever,
        reranker: Reranker | None,
        *,
        retrieve_k: int = 100,
        rerank_k: int = 100,
        top_k: int = 10,
        blend: float | None = None,
    ) -> None:
        self.retriever = retriever
        self.reranker = reranker
        self._cutoffs = _Cutoffs(retrieve_k, rerank_k, top_k)
        if blend is not None and not 0.0 <= blend <= 1.0:
            raise ArgumentError(f"blend must be a number from 0 to 1, not {blend!r}")
        self.blend = blend if blend is not None else 1.0 if reranker is None else reranker.blend

    @classmethod
    def open(  # noqa: PLR0913 - the one call that most programs make: each argument has a default
        cls,
        path: str | Path,
        *,
        encoder: str | Path | Encoder | None = None,
        reranker: str | Path | Reranker | None = DEFAULT_RERANKER,
        device: str | None = None,
        retrieve_k: int = 100,
        rerank_k: int = 100,
        top_k: int = 10,
    ) -> "SearchPipeline":
        """Open an index with its models.

        ``encoder=None`` is the one that the index was built with, if it is on this machine: an index alone never causes
        a download. Raises ``IndexModelMismatch`` where another encoder is given.
        """
        _Cutoffs(retrieve_k, rerank_k, top_k)  # a mistake here should not first cost the loading of two models
        require_one_device(device)
        index = Index.open(path)
        retriever = DenseRetriever(index, open_encoder(index, encoder, device=device))
        stage_two = open_reranker(reranker, device=device)
        return cls(retriever, stage_two, retrieve_k=retrieve_k, rerank_k=rerank_k, top_k=top_k)

    def search(
        self,
        query: str,
        *,
        top_k: int | None = None,
        retrieve_k: int | None = None,
        rerank_k: int | None = None,
        where: Predicate | None = None,
    ) -> list[SearchResult]:
        """The best documents for one query; see ``search_batch``."""
        return self.search_batch([query], top_k=top_k, retrieve_k=retrieve_k, rerank_k=rerank_k, where=where)[0]

    def search_batch(
        self,
        queries: Sequence[str],
        *,
        top_k: int | None = None,
        retrieve_k: int | None = None,
        rerank_k: int | None = None,
        where: Predicate | None = None,
        timings: Timings | None = None,
    ) -> list[list[SearchResult]]:
        """The best documents for each query, best first; fewer than ``top_k`` where the index has fewer.

        ``where`` restricts the search to documents whose metadata match it: ``"year >= 2020 and source == 'pubmed'"``,
        or an Arrow compute expression.
        Each k that is given replaces the pipeline's own for this call; where only ``retrieve_k`` is given and is
        smaller than the pipeline's other two, these follow it. Equal scores keep the order of stage one. Raises
        ``QueryError`` for a query that is blank, too long or not text, and ``ArgumentError`` for an impossible k.
        """
        cutoffs = self._resolve(retrieve_k, rerank_k, top_k)
        if isinstance(queries, str):
            raise QueryError("search_batch takes a list of queries; for one query call search")
        for number, query in enumerate(queries):
            _check_query(query, number)
        started = time.perf_counter()
        candidates = self.retriever.retrieve(queries, cutoffs.retrieve_k, where=where) if queries else []
        retrieved = time.perf_counter()
        read = [hits[: cutoffs.rerank_k] for hits in candidates]
        logits = [np.empty(0, np.float32) for _ in read]
        if self.reranker is not None:
            logits = score_candidates(self.reranker, queries, read)
        if timings is not None:
            timings.queries += len(queries)
            timings.pairs += sum(len(scores) for scores in logits)
            timings.retrieve_seconds += retrieved - started
            timings.rerank_seconds += time.perf_counter() - retrieved
        return [
            order(hits, scores, self.blend)[: cutoffs.top_k] for hits, scores in zip(candidates, logits, strict=True)
        ]

    def _resolve(self, retrieve_k: int | None, rerank_k: int | None, top_k: int | None) -> _Cutoffs:
        own = self._cutoffs
        if retrieve_k is None:
            retrieve_k = own.retrieve_k
        _require_positive("retrieve_k", retrieve_k)
        return _Cutoffs(
            retrieve_k,
            min(own.rerank_k, retrieve_k) if rerank_k is None else rerank_k,
            min(own.top_k, retrieve_k) if top_k is None else top_k,
        )


def _require_positive(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ArgumentError(f"{name} must be a whole number of at least 1, not {value!r}")


def _check_query(query: object, number: int) -> None:
    """Raise ``QueryError`` naming the query by its place in the batch."""
    if not isinstance(query, str):
        raise QueryError(f"query {number} must be a string, not {type(query).__name__}: {query!r:.80}")
    if len(query) > MAX_QUERY_CHARACTERS:
        raise QueryError(f"query {number} has {len(query)} characters; at most {MAX_QUERY_CHARACTERS} are allowed")
    if not query.strip():
        raise QueryError(f"query {number} is blank")
    for position, character in enumerate(query):
        if character == "\0" or "\ud800" <= character <= "\udfff":
            what = "a NUL character" if character == "\0" else f"a lone surrogate U+{ord(character):04X}"
            raise QueryError(f"query {number} has {what} at character {position}")
