"""Scores the candidates of judged queries once with both stages.

Tuning computes from these scores what a search would return under any setting, with the code of the search itself.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError
from ...index import Hit, Index
from ...rerank import Reranker
from ...retrieval import DenseRetriever, Encoder, HybridRetriever, TermShare, feedback_scores, fusion_of_query
from ..search import CandidateScorer, KnownFusion, query_slices
from .first_stages import VECTORS, WITH_FEEDBACK, FirstStageSetting

QUERIES_AT_ONCE = 8
FEEDBACK_K = 100
"""The fewest candidates of each retriever with which feedback is tried: a search with feedback has no fewer."""
Floats = NDArray[np.float64]
Retrieve = Callable[[Sequence[str], int], Sequence[Sequence[Hit]]]
"""Finds the best ``k`` candidates of each query."""


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
        feedback: By first stage with feedback: its scores, and the dense scores that decide between equal ones, both of
            the same shape.
    """

    query_id: str
    documents: tuple[str, ...]
    dense: Floats
    lexical: Floats | None
    logits: Floats
    lexical_limit: float | None = None
    feedback: Mapping[FirstStageSetting, tuple[Floats, Floats]] = field(
        default_factory=dict[FirstStageSetting, tuple[Floats, Floats]]
    )

    def ranked(self, first_stage: FirstStageSetting, k: int) -> tuple[NDArray[np.int64], Floats]:
        """Rank the candidates by the first stage.

        Args:
            first_stage: How they are ordered.
            k: Candidates to keep.

        Returns:
            The rows of the best ``k`` candidates, in order, and their scores, both of shape (n,).
        """
        if first_stage.feedback is None:
            scores, ties = self.fused(first_stage.fusion, self.dense), self.dense
        else:
            scores, ties = self.feedback[first_stage]
        best = np.lexsort((-ties, -scores))[:k]  # ties by dense score, then by id, as in every retriever
        return best, scores[best]

    def fused(self, fusion: KnownFusion | None, dense: Floats) -> Floats:
        """Combine dense scores with the lexical ones; without a fusion they stay as they are."""
        if fusion is None:
            return dense
        if self.lexical is None:
            raise ArgumentError(
                "there are no lexical scores to fuse: the index has no postings; run `bicross index-terms`"
            )
        return fusion_of_query(fusion, self.lexical_limit).fuse(dense, self.lexical)

    def with_feedback(self, query: NDArray[np.float32], passages: Sequence[NDArray[np.float32]]) -> "QueryScores":
        """Return the same with the scores of the first stages that have feedback.

        Args:
            query: The vector of the query.
            passages: The vectors of the passages of each candidate.
        """
        scores = {
            first_stage: feedback_scores(
                first_stage.feedback, query, passages, self.dense, partial(self.fused, first_stage.fusion)
            )
            for first_stage in WITH_FEEDBACK
            if first_stage.feedback is not None
        }
        return replace(self, feedback=scores)


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Queries with the scores of their candidates: the best ``k`` of each retriever."""

    k: int
    queries: tuple[QueryScores, ...]

    @property
    def hybrid(self) -> bool:
        """Tell whether there are lexical scores."""
        return all(query.lexical is not None for query in self.queries)

    @property
    def has_limits(self) -> bool:
        """Tell whether it is known what no lexical score exceeds."""
        return self.hybrid and all(query.lexical_limit is not None or not query.documents for query in self.queries)

    @property
    def has_feedback(self) -> bool:
        """Tell whether there are scores with feedback."""
        return self.hybrid and all(query.feedback or not query.documents for query in self.queries)

    def has(self, first_stage: FirstStageSetting) -> bool:
        """Tell whether the candidates can be ordered by a first stage."""
        if first_stage.feedback is not None:
            return self.has_feedback and first_stage in WITH_FEEDBACK
        if isinstance(first_stage.fusion, TermShare):
            return self.has_limits
        return self.hybrid or first_stage == VECTORS


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

    def with_feedback(of_batch: list[QueryScores]) -> list[QueryScores]:
        vectors = encoder.encode_queries([queries[query.query_id] for query in of_batch])
        pairs_of = zip(of_batch, vectors, strict=True)
        return [query.with_feedback(vector, index.vectors(list(query.documents))) for query, vector in pairs_of]

    return score_retrieved(
        _candidates(index, encoder),
        queries,
        reranker=reranker,
        k=k,
        tokenizer=index.tokenizer_fingerprint,
        complete=with_feedback if index.analyzer and k >= FEEDBACK_K else None,
        on_progress=on_progress,
    )


def score_retrieved(  # noqa: PLR0913 - each argument but the first four has a default
    retrieve: Retrieve,
    queries: Mapping[str, str],
    *,
    reranker: Reranker,
    k: int,
    tokenizer: str = "",
    complete: Callable[[list[QueryScores]], list[QueryScores]] | None = None,
    on_progress: Callable[[int, int], None] = lambda done, of: None,
) -> Scored:
    """Score the ``k`` best documents of every query, whatever finds them.

    Args:
        retrieve: Finds candidates.
        queries: Texts by id.
        reranker: The model that scores candidates.
        k: Candidates of each query.
        tokenizer: The fingerprint of the tokenizer that made the token ids of the candidates; empty without any.
        complete: Adds what else is scored of a batch of queries.
        on_progress: Called with how many queries are scored, of how many.
    """
    scorer = CandidateScorer(reranker)
    ids, scored = list(queries), list[QueryScores]()
    for batch in query_slices(ids, QUERIES_AT_ONCE):
        candidates = [sorted(hits, key=_document_id) for hits in retrieve([queries[id_] for id_ in batch], k)]
        pairs = [(queries[query_id], hit) for query_id, hits in zip(batch, candidates, strict=True) for hit in hits]
        logits = np.empty(0)
        if pairs:
            logits = scorer.score(pairs, tokenizer=tokenizer)[0].astype(np.float64)
        ends = np.cumsum([len(hits) for hits in candidates])
        parts = np.split(logits, ends[:-1])
        of_batch = [_scores(*query) for query in zip(batch, candidates, parts, strict=True)]
        scored += of_batch if complete is None else complete(of_batch)
        on_progress(len(scored), len(ids))
    return Scored(k, tuple(scored))


def _candidates(index: Index, encoder: Encoder) -> Retrieve:
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
