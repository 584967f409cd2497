"""Agent: what the tools do, on the indexes and models of a ``Service``, one generation for each answer."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar, cast

from mcp.server.mcpserver.exceptions import ToolError

from ....errors import ArgumentError
from ....index import Index
from ...answers import ContextPipeline, Count
from ...server import (
    ApiError,
    SearchRequest,
    ServedIndex,
    Service,
    answered_alone,
    check_search,
    index_of,
    index_record,
    run_search,
    search_tokens,
)
from .arguments import ContextArguments, DocumentArguments, InfoArguments, SearchArguments
from .documents import MOST_OF_A_RESOURCE, document_uri, get_document, span_of
from .errors import told

Value = TypeVar("Value")
Record = dict[str, Any]
LOOK_SECONDS = 0.05
"""How often a call looks whether the models are loaded."""
MOST_OF_A_PASSAGE = 4_000
"""The most characters of a passage in a result."""
CONTEXT_CANDIDATES = 50


class Agent:
    """Does what the tools are for.

    Args:
        service: The indexes and models. Calls wait until it is loaded.
    """

    def __init__(self, service: Service) -> None:
        self.service = service
        self._contexts: dict[str, tuple[object, Index, ContextPipeline]] = {}

    async def search(self, asked: SearchArguments) -> Record:
        """Return the best documents for a query."""
        served = await self._served(asked.index)
        body = SearchRequest(query=asked.query, top_k=asked.top_k, where=asked.where)

        def work() -> Record:
            record = run_search(self.service, served, body, [asked.query])
            results = [_result(served.name, result) for result in cast("list[Record]", record["results"])]
            hint = None if results else _hint(record, asked.where)
            return {
                "index": served.name,
                "generation": record["generation"],
                "query": asked.query,
                "results": results,
                "hint": hint,
            }

        return await self._answered(served, work, body=body)

    async def get_document(self, asked: DocumentArguments) -> Record:
        """Return a document or a part of it."""
        served = await self._served(asked.index)

        def work() -> Record:
            index = _index_now(served)
            document = get_document(index, served.name, asked.id)
            start, end = span_of(index, document, asked)
            return {
                "index": served.name,
                "generation": index.generation,
                "id": document.id,
                "title": document.title,
                "metadata": dict(document.metadata),
                "text": document.text[start:end],
                "start": start,
                "end": end,
                "characters": len(document.text),
                "more": end < len(document.text),
                "uri": document_uri(served.name, document.id),
            }

        return await self._answered(served, work)

    async def index_info(self, asked: InfoArguments) -> Record:
        """Describe the indexes."""
        names = self.service.names if asked.index is None else (asked.index,)
        described = [await self._served(name) for name in names]
        return await self._answered(
            None, lambda: {"indexes": [index_record(self.service, served) for served in described]}
        )

    async def context(self, asked: ContextArguments) -> Record:
        """Return the best passages for a question, within a budget of tokens."""
        served = await self._served(asked.index)
        body = SearchRequest(query=asked.query, rerank_k=CONTEXT_CANDIDATES, where=asked.where)

        def work() -> Record:
            pipeline, index = self._context_now(served)
            _check_filter(index, asked.where)
            context = pipeline.context(asked.query, where=asked.where, budget=asked.budget)
            record = context.to_dict()
            citations = [
                citation.to_dict() | {"uri": document_uri(served.name, citation.id)} for citation in context.citations
            ]
            return record | {"index": served.name, "citations": citations}

        return await self._answered(served, work, body=body)

    async def text_of(self, name: str, id_: str) -> str:
        """Return the title and the whole text of a document."""
        served = await self._served(name)

        def work() -> str:
            document = get_document(_index_now(served), served.name, id_)
            if len(document.text) > MOST_OF_A_RESOURCE:
                raise ToolError(
                    f"the document has {len(document.text)} characters: read it in parts, by the tool get_document"
                )
            return "\n\n".join(part for part in (document.title, document.text) if part)

        return await self._answered(served, work)

    async def _served(self, name: str | None) -> ServedIndex:
        """Return an index as soon as the models are loaded."""
        service = self.service
        if name is not None and name not in service.names:
            raise ToolError(f"there is no index {name!r:.80}; the indexes are: {', '.join(service.names)}")
        ends = time.monotonic() + service.settings.limits.request_seconds
        while not service.ready:
            if service.admission.stopping:
                raise ToolError("the server is shutting down")
            if time.monotonic() > ends:
                raise ToolError("the models are still loading: try again in a minute")
            await asyncio.sleep(LOOK_SECONDS)
        return service.index(name)

    async def _answered(
        self, served: ServedIndex | None, work: Callable[[], Value], *, body: SearchRequest | None = None
    ) -> Value:
        """Do work in a thread of the service, within its limits; its errors are told as a model can use them."""
        try:
            tokens = 0
            if body is not None and served is not None:
                queries = [body.query or ""]
                check_search(body, queries, self.service.settings.limits)
                tokens = search_tokens(self.service, served, body, queries)
            return await answered_alone(self.service, work, tokens=tokens)
        except Exception as error:
            raise ToolError(told(error, served)) from error

    def _context_now(self, served: ServedIndex) -> tuple[ContextPipeline, Index]:
        """Return the pipeline of contexts over this moment's generation, and that generation."""
        retriever = served.pipeline.retriever  # another one after each move: numbers of generations may come again
        known = self._contexts.get(served.name)
        if known is None or known[0] is not retriever:
            index = _index_now(served)
            options = replace(self.service.search_options, top_k=None)
            pipeline = ContextPipeline.open(
                index,
                encoder=served.encoder,
                reranker=self.service.reranker,
                search=options,
                count=_count(served),
                oversized="cut",
            )
            known = self._contexts[served.name] = (retriever, index, pipeline)
        return known[2], known[1]


def _index_now(served: ServedIndex) -> Index:
    return index_of(served.pipeline.pinned())


def _count(served: ServedIndex) -> Count | None:
    """Return what counts a budget: None is the tokenizer of the retriever, which one by words alone does not have."""
    if getattr(served.pipeline.retriever, "encoder", None) is not None:
        return None
    return lambda text: served.encoder.count_tokens([text])[0]


def _check_filter(index: Index, where: str | None) -> None:
    try:
        _ = None if where is None else index.count(where)
    except ArgumentError as error:
        raise ApiError(400, "bad_filter", "where cannot be used", param="where") from error


def _result(index: str, record: Mapping[str, Any]) -> Record:
    """Return a result as a model reads it: its passage, and not the whole text of the document."""
    document, passage = record["document"], record["passage"]
    text = passage["text"][:MOST_OF_A_PASSAGE]
    end = passage["start"] + len(text)
    cut = len(text) < len(passage["text"])
    return {
        "rank": record["rank"],
        "id": document["id"],
        "title": document["title"],
        "relevance": record["relevance"],
        "passage": {"text": text, "start": passage["start"], "end": end, "cut": cut},
        "characters": len(document["text"]),
        "metadata": document["metadata"],
        "uri": document_uri(index, document["id"]),
    }


def _hint(record: Mapping[str, object], where: str | None) -> str:
    if where is not None and not record["candidates"]:
        return "no document matches where, or none of these has to do with the query; index_info names the fields"
    return "no document has to do with the query: ask in other words"
