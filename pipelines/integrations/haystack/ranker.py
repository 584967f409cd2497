"""BicrossRanker: a cross-encoder as a ranker of Haystack."""

import asyncio
import dataclasses
from typing import Any, Self, TypedDict

from haystack import Document, component, default_from_dict, default_to_dict

from ....errors.arguments import checked_count
from ....rerank import DEFAULT_RERANKER, Reranker
from ..reranking import TextReranker
from .documents import checked_documents, contents
from .serialising import by_name


class Ranked(TypedDict):
    """What a ranker returns."""

    documents: list[Document]


@component
class BicrossRanker:
    """Reranks the documents that any retriever found, by a cross-encoder that scores each together with the query.

    The documents that are returned are copies whose score is their relevance, from 0 to 1.

    Args:
        model: The name of a reranker, or a reranker; a model given by name is loaded by ``warm_up``.
        top_k: The most documents that are returned; None returns all, best first.
        device: Where a model given by name runs; None is the fastest there is.

    Example:
        >>> BicrossRanker(top_k=3).run(query="how do vaccines work?", documents=documents)["documents"]
    """

    def __init__(
        self, model: str | Reranker = DEFAULT_RERANKER, *, top_k: int | None = None, device: str | None = None
    ) -> None:
        self.top_k = None if top_k is None else checked_count(top_k, "top_k")
        self._model = model
        self._device = device
        self._reranker = TextReranker(model, device=device)

    def to_dict(self) -> dict[str, Any]:
        """Return what ``from_dict`` makes the same ranker of."""
        return default_to_dict(self, model=by_name(self._model, "model"), top_k=self.top_k, device=self._device)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Make a ranker of what ``to_dict`` returned."""
        return default_from_dict(cls, data)

    def warm_up(self) -> None:
        """Load the model."""
        self._reranker.open()

    @component.output_types(documents=list[Document])
    def run(self, query: str, documents: list[Document], top_k: int | None = None) -> Ranked:
        """Return the best documents for a query, best first; equal ones keep their order.

        Args:
            query: The query.
            documents: The documents.
            top_k: For this call.

        Raises:
            QueryError: The query is blank.
        """
        given = checked_documents(documents)
        ranked = self._reranker.rank(query, contents(given), self.top_k if top_k is None else top_k)
        return {"documents": [dataclasses.replace(given[text.place], score=text.relevance) for text in ranked]}

    @component.output_types(documents=list[Document])
    async def run_async(self, query: str, documents: list[Document], top_k: int | None = None) -> Ranked:
        """``run`` in a thread."""
        return await asyncio.to_thread(self.run, query, documents, top_k)
