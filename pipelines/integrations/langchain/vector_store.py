"""BicrossVectorStore: an index as a vector store of LangChain."""

import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore

from ....errors import ArgumentError
from ....errors.arguments import checked_count
from ....index import Chunking, Index
from ....rerank import DEFAULT_RERANKER, Reranker
from ....retrieval import DEFAULT_ENCODER, Encoder
from ...indexing import build_index, delete_documents, upsert_documents
from ...models import open_encoder
from ...search import SearchOptions, SearchResult
from ..searching import IndexSearcher, index_of
from .documents import bicross_documents, langchain_document
from .embeddings import BicrossEmbeddings, ForeignEncoder, encoder_of
from .filters import Filter, where_of
from .finding import diverse, nearest, require_known, search


class BicrossVectorStore(VectorStore):
    """An index that LangChain fills, changes and searches; ``from_texts`` and ``from_documents`` make a new one.

    A document goes to the index with its id, and one with an id that is there replaces it. Its text is embedded;
    metadata are for filters. Every change is one commit, and is on disk when the call returns. Threads may share a
    store; of several processes one writes at a time. A search sees all that was written before it.

    Searches are those of ``SearchPipeline``: by vectors and words together in a new index, with a reranker if one is
    given. ``filter`` is a dict such as ``{"year": {"$gte": 2020}}``, or the text of a ``where``.

    Args:
        index: The folder of an index, or an ``Index``.
        embedding: Embeddings of LangChain, a ``BicrossEmbeddings``, an encoder or the name of a model; None is the
            model that built the index.
        reranker: A reranker or its name; None searches with the first stage alone.
        device: Where models given by name run.
        options: How to search; what is left open is as tuned, else the default.

    Raises:
        IndexNotFound: There is no index at the path.
        IndexModelMismatch: The embeddings are not those that built the index.
        ModelError: A model is not available.

    Example:
        >>> store = BicrossVectorStore.from_texts(["a text", "another"], BicrossEmbeddings(), index="my-index")
        >>> store.similarity_search("text", k=1)
    """

    def __init__(
        self,
        index: str | Path | Index,
        embedding: "Embeddings | Encoder | str | Path | None" = None,  # quoted for docs without LangChain
        *,
        reranker: str | Path | Reranker | None = None,
        device: str | None = None,
        options: SearchOptions | None = None,
    ) -> None:
        opened = index if isinstance(index, Index) else Index.open(index)
        named = encoder_of(embedding)
        self._encoder = open_encoder(opened, named, device=None if _is_model(named) else device)
        self._embedding = embedding if isinstance(embedding, Embeddings) else BicrossEmbeddings(self._encoder)
        self._searcher = IndexSearcher(opened, encoder=self._encoder, reranker=reranker, device=device, options=options)
        self._path = opened.path
        self._writing = threading.Lock()

    @classmethod
    def from_texts(  # noqa: PLR0913 - as in LangChain, and where the index goes
        cls,
        texts: list[str],
        embedding: "Embeddings | Encoder | str | Path" = DEFAULT_ENCODER,  # pyright: ignore[reportIncompatibleMethodOverride] - takes more
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: Sequence[str | None] | None = None,
        index: str | Path | None = None,
        overwrite: bool = False,
        reranker: str | Path | Reranker | None = None,
        **kwargs: Any,  # noqa: ANN401 - as in LangChain
    ) -> Self:
        """Build a new index of texts, and open it.

        Args:
            texts: The texts; there may be none.
            embedding: As for the class.
            metadatas: A dict for each text.
            ids: An id for each text; one that is None or left out is random.
            index: The folder of the new index.
            overwrite: Replace an index that is there.
            reranker: As for the class.
            **kwargs: ``device`` and ``options``, as for the class.
        """
        if index is None:
            raise ArgumentError("a vector store needs a folder: from_texts(texts, embedding, index='my-index')")
        Index.require_free(index, overwrite=overwrite)
        require_known(kwargs, "device", "options")
        documents = bicross_documents(texts, metadatas, ids)
        encoder = encoder_of(embedding)
        build_index(
            documents,
            index,
            encoder=DEFAULT_ENCODER if encoder is None else encoder,
            reranker=reranker if isinstance(reranker, str | Path) else DEFAULT_RERANKER,
            chunking=None if isinstance(encoder, ForeignEncoder) else Chunking(),
            overwrite=overwrite,
            device=None if _is_model(encoder) else kwargs.get("device"),
        )
        return cls(index, embedding, reranker=reranker, **kwargs)

    @property
    def embeddings(self) -> Embeddings:
        """The embeddings of texts and queries."""
        return self._embedding

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: Sequence[str | None] | None = None,  # pyright: ignore[reportIncompatibleMethodOverride] - takes more
        **kwargs: Any,  # noqa: ANN401 - as in LangChain
    ) -> list[str]:
        """Write texts in one commit; each replaces the one with its id.

        Args:
            texts: The texts.
            metadatas: A dict for each text.
            ids: An id for each text; one that is None or left out is random.
            **kwargs: ``batch_size``, which LangChain's ``index`` gives, and which changes nothing.

        Returns:
            The id of each text.
        """
        require_known(kwargs, "batch_size")
        documents = bicross_documents(texts, metadatas, ids)
        if documents:
            with self._writing:
                upsert_documents(self._path, documents, encoder=self._encoder)
        return [document.id for document in documents]

    def delete(  # pyright: ignore[reportIncompatibleMethodOverride] - has one argument more
        self,
        ids: Sequence[str] | None = None,
        *,
        filter: Filter | None = None,  # noqa: A002 - the name in LangChain
        **kwargs: Any,  # noqa: ANN401 - as in LangChain
    ) -> bool:
        """Delete documents by id, or those that a filter matches, in one commit. Unknown ids are ignored.

        Raises:
            ArgumentError: Neither ids nor a filter were given, or a filter cannot be read.
        """
        require_known(kwargs)
        where = where_of(filter)
        if ids is None and where is None:
            raise ArgumentError(
                "delete needs ids or a filter; to empty a store: store.delete(list(Index.open('my-index').ids()))"
            )
        with self._writing:
            delete_documents(self._path, () if ids is None else ids, where=where)
        return True

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """Return the documents of these ids, in their order; unknown ids are left out."""
        found = index_of(self._searcher.newest()).get(list(ids))
        return [langchain_document(document) for document in found if document is not None]

    def similarity_search(
        self,
        query: str,
        k: int = 4,
        *,
        filter: Filter | None = None,  # noqa: A002
        **kwargs: Any,  # noqa: ANN401
    ) -> list[Document]:
        """Return the best documents for a query, whole, best first."""
        require_known(kwargs)
        return [langchain_document(result.document) for result in self._results(query, k, filter)]

    def similarity_search_with_score(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        query: str,
        k: int = 4,
        *,
        filter: Filter | None = None,  # noqa: A002
        **kwargs: Any,  # noqa: ANN401
    ) -> list[tuple[Document, float]]:
        """Return the best documents with the score that orders them, which is the higher the better."""
        require_known(kwargs)
        return [(langchain_document(result.document), result.score) for result in self._results(query, k, filter)]

    def _similarity_search_with_relevance_scores(
        self,
        query: str,
        k: int = 4,
        *,
        filter: Filter | None = None,  # noqa: A002
        **kwargs: Any,  # noqa: ANN401
    ) -> list[tuple[Document, float]]:
        kwargs.pop("score_threshold", None)  # LangChain applies it to what is returned
        require_known(kwargs)
        return [(langchain_document(result.document), result.relevance) for result in self._results(query, k, filter)]

    def similarity_search_by_vector(
        self,
        embedding: list[float],
        k: int = 4,
        *,
        filter: Filter | None = None,  # noqa: A002
        **kwargs: Any,  # noqa: ANN401
    ) -> list[Document]:
        """Return the documents nearest to a vector, nearest first: by vectors alone, without a reranker."""
        require_known(kwargs)
        _, hits = nearest(self._searcher.newest(), embedding, checked_count(k, "k"), filter)
        return [langchain_document(hit.document) for hit in hits]

    def max_marginal_relevance_search(
        self,
        query: str,
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        *,
        filter: Filter | None = None,  # noqa: A002
        **kwargs: Any,  # noqa: ANN401
    ) -> list[Document]:
        """Return documents that are near the query and far from each other, out of the best ``fetch_k`` for it."""
        require_known(kwargs)
        checked_count(k, "k")
        pipeline = self._searcher.newest().pinned()
        results = search(pipeline, query, max(k, checked_count(fetch_k, "fetch_k")), filter)
        return diverse(pipeline, self._encoder.encode_queries([query])[0], results, k, lambda_mult)

    def max_marginal_relevance_search_by_vector(
        self,
        embedding: list[float],
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        *,
        filter: Filter | None = None,  # noqa: A002
        **kwargs: Any,  # noqa: ANN401
    ) -> list[Document]:
        """The same for a vector, by vectors alone."""
        require_known(kwargs)
        checked_count(k, "k")
        pipeline = self._searcher.newest().pinned()
        vector, hits = nearest(pipeline, embedding, max(k, checked_count(fetch_k, "fetch_k")), filter)
        return diverse(pipeline, vector, hits, k, lambda_mult)

    def _results(self, query: str, k: int, given: Filter | None) -> list[SearchResult]:
        return search(self._searcher.newest(), query, k, given)


def _is_model(encoder: str | Path | Encoder | None) -> bool:
    """Whether it is loaded already, so that nobody chooses where it runs."""
    return encoder is not None and not isinstance(encoder, str | Path)
