"""HybridRetriever: dense and lexical candidates, fused. Knows an index and an encoder, and nothing of reranking."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from ..index import BM25, Hit, Index, Predicate
from .encoder import Encoder
from .fusion import Fusion, NormalisedSum
from .lexical import analyse, require_analyzer


class HybridRetriever:
    """Retrieves by vectors and by terms, each on its own, and orders what both have found by a fusion of the scores."""

    def __init__(
        self,
        index: Index,
        encoder: Encoder,
        *,
        fusion: Fusion | None = None,
        weights: BM25 | None = None,
        passages: int = 1,
    ) -> None:
        """``fusion=None`` is ``NormalisedSum()``; ``passages`` is how many of a document a hit may have.

        Raises ``IndexModelMismatch`` where ``encoder`` is not the model that the index was built with.
        """
        index.model.require_same(encoder.fingerprint)
        self.index = index
        self.encoder = encoder
        self.fusion = fusion or NormalisedSum()
        self.weights = weights or BM25()
        self.passages = passages

    def over(self, index: Index) -> "HybridRetriever":
        """The same retriever over another generation of the index."""
        return HybridRetriever(index, self.encoder, fusion=self.fusion, weights=self.weights, passages=self.passages)

    @property
    def tokenizer(self) -> str:
        """The fingerprint of the tokenizer that made the token ids in the index; empty where it holds none."""
        return self.index.tokenizer_fingerprint

    def candidates(self, queries: Sequence[str], k: int, *, where: Predicate | None = None) -> list[list[Hit]]:
        """The best ``k`` by vectors and the best ``k`` by terms together, both scores complete, in the dense order.

        Raises ``ArgumentError`` where the index keeps no terms, and ``IndexModelMismatch`` where they are of an
        analyzer that is unknown.
        """
        require_analyzer(self.index)
        if not queries or len(self.index) == 0:
            return [[] for _ in queries]
        vectors = self.encoder.encode_queries(queries)
        terms = analyse(queries)
        return self.index.search_both(vectors, terms, k, where=where, weights=self.weights, passages=self.passages)

    def retrieve(self, queries: Sequence[str], k: int, *, where: Predicate | None = None) -> list[list[Hit]]:
        """At most ``k`` documents for each query, best first, equal scores by the dense score, then by id."""
        return [fused(hits, self.fusion)[:k] for hits in self.candidates(queries, k, where=where)]


def fused(candidates: Sequence[Hit], fusion: Fusion) -> list[Hit]:
    """Candidates that have both scores, in the order of their fusion, which is their ``score`` then."""
    dense, lexical = (
        np.array([np.nan if score is None else score for score in scores], np.float64)
        for scores in ([hit.dense_score for hit in candidates], [hit.lexical_score for hit in candidates])
    )
    scores = fusion.fuse(dense, lexical).tolist()
    hits = [dataclasses.replace(hit, score=score) for hit, score in zip(candidates, scores, strict=True)]
    return sorted(hits, key=lambda hit: (-hit.score, -(hit.dense_score or 0.0), hit.document.id))
