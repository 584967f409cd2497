"""BicrossReranker: a cross-encoder as a document compressor of LangChain."""

from collections.abc import Sequence
from typing import Any

from langchain_core.callbacks import Callbacks
from langchain_core.documents import BaseDocumentCompressor, Document
from pydantic import ConfigDict, PrivateAttr

from ....errors.arguments import checked_count
from ....rerank import DEFAULT_RERANKER
from ..reranking import TextReranker
from .documents import with_relevance


class BicrossReranker(BaseDocumentCompressor):
    """Reranks the documents that any retriever found, by a cross-encoder that scores each together with the query.

    Each document that is returned is a copy with a ``relevance_score`` from 0 to 1 in its metadata.

    Attributes:
        model: A reranker or its name; it is loaded when the first documents come.
        top_n: The most documents that are returned; None returns all, best first.
        device: Where a model given by name runs.

    Example:
        >>> BicrossReranker(top_n=3).compress_documents(documents, "how do vaccines work?")
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    model: Any = DEFAULT_RERANKER
    top_n: int | None = None
    device: str | None = None
    _reranker: TextReranker = PrivateAttr()

    def __init__(self, **values: Any) -> None:  # noqa: ANN401 - the fields
        # What a validator of pydantic raises would no longer be an error of bicross.
        super().__init__(**values)
        if self.top_n is not None:
            checked_count(self.top_n, "top_n")
        self._reranker = TextReranker(self.model, device=self.device)

    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks = None
    ) -> Sequence[Document]:
        """Return the best documents for a query, best first; equal ones keep their order."""
        ranked = self._reranker.rank(query, [document.page_content for document in documents], self.top_n)
        return [with_relevance(documents[text.place], text.relevance) for text in ranked]
