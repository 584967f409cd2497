"""The rerank routes of Cohere, Jina, Voyage and TEI, which share their paths."""

import uuid
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from ..asking import TheService, answered
from ..batching import about_tokens
from ..http import ApiError, documented, json_response
from ..service import Service
from .requests import RerankRequest
from .reranking import Reranked, relevant_spans, rerank_texts
from .tei import TeiErrorBody, tei_errors

router = APIRouter(tags=["rerank"], responses=documented(TeiErrorBody))
MOST_PAIR_TOKENS = 512
PATHS = ("/rerank", "/v1/rerank", "/v2/rerank", "/v1/v1/rerank", "/v1/v2/rerank")
"""Cohere's clients put their version behind an address that already ends in /v1."""


async def rerank(body: RerankRequest, request: Request, service: TheService) -> Response:
    """Rerank the documents of the request.

    With `texts` it answers as TEI does, a list of `index` and `score`; with `truncation` as Voyage does, in `data`;
    else as Cohere and Jina do, in `results`. `index` is the place of a document in the request. Scores are relevance,
    from 0 to 1, or logits with `raw_scores`. `cut` lists the documents of which the model saw only the beginning.
    """
    if body.texts is not None:
        with tei_errors():
            return await _reranked(body, request, service, body.texts, _tei)
    texts = [_text(document, body.rank_fields) for document in body.documents or ()]
    return await _reranked(body, request, service, texts, _voyage if body.truncation is not None else _cohere)


for _path in PATHS:
    router.add_api_route(
        _path, rerank, methods=["POST"], summary="Rerank documents", include_in_schema=_path in PATHS[:3]
    )

Shaped = Callable[[Service, RerankRequest, list[str], Reranked], Any]
"""Makes the JSON of an answer."""


async def _reranked(
    body: RerankRequest, request: Request, service: Service, texts: list[str], shaped: Shaped
) -> Response:
    _check(body, service, texts)

    def work() -> Response:
        shortened = texts
        if body.max_tokens_per_doc:
            counter, most = service.counter, body.max_tokens_per_doc
            shortened = [counter.shortened(text, most) for text in texts]
        truncate = False not in (body.truncate, body.truncation)
        return json_response(
            shaped(service, body, texts, rerank_texts(service, body.query, shortened, truncate=truncate))
        )

    tokens = sum(about_tokens(body.query + text, MOST_PAIR_TOKENS) for text in texts)
    return await answered(request, service, work, tokens=tokens)


def _check(body: RerankRequest, service: Service, texts: list[str]) -> None:
    limits = service.settings.limits
    if not texts:
        raise ApiError(400, "empty", "there are no documents", param="documents")
    if len(texts) > limits.texts:
        raise ApiError(422, "limit", f"at most {limits.texts} documents", param="documents")
    if len(body.query) > limits.query_characters:
        raise ApiError(422, "limit", f"query may have at most {limits.query_characters} characters", param="query")
    if any(len(text) > limits.characters for text in texts):
        raise ApiError(422, "limit", f"a document may have at most {limits.characters} characters", param="documents")
    if not body.query.strip():
        raise ApiError(400, "bad_request", "the query is blank", param="query")


def _text(document: str | dict[str, Any], fields: list[str] | None) -> str:
    """Return the text of a document, which Cohere v1 and Jina also take as an object."""
    if isinstance(document, str):
        return document
    values = [document.get(name) for name in fields or ("text",)]
    if not values or not all(isinstance(value, str) for value in values):
        raise ApiError(422, "invalid", "a document must be a text or an object with a text", param="documents")
    return " ".join(str(value) for value in values)


def _best(body: RerankRequest, answer: Reranked) -> list[int]:
    return answer.order[: body.top_n or body.top_k or None]


def _score(body: RerankRequest, answer: Reranked, position: int) -> float:
    return (answer.logits if body.raw_scores else answer.relevance)[position]


def _tei(_: Service, body: RerankRequest, texts: list[str], answer: Reranked) -> list[dict[str, Any]]:
    return [
        {"index": position, "score": _score(body, answer, position)}
        | ({"text": texts[position]} if body.return_text else {})
        for position in answer.order
    ]


def _voyage(service: Service, body: RerankRequest, texts: list[str], answer: Reranked) -> dict[str, Any]:
    data = [
        {"index": position, "relevance_score": _score(body, answer, position)}
        | ({"document": texts[position]} if body.return_documents else {})
        for position in _best(body, answer)
    ]
    usage = {"total_tokens": answer.tokens}
    return {"object": "list", "data": data, "model": _model(service, body), "usage": usage, "cut": answer.cut}


def _cohere(service: Service, body: RerankRequest, texts: list[str], answer: Reranked) -> dict[str, Any]:
    results = list[dict[str, Any]]()
    spans_asked = body.relevant_spans if body.relevant_spans and body.relevant_spans.mode == "enabled" else None
    for position in _best(body, answer):
        result: dict[str, Any] = {"index": position, "relevance_score": _score(body, answer, position)}
        if body.return_documents:
            result["document"] = {"text": texts[position]}
        if spans_asked is not None:
            spans = relevant_spans(
                service, body.query, texts[position], threshold=spans_asked.threshold, most=spans_asked.max_spans
            )
            result["relevant_spans"] = [{"start": s.start, "end": s.end, "score": s.score} for s in spans]
        results.append(result)
    meta: dict[str, Any] = {
        "api_version": {"version": "2"},
        "billed_units": {"search_units": 1},
        "tokens": {"input_tokens": answer.tokens},
    }
    if answer.cut:
        meta["warnings"] = [f"{len(answer.cut)} documents were cut to fit the model: see cut"]
    return {
        "id": str(uuid.uuid4()),
        "object": "rerank",
        "model": _model(service, body),
        "results": results,
        "usage": {"prompt_tokens": answer.tokens, "total_tokens": answer.tokens},
        "meta": meta,
        "cut": answer.cut,
    }


def _model(service: Service, body: RerankRequest) -> str:
    return body.model or service.reranker_name or ""
