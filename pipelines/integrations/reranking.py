"""TextReranker: the reranker behind the adapters of frameworks, which bring the texts along."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import ModelError, QueryError
from ...errors.arguments import checked_count, checked_texts
from ...rerank import DEFAULT_RERANKER, UNCALIBRATED, Reranker, long_queries
from ..models import open_reranker
from ..search import check_query


@dataclass(frozen=True, slots=True)
class RankedPlace:
    """A text that was reranked.

    Attributes:
        place: Where it stood among the texts.
        logit: The reranker's raw output.
        relevance: The same as a number from 0 to 1.
    """

    place: int
    logit: float
    relevance: float


class TextReranker:
    """Reranks texts. The model is loaded when it is first needed. Any number of threads may share it.

    Args:
        model: A reranker, or the name of one.
        device: Where a model given by name runs; None is the fastest there is.
    """

    def __init__(self, model: str | Path | Reranker = DEFAULT_RERANKER, *, device: str | None = None) -> None:
        self._model = model
        self._device = device
        self._loading = threading.Lock()
        self._opened: Reranker | None = None

    def open(self) -> Reranker:
        """Return the reranker, and load it if it is not yet.

        Raises:
            ArgumentError: The model is neither a reranker nor a name.
            ModelError: The model is not available.
        """
        with self._loading:
            if self._opened is None:
                opened = open_reranker(self._model, device=self._device)
                assert opened is not None
                self._opened = opened
            return self._opened

    def rank(self, query: str, texts: Sequence[str], top_n: int | None = None) -> list[RankedPlace]:
        """Rerank texts.

        Args:
            query: The query.
            texts: The texts.
            top_n: The most that are returned; None returns all.

        Returns:
            The places of the texts with their scores, best first; equal scores keep their order.

        Raises:
            QueryError: The query cannot be scored.
            ArgumentError: ``texts`` are no texts, or ``top_n`` is no number from 1 on.
            ModelError: The model gave a score that is not finite.
        """
        check_query(query, 0)
        checked = checked_texts(texts, "texts")
        if top_n is not None:
            checked_count(top_n, "top_n")
        if not checked:
            return []
        reranker = self.open()
        if problems := long_queries(reranker, [query]):
            raise QueryError(f"the query ({query[:60]!r}...) {problems[0]}; shorten it")
        logits = reranker.score([(query, text) for text in checked])
        if not np.isfinite(logits).all():
            raise ModelError("the reranker gave a score that is not finite; try it with dtype float32, or another one")
        relevance = UNCALIBRATED.apply(logits.astype(np.float64))
        order: list[int] = np.argsort(-logits, kind="stable").tolist()
        return [RankedPlace(place, float(logits[place]), float(relevance[place])) for place in order[:top_n]]
