"""The candidates of judged queries, scored once by both stages: what tuning looks at. Knows no judgment and no measure.

Everything that a search could return under any setting is made from these numbers, by the code that a search uses.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from ...errors import ArgumentError
from ...index import Hit, Index
from ...rerank import Reranker
from ...retrieval import DenseRetriever, Encoder, HybridRetriever
from ..search import CandidateScorer, KnownFusion, query_slices

QUERIES_AT_ONCE = 8
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class QueryScores:
    """The candidates of a query, in the order of document ids.

    ``dense``, ``lexical`` and ``logits`` have the shape (candidates,); ``lexical`` is None where stage one knows no
    words.
    """

    query_id: str
    documents: tuple[str, ...]
    dense: Floats
    lexical: Floats | None
    logits: Floats

    def ranked(self, fusion: KnownFusion | None, k: int) -> tuple[NDArray[np.int64], Floats]:
        """The places of the best ``k`` candidates of stage one, best first, and their scores; both of shape (n,)."""
        if fusion is None:
            scores = self.dense
        elif self.lexical is None:
            raise ArgumentError("there are no lexical scores to fuse: the index keeps no words")
        else:
            scores = fusion.fuse(self.dense, self.lexical)
        best = np.lexsort((-self.dense, -scores))[:k]  # equals by the dense score, then by id, as every retriever does
        return best, scores[best]


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Queries with the scores of their candidates, of which there are ``k`` a retriever."""

    k: int
    queries: tuple[QueryScores, ...]

    @property
    def hybrid(self) -> bool:
        """Whether there are lexical scores."""
        return all(query.lexical is not None for query in self.queries)


def score_candidates(
    index: Index,
    queries: Mapping[str, str],
    *,
    encoder: Encoder,
    reranker: Reranker,
    k: int,
    progress: bool = False,
) -> Scored:
    """Read the ``k`` nearest documents of every query, and the ``k`` with the best words where the index keeps them."""
    if not len(index):
        raise ArgumentError(f"{index.path} holds no documents: there is nothing to tune")
    retrieve = _candidates(index, encoder)
    scorer = CandidateScorer(reranker)
    ids, scored = list(queries), list[QueryScores]()
    with Progress(console=Console(stderr=True), disable=not progress) as bar:
        task = bar.add_task("scoring candidates", total=len(ids))
        for some in query_slices(ids, QUERIES_AT_ONCE):
            found = retrieve([queries[query_id] for query_id in some], k)
            found = [sorted(hits, key=_document_id) for hits in found]
            pairs = [(queries[query_id], hit) for query_id, hits in zip(some, found, strict=True) for hit in hits]
            logits = (
                scorer.score(pairs, tokenizer=index.tokenizer_fingerprint)[0].astype(np.float64)
                if pairs
                else np.empty(0)
            )
            ends = np.cumsum([len(hits) for hits in found])
            parts = np.split(logits, ends[:-1])
            scored += [_scores(*one) for one in zip(some, found, parts, strict=True)]
            bar.update(task, advance=len(some))
    return Scored(k, tuple(scored))


def _candidates(index: Index, encoder: Encoder) -> Any:  # noqa: ANN401 - of both retrievers a method
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
    )
