"""POST /v1/search: what ``SearchPipeline.search`` does, over HTTP."""

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from ....errors import ArgumentError
from ....index import Document, Index
from ....rerank import Reranker
from ....retrieval import has_index
from ...search import SearchPipeline, SearchResult, Timings, search_record
from ..asking import TheService, answered
from ..batching import about_tokens
from ..http import DOCUMENTED, ApiError, json_response, without_input
from ..service import ServedIndex, Service
from ..settings import Limits
from .requests import SearchRequest

MOST_QUERY_TOKENS = 512
LABEL_CHARACTERS = 100

IndexName = Annotated[str | None, Query(description="The name of the index; the first one where it is left out.")]
router = APIRouter(prefix="/v1", tags=["search"], responses=DOCUMENTED)


@router.post("/search", summary="Search an index")
async def search(body: SearchRequest, request: Request, service: TheService) -> Response:
    """Return the best documents for a query, or for each of several.

    With `query` the answer has `results`, with `queries` it has `answers`, each with its `results`. `generation` says
    which generation of the index was searched, `milliseconds` where the time went, and `reranked` how many of the
    `candidates` the reranker scored: fewer than it should have where `deadline_ms` ended it. With `explain` there
    is the `order` of all candidates: `rank` and `retrieval_rank`, that of the first stage.
    """
    queries = _queries(body)
    check_search(body, queries, service.settings.limits)
    served = service.index(body.index)
    tokens = search_tokens(service, served, body, queries)
    return await answered(
        request, service, lambda: json_response(run_search(service, served, body, queries)), tokens=tokens
    )


@router.get("/documents/{id:path}", summary="Get a document")
async def document(id: str, request: Request, service: TheService, index: IndexName = None) -> Response:  # noqa: A002
    """Return a document by its id."""
    served = service.index(index)

    def get() -> dict[str, object]:
        pinned = served.pipeline.pinned()
        [document] = index_of(pinned).get([id])
        if document is None:
            raise ApiError(404, "unknown_document", "the index has no document of that id")
        return {"index": served.name, "generation": pinned.generation, "document": document_record(document)}

    return json_response(await answered(request, service, get))


@router.get("/index", summary="Describe the indexes")
async def indexes(request: Request, service: TheService) -> Response:
    """Return what each index holds, which models search it, and the fields that a filter can name."""

    def describe() -> dict[str, object]:
        described = [index_record(service, service.index(name)) for name in service.names]
        return {"indexes": described, "limits": {"k": service.settings.limits.k}}

    service.index()  # loading is an error at once
    return json_response(await answered(request, service, describe))


def check_search(body: SearchRequest, queries: Sequence[str], limits: Limits) -> None:
    """Raise ``ApiError`` for a search beyond the limits of the server."""
    if not queries or len(queries) > limits.queries:
        raise ApiError(422, "limit", f"queries must be from 1 to {limits.queries}", param="queries")
    for name, text in [*(("query", query) for query in queries), ("where", body.where or "")]:
        if len(text) > limits.query_characters:
            raise ApiError(422, "limit", f"{name} may have at most {limits.query_characters} characters", param=name)
    if not all(query.strip() for query in queries):
        raise ApiError(400, "bad_request", "a query is blank", param="query")
    for name in ("top_k", "retrieve_k", "rerank_k"):
        value = getattr(body, name)
        if isinstance(value, int) and value > limits.k:
            raise ApiError(422, "limit", f"{name} may be at most {limits.k}", param=name)


def run_search(service: Service, served: ServedIndex, body: SearchRequest, queries: Sequence[str]) -> dict[str, object]:
    """Search one generation of an index, and return the JSON of the answer."""
    started, pipeline = time.perf_counter(), _pipeline(served, service.reranker, body)
    if body.where is not None:
        _check_where(pipeline, body)
    too_long = pipeline.too_long(queries)
    if too_long and pipeline.options.long_queries == "error":
        raise ApiError(400, "query_too_long", f"a query {next(iter(too_long.values()))}", param="query")
    timings = Timings(orders=[] if body.explain else None)
    answers = pipeline.search_batch(
        queries,
        top_k=body.top_k,
        retrieve_k=body.retrieve_k,
        rerank_k=body.rerank_k,
        where=body.where,
        deadline_ms=body.deadline_ms,
        min_relevance=body.min_relevance,
        timings=timings,
        allow_partial=body.allow_partial,
    )
    seconds = time.perf_counter() - started
    service.searched(served, queries, answers, timings, seconds=seconds)
    return _record(served, body, queries, answers, timings) | {
        "milliseconds": {
            "retrieve": round(1000 * timings.retrieve_seconds, 3),
            "rerank": round(1000 * timings.rerank_seconds, 3),
            "total": round(1000 * seconds, 3),
        }
    }


