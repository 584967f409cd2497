"""RemoteReranker: a Reranker whose model runs on a server."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelError
from ...errors.arguments import checked_flag
from ...inference import require_texts
from ...inference.remote import (
    Dialect,
    RemoteAddress,
    RemoteCaller,
    RemoteOptions,
    find_model,
    numbers_of,
    portions,
    require_same_model,
)
from ..reranker import Pair, check_pairs, distinct
from .shapes import SHAPES

SMALLEST = 1e-12
"""Relevance that a server rounded to 0 or 1 is taken for so much less or more, whose logit is finite."""


class RemoteReranker:
    """Scores pairs with the model of a server: ``bicross serve``, TEI, or one with the API of Cohere, Jina or Voyage.

    ``bicross serve`` and TEI answer logits. The others answer relevance from 0 to 1, which is turned into logits.
    Any number of threads may share a reranker.

    Args:
        server: Its address, such as ``http://127.0.0.1:8080`` or ``cohere+https://api.example.com#model-name``.
        model: The model's name, in place of one after ``#``; servers with one model need none.
        dialect: What the server speaks, in place of one before ``+``; None finds out whether it is ``bicross serve`` or
            TEI, and takes "jina" for all others, whose route most servers have.
        key: The key of the server; None takes the variable ``BICROSS_REMOTE_KEY``.
        logits: Whether the server answers logits; None is what its dialect says. llama.cpp speaks Jina's with logits.
        options: How patiently and in which portions it is asked.

    Raises:
        ArgumentError: The address, the key or the dialect cannot be used.
        ModelError: The server cannot be asked.
    """

    def __init__(
        self,
        server: str,
        *,
        model: str | None = None,
        dialect: Dialect | None = None,
        key: str | None = None,
        logits: bool | None = None,
        options: RemoteOptions | None = None,
    ) -> None:
        address = RemoteAddress.of(server, model=model, dialect=dialect)
        self._caller = RemoteCaller(address, key=key, options=RemoteOptions.of(options))
        self._model = find_model(self._caller, "rerank", otherwise="jina")
        self._shape = SHAPES[self._model.dialect]
        self._logits = self._shape.logits if logits is None else checked_flag(logits, "logits")

    @property
    def blend(self) -> float:
        """The weight against the first stage that the server names, 1.0 if it names none."""
        blend = self._model.description.get("blend")
        return float(blend) if isinstance(blend, int | float) and 0 <= blend <= 1 else 1.0

    @property
    def fingerprint(self) -> str:
        """Identifies all that a score depends on; empty where the server does not say it."""
        return self._told("fingerprint")

    @property
    def model_fingerprint(self) -> str:
        """The same without the precision."""
        return self._told("model_fingerprint")

    def score(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        """Score pairs.

        Args:
            pairs: (query, passage) texts.

        Returns:
            Logits, float32 of shape (len(pairs),). Equal pairs have equal logits.

        Raises:
            ArgumentError: A pair is not two texts.
            ModelError: The server does not answer, refuses a pair, or answers something else than a score for each.
        """
        check_pairs(pairs)
        if not pairs:
            return np.empty(0, np.float32)
        require_texts([text for pair in pairs for text in pair])
        rows, inverse = distinct([tuple(pair) for pair in pairs])
        places: dict[str, list[int]] = {}
        for position, row in enumerate(rows):
            places.setdefault(pairs[row][0], []).append(position)
        requests: list[tuple[str, list[int]]] = []
        for query, query_places in places.items():
            texts = [pairs[rows[position]][1] for position in query_places]
            requests += [(query, query_places[part]) for part in portions(texts, self._model.batch_size)]

        def ask(request: tuple[str, list[int]]) -> NDArray[np.float32]:
            query, asked = request
            return self._asked(query, [pairs[rows[position]][1] for position in asked])

        scores = np.empty(len(rows), np.float32)
        for (_, asked), answered in zip(requests, self._caller.each(ask, requests), strict=True):
            scores[asked] = answered
        return scores[inverse]

    def close(self) -> None:
        """Close the connections to the server."""
        self._caller.close()

    def _asked(self, query: str, texts: Sequence[str]) -> NDArray[np.float32]:
        shape, source = self._shape, self._caller.url(self._shape.path)
        answer = self._caller.post(shape.path, shape.body(query, texts, self._model.name))
        scores = numbers_of(shape.read(answer, len(texts), source), (len(texts),), source)
        require_same_model(self._model, answer, source)
        return (scores if self._logits else _logits_of(scores, source)).astype(np.float32)

    def _told(self, name: str) -> str:
        value = self._model.description.get(name)
        return value if isinstance(value, str) else ""


def _logits_of(relevance: NDArray[np.float64], source: str) -> NDArray[np.float64]:
    """Return the logits of numbers from 0 to 1."""
    if relevance.min() < 0 or relevance.max() > 1:
        raise ModelError(
            f"{source} answers scores from {relevance.min():g} to {relevance.max():g}, not from 0 to 1: if they are "
            "logits, say so (logits=True)"
        )
    bounded = np.clip(relevance, SMALLEST, 1 - SMALLEST)
    return np.log(bounded / (1 - bounded))
