"""BicrossRetriever: both stages of bicross as a retriever of LangChain."""

from pathlib import Path
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import run_in_executor
from pydantic import ConfigDict, PrivateAttr

from ....errors.arguments import checked_count
from ....index import Index, Predicate
from ....rerank import DEFAULT_RERANKER
from ...search import SearchOptions, SearchPipeline
from ..searching import IndexSearcher
from .documents import Content, found_document, require_content


class BicrossRetriever(BaseRetriever):
    """Searches an index: the first stage finds candidates, the reranker orders them.

    The index is opened, with its models, when the retriever is made. Each call is one search, in a thread where it is
    awaited, and sees what was written to the index before it. ``invoke`` takes ``k`` and ``where`` for one call.

    Attributes:
        index: The folder of an index, an ``Index``, or a ``SearchPipeline`` of your own.
        k: How many documents are returned.
        where: Restricts every search, as for ``SearchPipeline.search``.
        content: What ``page_content`` is: the "passage" that was found, or the whole "document". A title stands in the
            metadata; of a part of a document they have its ``start_index`` too.
        encoder: A model or its name; None is the one that built the index.
        reranker: A model or its name; None searches with the first stage alone.
        device: Where models given by name run.
        options: How to search; what is left open is as tuned, else the default.

    Example:
        >>> retriever = BicrossRetriever(index="my-index", k=5)
        >>> retriever.invoke("how do vaccines work?")
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    index: str | Path | Index | SearchPipeline
    k: int = 10
    where: Any = None
    content: Content = "passage"
    encoder: Any = None
    reranker: Any = DEFAULT_RERANKER
    device: str | None = None
    options: SearchOptions | None = None
    _searcher: IndexSearcher = PrivateAttr()

    def __init__(self, **values: Any) -> None:  # noqa: ANN401 - the fields
        # What a validator of pydantic raises would no longer be an error of bicross.
        super().__init__(**values)
        checked_count(self.k, "k")
        require_content(self.content)
        self._searcher = IndexSearcher(
            self.index, encoder=self.encoder, reranker=self.reranker, device=self.device, options=self.options
        )

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,
        k: int | None = None,
        where: Predicate | None = None,
    ) -> list[Document]:
        top_k = checked_count(self.k if k is None else k, "k")
        results = self._searcher.search(query, top_k=top_k, where=self.where if where is None else where)
        return [found_document(result, self.content) for result in results]

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,
        k: int | None = None,
        where: Predicate | None = None,
    ) -> list[Document]:
        return await run_in_executor(
            None, self._get_relevant_documents, query, run_manager=run_manager.get_sync(), k=k, where=where
        )
