"""BicrossRetriever: both stages of bicross as a retriever of Haystack."""

import asyncio
import threading
from typing import Any, Self, TypedDict

from haystack import Document, component, default_from_dict, default_to_dict
from haystack.document_stores.types import FilterPolicy, apply_filter_policy

from ....errors import ArgumentError
from ....errors.arguments import checked_count, checked_instance
from ....index import Index
from ....rerank import DEFAULT_RERANKER, Reranker
from ...models import open_reranker
from ...search import SearchPipeline
from ..searching import index_of
from .document_store import BicrossDocumentStore
from .documents import found_document
from .errors import UnusableFilter
from .filters import where_of
from .serialising import by_name


class Found(TypedDict):
    """What a retriever returns."""

    documents: list[Document]


@component
class BicrossRetriever:
    """Searches a store by the text of the query: the first stage finds candidates, the reranker orders them.

    Documents come whole, best first; their score is their relevance, from 0 to 1. No embedder is needed.

    Args:
        document_store: The store.
        filters: Restricts every search.
        top_k: How many documents are returned.
        filter_policy: Whether the filters of a call replace those, or join them.
        reranker: The name of a reranker, or a reranker; None searches with the first stage alone.
        device: Where a reranker given by name runs; None is the fastest there is.

    Example:
        >>> retriever = BicrossRetriever(BicrossDocumentStore("my-index"), top_k=5)
        >>> retriever.run(query="how do vaccines work?")["documents"]
    """

    def __init__(
        self,
        document_store: BicrossDocumentStore,
        *,
        filters: dict[str, Any] | None = None,
        top_k: int = 10,
        filter_policy: "str | FilterPolicy" = "replace",
        reranker: str | Reranker | None = DEFAULT_RERANKER,
        device: str | None = None,
    ) -> None:
        self.document_store = checked_instance(document_store, BicrossDocumentStore, "document_store")
        where_of(filters)
        self.filters = filters
        self.top_k = checked_count(top_k, "top_k")
        self.filter_policy = filter_policy if isinstance(filter_policy, FilterPolicy) else _policy(filter_policy)
        self._reranker = reranker
        self._device = device
        self._opening = threading.Lock()
        self._opened: SearchPipeline | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return what ``from_dict`` makes the same retriever of."""
        return default_to_dict(
            self,
            document_store=self.document_store,
            filters=self.filters,
            top_k=self.top_k,
            filter_policy=self.filter_policy.value,
            reranker=by_name(self._reranker, "reranker"),
            device=self._device,
        )

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Make a retriever of what ``to_dict`` returned."""
        return default_from_dict(cls, data)

    def warm_up(self) -> None:
        """Open the index and load the models."""
        self._pipeline()

    @component.output_types(documents=list[Document])
    def run(self, query: str, filters: dict[str, Any] | None = None, top_k: int | None = None) -> Found:
        """Return the best documents for a query.

        Args:
            query: The query.
            filters: For this call, by the ``filter_policy``.
            top_k: For this call.

        Raises:
            QueryError: The query is blank.
            UnusableFilter: A filter cannot be used.
        """
        pipeline = self._pipeline()
        pipeline.refresh()
        pipeline = pipeline.pinned()
        where = where_of(apply_filter_policy(self.filter_policy, self.filters, filters))
        k = self.top_k if top_k is None else checked_count(top_k, "top_k")
        if where is not None:
            _require_usable(index_of(pipeline), where)
        empty = not len(index_of(pipeline))  # where there is no document there is no field to filter by either
        results = pipeline.search(query, top_k=k, where=None if empty else where)
        return {"documents": [found_document(result) for result in results]}

    @component.output_types(documents=list[Document])
    async def run_async(self, query: str, filters: dict[str, Any] | None = None, top_k: int | None = None) -> Found:
        """``run`` in a thread."""
        return await asyncio.to_thread(self.run, query, filters, top_k)

    def _pipeline(self) -> SearchPipeline:
        with self._opening:
            if self._opened is None:
                index, encoder = self.document_store.open()
                reranker = open_reranker(self._reranker, device=self._device)
                self._opened = SearchPipeline.open(index, encoder=encoder, reranker=reranker)
            return self._opened


def _require_usable(index: Index, where: str) -> None:
    try:
        if len(index):
            index.count(where)
    except ArgumentError as error:
        raise UnusableFilter(str(error)) from None


def _policy(name: str) -> FilterPolicy:
    try:
        return FilterPolicy.from_str(name)
    except (ValueError, AttributeError, TypeError):
        raise ArgumentError(f"filter_policy must be 'replace' or 'merge', not {name!r:.80}") from None
