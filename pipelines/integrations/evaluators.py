"""What evaluators need of a pipeline: scores by document, and an index of the collection that they bring."""

import logging
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from shutil import rmtree
from weakref import finalize

import numpy as np

from ...errors import ArgumentError
from ...errors.arguments import checked_count, checked_mapping, checked_path
from ...index import Document, Index, Predicate
from ...rerank import DEFAULT_RERANKER, Reranker
from ...retrieval import DEFAULT_ENCODER, Encoder
from ..indexing import build_index
from ..search import SearchOptions, SearchPipeline, SearchResult, query_slices

logger = logging.getLogger("bicross")

Scores = dict[str, dict[str, float]]
"""A score for each document that was found, by query id and document id."""


def falling(scores: Sequence[float]) -> list[float]:
    """Return scores that fall strictly: each is lowered, where needed, below the one before, in float32.

    Evaluators order by scores alone, some in float32, and equal ones by id.
    """
    lowered: list[float] = []
    last = np.float32(np.inf)
    for score in scores:
        last = min(np.float32(score), np.nextafter(last, np.float32(-np.inf)))
        lowered.append(float(last))
    return lowered


def search_all(
    pipeline: SearchPipeline, queries: Sequence[str], top_k: int | None, *, where: Predicate | None = None
) -> Iterator[tuple[list[SearchResult], list[float]]]:
    """Search for all queries, on one generation: the results of each, and scores that fall strictly."""
    pinned = pipeline.pinned()
    for some in query_slices(queries):
        for results in pinned.search_batch(some, top_k=top_k, where=where):
            yield results, falling([result.score for result in results])


class CollectionSearch:
    """Searches the collection that an evaluator brings.

    Args:
        encoder: As for ``build_index``.
        reranker: As for ``SearchPipeline.open``.
        path: The folder of the index. One that is there already, of an earlier run over the same documents, is used
            again. None makes one in a temporary folder.
        device: Where models given by name run.
        options: How to search; what is left open has its default.

    """

    def __init__(
        self,
        *,
        encoder: str | Path | Encoder = DEFAULT_ENCODER,
        reranker: str | Path | Reranker | None = DEFAULT_RERANKER,
        path: str | Path | None = None,
        device: str | None = None,
        options: SearchOptions | None = None,
    ) -> None:
        self._options = options
        self._encoder = encoder
        self._reranker = reranker
        self._device = device
        self._path = None if path is None else checked_path(path)
        self._pipeline: SearchPipeline | None = None

    def index(self, documents: Iterable[tuple[str, str, str]]) -> SearchPipeline:
        """Build the index, or open the one that is there, and the pipeline over it.

        Args:
            documents: Id, title and text of each; those without a title and a text are left out.
        """
        named = isinstance(self._encoder, str | Path)
        path = self._path
        if path is None:
            folder = tempfile.mkdtemp(prefix="bicross-")
            finalize(self, rmtree, folder, ignore_errors=True)  # a TemporaryDirectory would warn of it
            path = Path(folder) / "index"
        given = list(documents)
        whole = [Document(id_, text, title) for id_, title, text in given if title.strip() or text.strip()]
        if len(whole) < len(given):
            logger.warning("left out %d of %d documents, which have no text", len(given) - len(whole), len(given))
        if path.exists():
            index = Index.open(path)
            if len(index) != len(whole) or index.get([document.id for document in whole]) != whole:
                raise ArgumentError(f"{path} has other documents than this collection; name another folder")
        else:
            index = build_index(whole, path, encoder=self._encoder, device=self._device if named else None)
        self._pipeline = SearchPipeline.open(
            index,
            encoder=self._encoder,
            reranker=self._reranker,
            device=self._device,
            options=self._options,
        )
        return self._pipeline

    def search(self, queries: Mapping[str, str], top_k: int) -> Scores:
        """Search for queries, by id.

        Raises:
            ArgumentError: There is no index yet.
            QueryError: A query cannot be searched.
        """
        if self._pipeline is None:
            raise ArgumentError("there is nothing to search yet; call index first")
        texts = checked_mapping(queries, "queries", "texts by query id")
        answers = search_all(self._pipeline, list(texts.values()), checked_count(top_k, "top_k"))
        return {
            id_: {result.document.id: score for result, score in zip(results, scores, strict=True)}
            for id_, (results, scores) in zip(texts, answers, strict=True)
        }
