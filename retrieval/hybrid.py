"""HybridRetriever: finds candidates by vectors and by terms, and fuses their scores."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..errors.arguments import checked_count, checked_instance, checked_items, checked_texts
from ..index import BM25, Hit, Index, Predicate
from .analyzers import analyzer_of
from .encoder import Encoder, check_encoder
from .feedback import Feedback, Ordering, checked_feedback, ordered, pool, refuse_neighbours
from .fusion import Fusion, NormalisedSum, checked_fusion, fusion_of_query
from .retriever import Explorer, moved


class HybridRetriever:
    """Retrieves by vectors and by terms separately, and orders all candidates by a fusion of their scores."""

    def __init__(
        self,
        index: Index,
        encoder: Encoder,
        *,
        fusion: Fusion | None = None,
        weights: BM25 | None = None,
        passages: int = 1,
        feedback: Feedback | None = None,
    ) -> None:
        """Make a retriever.

        Args:
            index: The index to search.
            encoder: The model that the index was built with.
            fusion: How scores are combined; None is ``NormalisedSum()``.
            weights: Parameters of BM25; None takes the defaults.
            passages: The most passages of a document that a hit may have.
            feedback: How strong pseudo-relevance feedback is; None is none.

        Raises:
            IndexModelMismatch: ``encoder`` is not the model that the index was built with.
        """
        check_encoder(encoder)
        checked_instance(index, Index, "index").model.require_same(encoder.fingerprint)
        self.index = index
        self.encoder = encoder
        self.fusion = NormalisedSum() if fusion is None else checked_fusion(fusion)
        self.weights = BM25() if weights is None else checked_instance(weights, BM25, "weights")
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

    def candidates(self, queries: Sequence[str], k: int, *, where: Predicate | None = None) -> list[list[Hit]]:
        """Return the best ``k`` by vectors and the best ``k`` by terms together, in the dense order.

        Every candidate has both scores.

        Raises:
            ArgumentError: The index has no postings.
            IndexModelMismatch: An unknown analyzer made the postings.
        """
        _, searched = self._search(queries, k, where)
        return [query.candidates for query in searched]

    def retrieve(self, queries: Sequence[str], k: int, *, where: Predicate | None = None) -> list[list[Hit]]:
        """Return at most ``k`` documents for each query, best first; equal scores by dense score, then by id.

        With feedback each search has at least 100 candidates, whatever ``k`` is, so that fewer documents are the first
        of more.
        """
        k = checked_count(k, "k")
        index, searched = self._search(queries, pool(k, self.feedback), where)
        return [self._ordered(index, query, k) for query in searched]

    def retrieve_and_explore(
        self, queries: Sequence[str], k: int, *, where: Predicate | None = None
    ) -> tuple[list[list[Hit]], Explorer]:
        """Return what ``retrieve`` does, and an explorer that scores neighbours by vectors and by terms.

        A neighbour has the score that the fusion gives it among the candidates of its query, as if it alone had been
        retrieved beside them.

        Raises:
            ArgumentError: The retriever has feedback, which scores candidates alone.
        """
        refuse_neighbours(self.feedback)
        index, searched = self._search(queries, k, where)
        in_order = [replace(query, candidates=self._ordered(index, query)) for query in searched]
        explorer = _HybridExplorer(index, in_order, where, self.fusion, self.weights)
        return [query.candidates[:k] for query in in_order], explorer

    def _ordered(self, index: Index, searched: "_Searched", k: int | None = None) -> list[Hit]:
        hits = sorted(searched.candidates, key=lambda hit: hit.document.id)
        lexical = np.array([hit.lexical_score or 0.0 for hit in hits], np.float64)
        fuse = partial(_fused_with, fusion=fusion_of_query(self.fusion, _limit(hits)), lexical=lexical)
        return ordered(index, hits, Ordering(searched.vector, fuse, lexical, self.feedback), k=k)

    def _search(self, queries: Sequence[str], k: int, where: Predicate | None) -> tuple[Index, list["_Searched"]]:
        """Return the generation that was searched, and what was found for each query, in the dense order."""
        index, queries = self.index.pinned(), checked_texts(queries, "queries")
        analyze = analyzer_of(index)
        if not queries or len(index) == 0:
            return index, [_Searched(np.empty(0, np.float32), (), []) for _ in queries]
        vectors, terms = self.encoder.encode_queries(queries), analyze(queries)
        hits = index.search_both(vectors, terms, k, where=where, weights=self.weights, passages=self.passages)
        return index, [_Searched(*query) for query in zip(vectors, terms, hits, strict=True)]


@dataclass(frozen=True, slots=True, eq=False)
class _Searched:
    """A query that was searched: its vector, its terms, and all candidates of both searches."""

    vector: NDArray[np.float32]
    terms: Sequence[str]
    candidates: list[Hit]


@dataclass(frozen=True, slots=True, eq=False)
class _HybridExplorer:
    """An ``Explorer`` that finds neighbours by their vectors, and scores them by both lists."""

    index: Index
    searched: Sequence[_Searched]
    where: Predicate | None
    fusion: Fusion
    weights: BM25

    def neighbours(self, query: int, ids: Sequence[str], k: int) -> list[list[Hit]]:
        """Find neighbours as ``Explorer`` says."""
        searched = self.searched[query]
        hits_per_document = self.index.neighbours(ids, k, where=self.where, query=searched.vector)
        candidates = {hit.document.id: hit for hit in searched.candidates}
        nearest = {
            hit.document.id: hit for hits in hits_per_document for hit in hits if hit.document.id not in candidates
        }
        lexical = self.index.term_scores(list(nearest), searched.terms, weights=self.weights)
        scored = candidates | dict(zip(nearest, self._fused(searched, list(nearest.values()), lexical), strict=True))
        return [[scored[hit.document.id] for hit in hits] for hits in hits_per_document]

    def _fused(self, searched: _Searched, hits: Sequence[Hit], lexical: NDArray[np.float64]) -> list[Hit]:
        """Give each hit its lexical score, and the score of the fusion beside the candidates."""
        of_candidates = [(hit.dense_score, hit.lexical_score) for hit in searched.candidates]
        both = np.array([*of_candidates, (0.0, 0.0)], np.float64)  # its last row is that of one neighbour at a time
        fused_hits, fusion = list[Hit](), fusion_of_query(self.fusion, _limit(searched.candidates))
        for hit, lexical_score in zip(hits, lexical.tolist(), strict=True):
            both[-1] = hit.score, lexical_score
            score = float(fusion.fuse(both[:, 0].copy(), both[:, 1].copy())[-1])
            fused_hits.append(replace(hit, score=score, lexical_score=lexical_score))
        return fused_hits


def fused(candidates: Sequence[Hit], fusion: Fusion) -> list[Hit]:
    """Order candidates that have both scores by their fusion, which becomes their ``score``."""
    checked = [checked_instance(hit, Hit, "each candidate") for hit in checked_items(candidates, "candidates", "hits")]
    checked_fusion(fusion)
    dense, lexical = (
        np.array([np.nan if score is None else score for score in scores], np.float64)
        for scores in ([hit.dense_score for hit in checked], [hit.lexical_score for hit in checked])
    )
    scores = fusion_of_query(fusion, _limit(checked)).fuse(dense, lexical).tolist()
    hits = [replace(hit, score=score) for hit, score in zip(checked, scores, strict=True)]
    return sorted(hits, key=lambda hit: (-hit.score, -(hit.dense_score or 0.0), hit.document.id))


def _limit(hits: Sequence[Hit]) -> float | None:
    """Return what no BM25 score of the query of some hits exceeds; None where the search did not say it."""
    return next((hit.lexical_limit for hit in hits if hit.lexical_limit is not None), None)


def _fused_with(dense: NDArray[np.float64], *, fusion: Fusion, lexical: NDArray[np.float64]) -> NDArray[np.float64]:
    return fusion.fuse(dense, lexical)
