"""HybridRetriever: finds candidates by vectors and by terms, and fuses their scores."""

import dataclasses
from collections.abc import Sequence
from typing import Self

import numpy as np

from ..errors import ArgumentError
from ..errors.arguments import checked_count, checked_instance, checked_items, checked_texts, described
from ..index import BM25, Hit, Index, Predicate
from .analyzers import analyzer_of
from .encoder import Encoder, check_encoder
from .fusion import Fusion, NormalisedSum
from .retriever import moved


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
    ) -> None:
        """Make a retriever.

        Args:
            index: The index to search.
            encoder: The model that the index was built with.
            fusion: How scores are combined; None is ``NormalisedSum()``.
            weights: Parameters of BM25; None takes the defaults.
            passages: The most passages of a document that a hit may have.

        Raises:
            IndexModelMismatch: ``encoder`` is not the model that the index was built with.
        """
        check_encoder(encoder)
        checked_instance(index, Index, "index").model.require_same(encoder.fingerprint)
        self.index = index
        self.encoder = encoder
        self.fusion = NormalisedSum() if fusion is None else _checked_fusion(fusion)
        self.weights = BM25() if weights is None else checked_instance(weights, BM25, "weights")
        self.passages = checked_count(passages, "passages")

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
        index, queries = self.index.pinned(), checked_texts(queries, "queries")
        analyze = analyzer_of(index)
        if not queries or len(index) == 0:
            return [[] for _ in queries]
        vectors = self.encoder.encode_queries(queries)
        terms = analyze(queries)
        return index.search_both(vectors, terms, k, where=where, weights=self.weights, passages=self.passages)

    def retrieve(self, queries: Sequence[str], k: int, *, where: Predicate | None = None) -> list[list[Hit]]:
        """Return at most ``k`` documents for each query, best first; equal scores by dense score, then by id."""
        return [fused(hits, self.fusion)[:k] for hits in self.candidates(queries, k, where=where)]


def fused(candidates: Sequence[Hit], fusion: Fusion) -> list[Hit]:
    """Order candidates that have both scores by their fusion, which becomes their ``score``."""
    checked = [checked_instance(hit, Hit, "each candidate") for hit in checked_items(candidates, "candidates", "hits")]
    _checked_fusion(fusion)
    dense, lexical = (
        np.array([np.nan if score is None else score for score in scores], np.float64)
        for scores in ([hit.dense_score for hit in checked], [hit.lexical_score for hit in checked])
    )
    scores = fusion.fuse(dense, lexical).tolist()
    hits = [dataclasses.replace(hit, score=score) for hit, score in zip(checked, scores, strict=True)]
    return sorted(hits, key=lambda hit: (-hit.score, -(hit.dense_score or 0.0), hit.document.id))


def _checked_fusion(fusion: Fusion) -> Fusion:
    given: object = fusion
    if isinstance(given, type) or not callable(getattr(given, "fuse", None)):
        raise ArgumentError(f"fusion must be NormalisedSum() or another Fusion, not {described(given)}")
    return fusion
