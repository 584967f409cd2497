"""BicrossSearch: both stages of bicross as a model that MTEB measures on retrieval tasks."""

from pathlib import Path
from typing import Any

from mteb.models.model_meta import ModelMeta

from ....errors import ArgumentError
from ....rerank import DEFAULT_RERANKER, Reranker
from ....retrieval import DEFAULT_ENCODER, Encoder
from ...search import SearchOptions
from ..evaluators import CollectionSearch, Scores


class BicrossSearch:
    """Indexes the corpus of a retrieval task, and searches it with a pipeline: MTEB's ``SearchProtocol``.

    The measures are those of the order of the results, as with ``evaluate`` of bicross.

    Args:
        encoder: As for ``build_index``.
        reranker: As for ``SearchPipeline.open``.
        device: Where models given by name run.
        name: What MTEB calls the model, as "organisation/name".
        revision: What it takes for the version, where it keeps results of before.
        options: How to search; what is left open has its default.

    Example:
        >>> mteb.evaluate(BicrossSearch(), mteb.get_tasks(tasks=["SciFact"]))
    """

    def __init__(
        self,
        *,
        encoder: str | Path | Encoder = DEFAULT_ENCODER,
        reranker: str | Path | Reranker | None = DEFAULT_RERANKER,
        device: str | None = None,
        name: str = "bicross/pipeline",
        revision: str = "local",
        options: SearchOptions | None = None,
    ) -> None:
        self._searcher = CollectionSearch(encoder=encoder, reranker=reranker, device=device, options=options)
        self._meta = ModelMeta.create_empty(overwrites={"name": name, "revision": revision})

    @property
    def mteb_model_meta(self) -> ModelMeta:
        """What MTEB writes of the model."""
        return self._meta

    def index(self, corpus: Any, **_: Any) -> None:  # noqa: ANN401 - as in MTEB
        """Index a corpus: rows with id, text, and title if there is one."""
        self._searcher.index((row["id"], row.get("title") or "", row["text"] or "") for row in corpus)

    def search(self, queries: Any, *, top_k: int, top_ranked: Any = None, **_: Any) -> Scores:  # noqa: ANN401
        """Search for queries: rows with id and text.

        Raises:
            ArgumentError: It is a reranking task, which names the documents of each query.
        """
        if top_ranked is not None:
            raise ArgumentError("BicrossSearch is for retrieval tasks; on a reranking task measure a CrossEncoder")
        return self._searcher.search({row["id"]: row["text"] for row in queries}, top_k)
