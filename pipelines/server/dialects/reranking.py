"""Reranks texts that a request brings along."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ....index import sentence_spans
from ....rerank import UNCALIBRATED, long_queries
from ..http import ApiError
from ..service import Service


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a text with its relevance; ``start`` and ``end`` count characters."""

    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class Reranked:
    """Texts in their new order.

    Attributes:
        order: The places of the texts, the best first.
        logits: Of each text, in the order of the request.
        relevance: From 0 to 1, in the order of the request.
        tokens: Tokens of all pairs.
        cut: The places of the texts of which the model saw only the beginning.
    """

    order: list[int]
    logits: list[float]
    relevance: list[float]
    tokens: int
    cut: list[int]


def rerank_texts(service: Service, query: str, texts: Sequence[str], *, truncate: bool = True) -> Reranked:
    """Score texts for a query, in the calling thread of a request.

    Args:
        service: Whose reranker scores them.
        query: The query.
        texts: The texts.
        truncate: Whether a text that is too long is cut; else it is an error.
    """
    counter, reranker = service.counter, service.text_reranker()
    if too_long := long_queries(reranker, [query]):
        raise ApiError(400, "query_too_long", f"the query {too_long[0]}", param="query")
    [query_tokens, *counts] = counter.count([query, *texts])
    cut = counter.cut(query_tokens, counts)
    if cut and not truncate:
        raise ApiError(422, "too_long", f"{len(cut)} texts are longer than the model's {counter.most} tokens")
    service.metrics.cut(len(cut))
    logits = reranker.score([(query, text) for text in texts])
    if not np.isfinite(logits).all():
        raise ApiError(500, "model_failed", "the model gave a score that is not finite")
    order: list[int] = np.argsort(-logits, kind="stable").tolist()
    tokens = sum(counts) + len(texts) * (query_tokens + counter.special)
    return Reranked(order, logits.tolist(), _relevance(logits), tokens, cut)


def relevant_spans(
    service: Service, query: str, text: str, *, threshold: float = 0.1, most: int | None = None
) -> list[Span]:
    """Return the sentences of a text whose relevance reaches ``threshold``, the best first."""
    places = sentence_spans(text)
    if not places:
        return []
    relevance = _relevance(service.text_reranker().score([(query, text[start:end]) for start, end in places]))
    spans = [Span(*ends, score) for ends, score in zip(places, relevance, strict=True) if score >= threshold]
    return sorted(spans, key=lambda span: -span.score)[:most]


def _relevance(logits: NDArray[np.float32]) -> list[float]:
    return UNCALIBRATED.apply(logits.astype(np.float64)).tolist()
