"""BicrossSearch: both stages of bicross as a retriever that BEIR measures."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ....errors.arguments import checked_mapping
from ....rerank import DEFAULT_RERANKER, Reranker
from ....retrieval import DEFAULT_ENCODER, Encoder
from ...search import SearchOptions
from ..evaluators import CollectionSearch, Scores


class BicrossSearch:
    """Indexes a corpus and searches it with a pipeline, for BEIR's ``EvaluateRetrieval``. It needs no package itself.

    Args:
        encoder: As for ``build_index``.
        reranker: As for ``SearchPipeline.open``.
        device: Where models given by name run.
        path: The folder of the index, which is used again where it has the same documents; None makes a temporary one.
        options: How to search; what is left open has its default.

    Example:
        >>> retriever = EvaluateRetrieval(BicrossSearch(), k_values=[10, 100])
        >>> results = retriever.retrieve(corpus, queries)
    """

    def __init__(
        self,
        *,
        encoder: str | Path | Encoder = DEFAULT_ENCODER,
        reranker: str | Path | Reranker | None = DEFAULT_RERANKER,
        device: str | None = None,
        path: str | Path | None = None,
        options: SearchOptions | None = None,
    ) -> None:
        self._searcher = CollectionSearch(encoder=encoder, reranker=reranker, device=device, path=path, options=options)

    def search(
        self,
        corpus: Mapping[str, Mapping[str, str]],
        queries: Mapping[str, str],
        top_k: int,
        score_function: str | None = None,
        **_: Any,  # noqa: ANN401 - as in BEIR
    ) -> Scores:
        """Index the corpus and search for the queries.

        Args:
            corpus: Documents by id, with text, and title if there is one.
            queries: Texts by id.
            top_k: The most documents of a query.
            score_function: What BEIR hands to encoders; a pipeline scores in its own way.
        """
        checked = checked_mapping(corpus, "corpus", "documents by id")
        self._searcher.index((id_, row.get("title") or "", row.get("text") or "") for id_, row in checked.items())
        return self._searcher.search(queries, top_k)
