"""Scores the candidates of judged queries once with both stages.

Tuning computes from these scores what a search would return under any setting, with the code of the search itself.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError
from ...index import Hit, Index
from ...rerank import Reranker
from ...retrieval import DenseRetriever, Encoder, HybridRetriever, TermShare
from ..search import CandidateScorer, KnownFusion, query_slices

QUERIES_AT_ONCE = 8
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class QueryScores:
    """The candidates of a query, in the order of document ids.

    Attributes:
        query_id: Of the query.
        documents: The ids of the candidates.
        dense: Cosines, shape (candidates,).
        lexical: BM25 scores of the same shape, None where the index has no postings.
        logits: Of the reranker, of the same shape.
        lexical_limit: What no BM25 score of the query exceeds; None where it is unknown.
    """

    query_id: str
    documents: tuple[str, ...]
    dense: Floats
    lexical: Floats | None
    logits: Floats
    lexical_limit: float | None = None

    def ranked(self, fusion: KnownFusion | None, k: int) -> tuple[NDArray[np.int64], Floats]:
        """Rank the candidates by the first stage.

        Args:
            fusion: How dense and lexical scores are combined; None takes the dense scores.
            k: Candidates to keep.

        Returns:
            The rows of the best ``k`` candidates, in order, and their scores, both of shape (n,).
        """
        if fusion is None:
            scores = self.dense
        elif self.lexical is None:
            raise ArgumentError("there are no lexical scores to fuse: the index has no postings; run `bicross lexical`")
        else:
            of_query = fusion.within(self.lexical_limit) if isinstance(fusion, TermShare) else fusion
            scores = of_query.fuse(self.dense, self.lexical)
        best = np.lexsort((-self.dense, -scores))[:k]  # ties by dense score, then by id, as in every retriever
        return best, scores[best]


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Queries with the scores of their candidates: the best ``k`` of each retriever."""

    k: int
    queries: tuple[QueryScores, ...]

    @property
    def hybrid(self) -> bool:
        """Tell whether there are lexical scores."""
        return all(query.lexical is not None for query in self.queries)


def score_candidates(
    index: Index,
    queries: Mapping[str, str],
    *,
    encoder: Encoder,
    reranker: Reranker,
    k: int,
    on_progress: Callable[[int, int], None] = lambda done, of: None,
) -> Scored:
    """Score the ``k`` nearest documents of every query, and the ``k`` best by BM25 where the index has postings.

    Args:
        index: The index to search.
        queries: Texts by id.
        encoder: The encoder of the index.
        reranker: The model that scores candidates.
        k: Candidates of each retriever.
        on_progress: Called with how many queries are scored, of how many.
    """
    if not len(index):
        raise ArgumentError(f"{index.path} holds no documents; add some before tuning")
    retrieve = _candidates(index, encoder)
    scorer = CandidateScorer(reranker)
    ids, scored = list(queries), list[QueryScores]()
    for batch in query_slices(ids, QUERIES_AT_ONCE):
        candidates = [sorted(hits, key=_document_id) for hits in retrieve([queries[id_] for id_ in batch], k)]
        pairs = [(queries[query_id], hit) for query_id, hits in zip(batch, candidates, strict=True) for hit in hits]
        logits = np.empty(0)
        if pairs:
            logits = scorer.score(pairs, tokenizer=index.tokenizer_fingerprint)[0].astype(np.float64)
        ends = np.cumsum([len(hits) for hits in candidates])
        parts = np.split(logits, ends[:-1])
        scored += [_scores(*query) for query in zip(batch, candidates, parts, strict=True)]
        on_progress(len(scored), len(ids))
    return Scored(k, tuple(scored))


def _candidates(index: Index, encoder: Encoder) -> Callable[[Sequence[str], int], Sequence[Sequence[Hit]]]:
    """Return a function that finds the best ``k`` candidates of each query, by terms too if the index has postings."""
    return HybridRetriever(index, encoder).candidates if index.analyzer else DenseRetriever(index, encoder).retrieve


def _document_id(hit: Hit) -> str:
    return hit.document.id


def _scores(query_id: str, hits: Sequence[Hit], logits: Floats) -> QueryScores:
    dense = [hit.score if hit.dense_score is None else hit.dense_score for hit in hits]
    lexical = [hit.lexical_score for hit in hits if hit.lexical_score is not None]
    return QueryScores(
        query_id,
        tuple(hit.document.id for hit in hits),
        np.array(dense, np.float64),
        np.array(lexical, np.float64) if len(lexical) == len(hits) else None,
        logits,
        next((hit.lexical_limit for hit in hits if hit.lexical_limit is not None), None),
    )
