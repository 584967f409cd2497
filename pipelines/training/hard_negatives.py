"""Makes ranking lists with hard negatives: first-stage candidates of judged queries that are not relevant."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...errors import ArgumentError
from ...index import Hit
from ...rerank import Reranker, cutting_queries
from ...retrieval import DenseRetriever, HybridRetriever
from ...training import RankingList
from ..evaluation import Judged
from ..search import candidate_text, query_slices, standardised


@dataclass(frozen=True, slots=True)
class HardNegativeOptions:
    """Which candidates count as negatives: those that are not judged relevant, and no copies of a relevant passage.

    Args:
        depth: First-stage candidates per query.
        margin: Drop candidates whose cosine is above this share of that of the best relevant passage.
        filter_with: Drop candidates that this reranker scores above the best relevant passage.

    Raises:
        ArgumentError: A value is out of its range.
    """

    depth: int = 50
    margin: float | None = None
    filter_with: Reranker | None = None

    def __post_init__(self) -> None:
        if self.depth < 1:
            raise ArgumentError(f"depth must be at least 1, not {self.depth!r}")
        if self.margin is not None and not self.margin > 0:
            raise ArgumentError(f"margin multiplies a cosine and must be above 0, not {self.margin!r}")


def hard_negative_lists(
    judged: Judged,
    texts: Mapping[str, str],
    retriever: DenseRetriever | HybridRetriever,
    options: HardNegativeOptions,
) -> list[RankingList]:
    """Return a list for each judged query: relevant passages, hard negatives in first-stage order, judged negatives.

    Labels are the grades, and 0 for what is not judged. Prior scores are the first-stage scores, standardised over the
    candidates of the query; a passage that is not among them gets the lowest.

    Args:
        judged: Queries and judgments.
        texts: The passages of the judged documents by document id.
        retriever: The first stage.
        options: Which candidates count as negatives.
    """
    lists: list[RankingList] = []
    for query_id, hits in _candidates(judged, retriever, options.depth):
        query, grades = judged.queries[query_id], judged.qrels[query_id]
        scores = standardised(np.array([hit.score for hit in hits], np.float64))
        priors = dict(zip((hit.document.id for hit in hits), scores.tolist(), strict=True))
        candidates = {hit.document.id: candidate_text(hit) for hit in hits}
        judged_texts = {id_: text for id_ in grades if (text := candidates.get(id_) or texts.get(id_))}
        relevant = {id_: text for id_, text in judged_texts.items() if grades[id_] > 0}
        negatives = _negatives(query, relevant, hits, retriever, options)
        passages = relevant | negatives
        passages |= {id_: text for id_, text in judged_texts.items() if grades[id_] <= 0 and id_ not in negatives}
        lowest = min(priors.values(), default=0.0)
        lists.append(
            RankingList(
                query,
                tuple(passages.values()),
                tuple(float(max(0, grades.get(id_, 0))) for id_ in passages),
                tuple(priors.get(id_, lowest) for id_ in passages),
            )
        )
    return lists


def judged_candidates(judged: Judged, retriever: DenseRetriever | HybridRetriever, depth: int) -> list[RankingList]:
    """Return the first ``depth`` candidates of each judged query as a search would rerank them, for evaluation.

    Labels are grades and prior scores are first-stage scores; ``missing`` has the grades of other judged documents.
    """
    lists: list[RankingList] = []
    for query_id, hits in _candidates(judged, retriever, depth):
        grades = judged.qrels[query_id]
        candidate_ids = {hit.document.id for hit in hits}
        lists.append(
            RankingList(
                judged.queries[query_id],
                tuple(candidate_text(hit) for hit in hits),
                tuple(float(grades.get(hit.document.id, 0)) for hit in hits),
                tuple(float(hit.score) for hit in hits),
                missing=tuple(grade for id_, grade in grades.items() if id_ not in candidate_ids),
            )
        )
    return lists


def _candidates(
    judged: Judged, retriever: DenseRetriever | HybridRetriever, depth: int
) -> Iterator[tuple[str, list[Hit]]]:
    for ids in query_slices(list(judged.judged_ids)):
        yield from zip(ids, retriever.retrieve([judged.queries[id_] for id_ in ids], depth), strict=True)


def _negatives(
    query: str,
    relevant: Mapping[str, str],
    hits: Sequence[Hit],
    retriever: DenseRetriever | HybridRetriever,
    options: HardNegativeOptions,
) -> dict[str, str]:
    """The texts of hard negatives by document id, in first-stage order."""
    copies = set(relevant.values())
    negatives = [hit for hit in hits if hit.document.id not in relevant and candidate_text(hit) not in copies]
    if options.margin is not None and negatives:
        best = _best_cosine(query, relevant.values(), retriever)
        negatives = _within_margin(negatives, best, options.margin)
    if options.filter_with is not None and negatives:
        negatives = _not_above_relevant(query, relevant.values(), negatives, options.filter_with)
    return {hit.document.id: candidate_text(hit) for hit in negatives}


def _within_margin(negatives: Sequence[Hit], best: float, margin: float) -> list[Hit]:
    limit = best - (1.0 - margin) * abs(best)  # so that a negative cosine is lowered too
    return [hit for hit in negatives if (hit.score if hit.dense_score is None else hit.dense_score) <= limit]


def _not_above_relevant(
    query: str, relevant: Collection[str], negatives: Sequence[Hit], reranker: Reranker
) -> list[Hit]:
    texts = [*relevant, *(candidate_text(hit) for hit in negatives)]
    scores = cutting_queries(reranker).score([(query, text) for text in texts])
    highest = scores[: len(relevant)].max()
    return [hit for hit, score in zip(negatives, scores[len(relevant) :], strict=True) if score <= highest]


def _best_cosine(query: str, passages: Collection[str], retriever: DenseRetriever | HybridRetriever) -> float:
    vector = retriever.encoder.encode_queries([query])[0]
    return float((retriever.encoder.encode_documents(list(passages)) @ vector).max())
