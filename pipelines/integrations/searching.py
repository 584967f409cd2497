"""IndexSearcher: the pipeline behind the adapters of frameworks, which follows what is written to its index."""

from pathlib import Path
from typing import cast

from ...errors import ArgumentError
from ...errors.arguments import described
from ...index import Index, Predicate
from ...rerank import DEFAULT_RERANKER, Reranker
from ...retrieval import Encoder, has_index
from ..search import SearchOptions, SearchPipeline, SearchResult

IndexLike = str | Path | Index | SearchPipeline
"""What an adapter searches: the folder of an index, an open index, or a pipeline that the caller made."""


class IndexSearcher:
    """Searches an index for a framework. Any number of threads may share it.

    A pipeline that is opened here moves to the newest generation before every search, so that it finds what anybody
    wrote meanwhile. A pipeline that the caller made stays where the caller has it. Every answer is of one generation.

    Args:
        index: What is searched.
        encoder: As for ``SearchPipeline.open``.
        reranker: As for ``SearchPipeline.open``.
        device: As for ``SearchPipeline.open``.
        options: As for ``SearchPipeline.open``.

    Raises:
        ArgumentError: A pipeline was given together with what a pipeline is made of.
        IndexNotFound: There is no index at the path.
        IndexModelMismatch: The encoder is not the model that built the index.
        ModelError: A model is not available.
    """

    def __init__(
        self,
        index: IndexLike,
        *,
        encoder: str | Path | Encoder | None = None,
        reranker: str | Path | Reranker | None = DEFAULT_RERANKER,
        device: str | None = None,
        options: SearchOptions | None = None,
    ) -> None:
        self._follows = not isinstance(index, SearchPipeline)
        if isinstance(index, SearchPipeline):
            _require_nothing_else(encoder=encoder, device=device, options=options)
            self.pipeline = index
            return
        if not isinstance(cast("object", index), str | Path | Index):
            raise ArgumentError(
                f"index must be the folder of an index, an Index or a SearchPipeline, not {described(index)}"
            )
        self.pipeline = SearchPipeline.open(index, encoder=encoder, reranker=reranker, device=device, options=options)

    def search(self, query: str, *, top_k: int | None = None, where: Predicate | None = None) -> list[SearchResult]:
        """Return the best documents for a query; see ``SearchPipeline.search``."""
        return self.newest().search(query, top_k=top_k, where=where)

    def newest(self) -> SearchPipeline:
        """Return the pipeline, on the newest generation if it was opened here."""
        if self._follows:
            self.pipeline.refresh()
        return self.pipeline


def index_of(pipeline: SearchPipeline) -> Index:
    """Return the index that a pipeline searches, pinned to its generation.

    Raises:
        ArgumentError: The retriever of the pipeline has no index.
    """
    retriever = pipeline.retriever
    if not has_index(retriever):
        raise ArgumentError(f"{type(retriever).__name__} has no index; give a pipeline over one")
    return retriever.index.pinned()


def _require_nothing_else(**given: object) -> None:
    for name, value in given.items():
        if value is not None:
            raise ArgumentError(
                f"{name}={value!r:.80} is for an index that is opened here; the pipeline that was given has its own"
            )