def _record(
    served: ServedIndex,
    body: SearchRequest,
    queries: Sequence[str],
    answers: Sequence[Sequence[SearchResult]],
    timings: Timings,
) -> dict[str, object]:
    records = [
        search_record(query, results, depth, stages=body.explain)
        for query, results, depth in zip(queries, answers, timings.depths, strict=True)
    ]
    if timings.orders is not None:
        records = [
            record | {"order": order_record(order)} for record, order in zip(records, timings.orders, strict=True)
        ]
    if body.query is not None:
        return {"index": served.name, **records[0]}
    return {"index": served.name, "generation": timings.depths[0].generation, "answers": records}


def _queries(body: SearchRequest) -> list[str]:
    if (body.query is None) == (body.queries is None):
        raise ApiError(422, "bad_request", "give query or queries, and not both", param="query")
    return [body.query] if body.query is not None else list(body.queries or ())


def _pipeline(served: ServedIndex, reranker: Reranker | None, body: SearchRequest) -> SearchPipeline:
    """Return the pipeline of this moment's generation, with the blend of the request."""
    pinned = served.pipeline.pinned()
    if body.blend is None and body.rerank is None:
        return pinned
    settings = pinned.settings
    given = replace(
        settings.given,
        blend=settings.given.blend if body.blend is None else body.blend,
        rerank=settings.given.rerank if body.rerank is None else body.rerank,
    )
    settings = replace(settings, given=given)
    fast, cache = pinned.fast_reranker, pinned.cache
    return SearchPipeline(pinned.retriever, reranker, fast_reranker=fast, options=settings, cache=cache)


def _check_where(pipeline: SearchPipeline, body: SearchRequest) -> None:
    index = index_of(pipeline)
    try:
        (index.partial() if body.allow_partial else index).check_filter(body.where or "")
    except ArgumentError as error:
        raise ApiError(400, "bad_filter", f"where: {without_input(str(error))}", param="where") from error


def search_tokens(service: Service, served: ServedIndex, body: SearchRequest, queries: Sequence[str]) -> int:
    """Return about how many tokens a search needs; with a deadline no more than the models process until then."""
    options = served.pipeline.options
    depth = 0
    if body.rerank is not False and (served.pipeline.reranker is not None or body.rerank or body.rerank_k):
        depth = body.rerank_k if isinstance(body.rerank_k, int) else options.depth or options.candidates
        depth = min(depth, body.retrieve_k or depth)
    tokens = sum(
        about_tokens(query, MOST_QUERY_TOKENS) * (1 + depth) + depth * served.passage_tokens for query in queries
    )
    pace = service.thread.pace
    if body.deadline_ms is not None and pace > 0:
        tokens = min(tokens, math.ceil(pace * body.deadline_ms / 1000))
    return tokens


def index_of(pipeline: SearchPipeline) -> Index:
    """Return the index that a pipeline searches."""
    retriever = pipeline.retriever
    assert has_index(retriever)
    return retriever.index


def order_record(results: Sequence[SearchResult]) -> list[dict[str, object]]:
    """Return the ranks of all candidates in both stages as JSON, in the order of the first stage."""
    return [
        {
            "id": result.document.id,
            "label": (result.document.title.strip() or result.passage.text.strip())[:LABEL_CHARACTERS],
            "retrieval_rank": result.retrieval_rank,
            "rank": result.rank,
            "reranked": result.logit is not None,
        }
        for result in sorted(results, key=lambda result: result.retrieval_rank)
    ]


def document_record(document: Document) -> dict[str, object]:
    """Return a document as JSON."""
    metadata = dict(document.metadata)
    return {"id": document.id, "title": document.title, "text": document.text, "metadata": metadata}


def index_record(service: Service, served: ServedIndex) -> dict[str, object]:
    """Return what an index holds, which models search it, and the fields that a filter can name, as JSON."""
    pinned = served.pipeline.pinned()
    index = index_of(pinned)
    info = index.info()
    return {
        "name": served.name,
        "generation": info.generation,
        "documents": info.documents,
        "passages": info.passages,
        "bytes": info.bytes,
        "encoder": {"id": info.model.id, "dimension": info.model.dimension, "max_tokens": served.encoder.max_tokens},
        "reranker": service.reranker_name,
        "settings": pinned.settings.to_dict(),
        "fields": [
            {
                "name": field.name,
                "kinds": dict(field.kinds),
                "minimum": field.minimum,
                "maximum": field.maximum,
                "values": list(field.values),
            }
            for field in index.fields()
        ],
    }
