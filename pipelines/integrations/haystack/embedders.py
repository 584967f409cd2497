"""BicrossTextEmbedder and BicrossDocumentEmbedder: an encoder as components of Haystack."""

import asyncio
import dataclasses
import threading
from typing import Any, Self, TypedDict

from haystack import Document, component, default_from_dict, default_to_dict

from ....errors import ArgumentError
from ....errors.arguments import checked_texts
from ....retrieval import DEFAULT_ENCODER, Encoder
from ...models import load_encoder, require_encoder
from .documents import checked_documents, contents
from .serialising import by_name


class Embedded(TypedDict):
    """What a text embedder returns."""

    embedding: list[float]


class EmbeddedDocuments(TypedDict):
    """What a document embedder returns."""

    documents: list[Document]


class _Embedder:
    """What both embedders have in common: a model that is loaded when it is first needed."""

    def __init__(self, model: str | Encoder = DEFAULT_ENCODER, *, device: str | None = None) -> None:
        if not isinstance(model, str):
            require_encoder(model)
            if device is not None:
                raise ArgumentError(f"device={device!r} is for a model given by name; this one is loaded already")
        self._model = model
        self._device = device
        self._loading = threading.Lock()
        self._encoder: Encoder | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return what ``from_dict`` makes the same embedder of."""
        return default_to_dict(self, model=by_name(self._model, "model"), device=self._device)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Make an embedder of what ``to_dict`` returned."""
        return default_from_dict(cls, data)

    def warm_up(self) -> None:
        """Load the model."""
        self._open()

    def _open(self) -> Encoder:
        with self._loading:
            if self._encoder is None:
                model = self._model
                self._encoder = load_encoder(model, device=self._device) if isinstance(model, str) else model
            return self._encoder


@component
class BicrossTextEmbedder(_Embedder):
    """Embeds a query, with the model's own prompt for queries. The vector has length one.

    Args:
        model: The name of an encoder, or an encoder; a model given by name is loaded by ``warm_up``.
        device: Where a model given by name runs; None is the fastest there is.

    Example:
        >>> BicrossTextEmbedder().run("how do vaccines work?")["embedding"]
    """

    @component.output_types(embedding=list[float])
    def run(self, text: str) -> Embedded:
        """Return the vector of a query."""
        [vector] = self._open().encode_queries(checked_texts([text], "text")).tolist()
        return {"embedding": vector}

    @component.output_types(embedding=list[float])
    async def run_async(self, text: str) -> Embedded:
        """``run`` in a thread."""
        return await asyncio.to_thread(self.run, text)


@component
class BicrossDocumentEmbedder(_Embedder):
    """Embeds documents, with the model's own prompt for documents. A ``BicrossDocumentStore`` needs none.

    Args:
        model: As for ``BicrossTextEmbedder``.
        device: As for ``BicrossTextEmbedder``.

    Example:
        >>> BicrossDocumentEmbedder().run([Document(content="The heart pumps blood.")])["documents"]
    """

    @component.output_types(documents=list[Document])
    def run(self, documents: list[Document]) -> EmbeddedDocuments:
        """Return copies of documents with the vectors of their contents."""
        given = checked_documents(documents)
        if not given:
            return {"documents": []}
        vectors = self._open().encode_documents(contents(given)).tolist()
        return {
            "documents": [
                dataclasses.replace(document, embedding=vector) for document, vector in zip(given, vectors, strict=True)
            ]
        }

    @component.output_types(documents=list[Document])
    async def run_async(self, documents: list[Document]) -> EmbeddedDocuments:
        """``run`` in a thread."""
        return await asyncio.to_thread(self.run, documents)
