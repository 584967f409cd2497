"""ContextPipeline: retrieves, reranks, and puts together what a language model should read for a question."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Self, Unpack, cast

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError
from ...errors.arguments import checked_instance, described
from ...index import Index, Predicate
from ...inference import Dtype
from ...rerank import DEFAULT_RERANKER, Reranker
from ...retrieval import Encoder, Retriever, has_index
from ..search import Origin, SearchOptions, SearchPipeline, SearchResult, Settings, Timings, with_candidates
from .context import Context, cited, rendered
from .context_options import ContextOptions, ContextValues
from .context_selection import Limits, Span, SpanOrder, arranged, select
from .passages import PassageSearch, require_every_passage
from .token_counts import TextCounter, text_counter

CANDIDATES = 50
"""Passages that are retrieved and reranked, where the search options say nothing else."""


class ContextPipeline:
    """Retrieves passages, reranks them, and keeps the best that fit a budget, with citations.

    Passages of one document that overlap or follow each other become one span. A passage that is nearly the same as a
    better one is left out.

    Args:
        retriever: The first stage; a ``DenseRetriever`` or ``HybridRetriever`` is asked for further passages of each
            document.
        reranker: The second stage; None takes the order of the first.
        search: How to search; 50 passages are retrieved and reranked unless it says otherwise.
        options: What a context may have; None takes the defaults.
        **values: Fields of ``ContextOptions``, such as ``budget=1000``, in place of those of ``options``.

    Raises:
        ArgumentError: A value cannot be, or the parts do not fit each other.

    Example:
        >>> with ContextPipeline.open("my-index", budget=1000) as pipeline:
        ...     context = pipeline.context("how do vaccines work?")
        >>> print(context.text)
    """

    def __init__(
        self,
        retriever: Retriever,
        reranker: Reranker | None,
        *,
        search: SearchOptions | None = None,
        options: ContextOptions | None = None,
        **values: Unpack[ContextValues],
    ) -> None:
        given, self._depth_from = _search_options(search)
        self._over(SearchPipeline(retriever, reranker, options=given), options, values)

    @classmethod
    def open(  # noqa: PLR0913 - the one call that most programs make: each argument has a default
        cls,
        path: str | Path | Index,
        *,
        encoder: str | Path | Encoder | None = None,
        reranker: str | Path | Reranker | None = DEFAULT_RERANKER,
        device: str | None = None,
        dtype: Dtype = "float32",
        search: SearchOptions | None = None,
        options: ContextOptions | None = None,
        **values: Unpack[ContextValues],
    ) -> "ContextPipeline":
        """Open an index with its models, and with what ``bicross tune`` stored in it for this reranker.

        Args:
            path: The folder of the index, its URL in a store, or the index if it is open already.
            encoder: A model or its name. None is the one that built the index, if it is on this machine.
            reranker: A model or its name; None takes the order of the first stage.
            device: Where models given by name run; None is the fastest there is.
            dtype: What models given by name calculate in.
            search: How to search, such as ``SearchOptions(first_stage="hybrid")``.
            options: What a context may have.
            **values: Fields of ``ContextOptions``, in place of those of ``options``.

        Raises:
            IndexModelMismatch: The encoder is not the model that built the index.
            IndexCorrupt: The index is damaged, or keeps search settings that cannot be used.
        """
        pipeline = cls.__new__(cls)
        given, pipeline._depth_from = _search_options(search)
        opened = SearchPipeline.open(
            path, encoder=encoder, reranker=reranker, device=device, dtype=dtype, options=given
        )
        pipeline._over(opened, options, values)
        return pipeline

    def _over(self, search: SearchPipeline, options: ContextOptions | None, values: ContextValues) -> None:
        if not isinstance(cast("object", options), ContextOptions | None):
            raise ArgumentError(f"options must be ContextOptions, not {described(options)}")
        self.options = replace(options or ContextOptions(), **values)
        self._counter = _counter(self.options, search.retriever)
        self._search = PassageSearch(search)

    @property
    def settings(self) -> Settings:
        """The options of the search, and where each of them comes from. As text they are one line."""
        return replace(self._search.documents.settings, task={"retrieve_k": self._depth_from})

    def refresh(self) -> bool:
        """Move to the newest generation of the index; return whether there was one."""
        return self._search.refresh()

    def close(self) -> None:
        """Close the index and release the models. Closing twice is fine."""
        self._search.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def context(
        self,
        query: str,
        *,
        where: Predicate | None = None,
        deadline_ms: float | None = None,
        **values: Unpack[ContextValues],
    ) -> Context:
        """Return the context for one question; see ``context_batch``."""
        [context] = self.context_batch([query], where=where, deadline_ms=deadline_ms, **values)
        return context

    def context_batch(
        self,
        queries: Sequence[str],
        *,
        where: Predicate | None = None,
        deadline_ms: float | None = None,
        timings: Timings | None = None,
        **values: Unpack[ContextValues],
    ) -> list[Context]:
        """Return the context for each question.

        Args:
            queries: The questions.
            where: Restricts the search to documents whose metadata match, as for ``SearchPipeline.search_batch``.
            deadline_ms: Milliseconds after which reranking ends, as for ``SearchPipeline.search_batch``.
            timings: What the search took is added to it.
            **values: Fields of ``ContextOptions`` for this call, in place of those of the pipeline.

        Raises:
            QueryError: A question is blank or not text, or it is too long.
            ArgumentError: A value cannot be; or the best passage is over the budget, and ``oversized`` is "error".
        """
        options = replace(self.options, **values) if values else self.options
        search = self._search.passages.pinned()  # vectors and passages of one generation
        counter = _counter(options, search.retriever) if "count" in values or not self._counter else self._counter
        if options.budget is not None and counter is None:
            raise ArgumentError(
                f"budget={options.budget} is counted by the tokenizer of the encoder, and this retriever has none: "
                "give count, such as 'characters' or a tokenizer"
            )
        answers = search.search_batch(queries, where=where, deadline_ms=deadline_ms, timings=timings)
        return [
            _context(query, results, search, options=options, counter=counter)
            for query, results in zip(queries, answers, strict=True)
        ]


def _context(
    query: str,
    results: Sequence[SearchResult],
    search: SearchPipeline,
    *,
    options: ContextOptions,
    counter: TextCounter | None,
) -> Context:
    counted = counter or TextCounter("tokens", len)  # without a counter there is no budget
    limits = Limits(
        size=partial(_size, counter=counted, order=options.order),
        budget=options.budget,
        top_k=options.passages,
        near_duplicates=options.near_duplicates,
        oversized=options.oversized,
        unit=counted.unit,
    )
    selection = select(results, _vectors(results, search.retriever, options), limits)
    citations = cited(arranged(selection.spans, options.order))
    return Context(
        query=query,
        citations=citations,
        size=None if counter is None else counter(rendered(citations)),
        budget=options.budget,
        unit=counted.unit,
        near_duplicates=selection.near_duplicates,
        over_budget=selection.over_budget,
        generation=search.generation,
    )


def _size(spans: Sequence[Span], *, counter: TextCounter, order: SpanOrder) -> int:
    return counter(rendered(cited(arranged(spans, order))))


def _search_options(search: SearchOptions | None) -> tuple[SearchOptions, Origin]:
    """Return the options of the search below a context, and where its number of candidates comes from."""
    options = SearchOptions() if search is None else checked_instance(search, SearchOptions, "search")
    if options.top_k is not None:
        raise ArgumentError(f"search has top_k={options.top_k}: give the context its top_k, and the search retrieve_k")
    require_every_passage(options, "a context scores every passage that it retrieves")
    return with_candidates(options, CANDIDATES)


def _counter(options: ContextOptions, retriever: Retriever) -> TextCounter | None:
    """Return what counts the budget; None where nothing was given, and the retriever has no tokenizer."""
    if options.count is not None:
        return text_counter(options.count)
    count_tokens = getattr(getattr(retriever, "encoder", None), "count_tokens", None)
    return None if count_tokens is None else TextCounter("tokens", lambda text: count_tokens([text])[0])


def _vectors(
    results: Sequence[SearchResult], retriever: Retriever, options: ContextOptions
) -> NDArray[np.float32] | None:
    """Return the stored unit vector of each passage; None where there is no index, or nobody asks for them."""
    if options.near_duplicates is None or not results or not has_index(retriever):
        return None
    ids = list(dict.fromkeys(result.document.id for result in results))
    passages, vectors = retriever.index.passages(ids), retriever.index.vectors(ids)
    stored_vectors = {
        (id_, passage.start, passage.end): vector
        for id_, of_document, stored in zip(ids, passages, vectors, strict=True)
        for passage, vector in zip(of_document, stored, strict=True)
    }
    of_results = [
        stored_vectors.get((result.document.id, result.passage.start, result.passage.end)) for result in results
    ]
    present = [vector for vector in of_results if vector is not None]
    if len(present) < len(results):
        return None  # a retriever of one's own, with passages that are not those of the index
    return _unit(np.stack(present))


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return vectors of length 1; what codes decode to is not exactly that long."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.finfo(np.float32).tiny)
