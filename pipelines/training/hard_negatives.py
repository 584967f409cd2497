"""Hard negatives: what stage one finds near the top that is not relevant. Knows an index and judgments, no training."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...errors import ArgumentError
from ...index import Hit, passage_text
from ...rerank import Reranker
from ...retrieval import DenseRetriever, HybridRetriever
from ...training import RankingList
from ..evaluation import Judged
from ..search import query_slices, standardised
from .reranker_evaluation import HeldOutQuery


@dataclass(frozen=True, slots=True)
class HardNegativeOptions:
    """Which candidates count as negatives.

    Those among the first ``depth`` of stage one that are not judged relevant and are no copies of what is. With
    ``margin``, none whose cosine with the query is above so many times that of the best relevant document; with
    ``filter_with``, none that this reranker scores above the best relevant one: both are likely to be relevant.
    """

    depth: int = 50
    margin: float | None = None
    filter_with: Reranker | None = None

    def __post_init__(self) -> None:
        if self.depth < 1:
            raise ArgumentError(f"depth must be at least 1, not {self.depth!r}")
        if self.margin is not None and not self.margin > 0:
            raise ArgumentError(f"the margin multiplies a cosine, and must be above 0, not {self.margin!r}")


def hard_negative_lists(
    judged: Judged, texts: Mapping[str, str], retriever: DenseRetriever | HybridRetriever, mining: HardNegativeOptions
) -> list[RankingList]:
    """A list for each judged query: relevant documents, then negatives in the order of stage one, then judged ones.

    ``texts`` has the passages of judged documents. Labels are grades, and 0 for what nobody judged; prior scores are
    those of stage one with mean 0 and deviation 1 among its candidates, the lowest for what is not among them.
    """
    lists: list[RankingList] = []
    for query_id, hits in _found(judged, retriever, mining.depth):
        query, grades = judged.queries[query_id], judged.qrels[query_id]
        scores = standardised(np.array([hit.score for hit in hits], np.float64))
        prior = dict(zip((hit.document.id for hit in hits), scores.tolist(), strict=True))
        found = {hit.document.id: _text(hit) for hit in hits}
        known = {id_: text for id_ in grades if (text := found.get(id_) or texts.get(id_))}
        positives = {id_: text for id_, text in known.items() if grades[id_] > 0}
        judged_others = {id_: text for id_, text in known.items() if grades[id_] <= 0}
        negatives = _negatives(query, positives, hits, retriever, mining)
        passages = positives | negatives | {id_: text for id_, text in judged_others.items() if id_ not in negatives}
        lowest = min(prior.values(), default=0.0)
        lists.append(
            RankingList(
                query,
                tuple(passages.values()),
                tuple(float(max(0, grades.get(id_, 0))) for id_ in passages),
                tuple(prior.get(id_, lowest) for id_ in passages),
            )
        )
    return lists


def judged_candidates(judged: Judged, retriever: DenseRetriever | HybridRetriever, depth: int) -> list[HeldOutQuery]:
    """The candidates of each judged query as a search would rerank them."""
    queries: list[HeldOutQuery] = []
    for query_id, hits in _found(judged, retriever, depth):
        grades = judged.qrels[query_id]
        candidates = RankingList(
            judged.queries[query_id],
            tuple(_text(hit) for hit in hits),
            tuple(float(grades.get(hit.document.id, 0)) for hit in hits),
            tuple(float(hit.score) for hit in hits),
        )
        found = {hit.document.id for hit in hits}
        queries.append(HeldOutQuery(candidates, tuple(grade for id_, grade in grades.items() if id_ not in found)))
    return queries


def _found(judged: Judged, retriever: DenseRetriever | HybridRetriever, depth: int) -> list[tuple[str, list[Hit]]]:
    ids = list(judged.judged_ids)
    hits: list[list[Hit]] = []
    for some in query_slices(ids):
        hits += retriever.retrieve([judged.queries[id_] for id_ in some], depth)
    return list(zip(ids, hits, strict=True))


def _negatives(
    query: str,
    positives: Mapping[str, str],
    hits: Sequence[Hit],
    retriever: DenseRetriever | HybridRetriever,
    mining: HardNegativeOptions,
) -> dict[str, str]:
    """The texts of negatives by id, in the order of stage one."""
    copies = set(positives.values())
    others = [hit for hit in hits if hit.document.id not in positives and _text(hit) not in copies]
    if mining.margin is not None and others:
        best = _best_cosine(query, positives.values(), retriever)
        limit = best - (1.0 - mining.margin) * abs(best)
        others = [hit for hit in others if (hit.score if hit.dense_score is None else hit.dense_score) <= limit]
    if mining.filter_with is not None and others:
        texts = [*positives.values(), *(_text(hit) for hit in others)]
        scores = mining.filter_with.score([(query, text) for text in texts])
        highest, rest = scores[: len(positives)].max(), scores[len(positives) :]
        others = [hit for hit, score in zip(others, rest, strict=True) if score <= highest]
    return {hit.document.id: _text(hit) for hit in others}


def _best_cosine(query: str, passages: Collection[str], retriever: DenseRetriever | HybridRetriever) -> float:
    vector = retriever.encoder.encode_queries([query])[0]
    return float((retriever.encoder.encode_documents(list(passages)) @ vector).max())


def _text(hit: Hit) -> str:
    return passage_text(hit.document.title, hit.passage.text)
