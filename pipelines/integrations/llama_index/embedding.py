"""BicrossEmbedding: an encoder as an embedding of LlamaIndex."""

import asyncio
from pathlib import Path
from typing import Any

from llama_index.core.embeddings import BaseEmbedding
from pydantic import PrivateAttr

from ....errors import ArgumentError
from ....errors.arguments import checked_texts
from ....retrieval import DEFAULT_ENCODER, Encoder
from ...models import load_encoder, require_encoder


class BicrossEmbedding(BaseEmbedding):
    """Embeds texts with a bi-encoder, with the model's own prompts for queries and documents. Vectors have length one.

    Args:
        model: An encoder, the name of one, or the address of a server.
        device: Where a model given by name runs; None is the fastest there is.
        **values: Fields of ``BaseEmbedding``, such as ``embed_batch_size``.

    Example:
        >>> vector = BicrossEmbedding().get_query_embedding("how do vaccines work?")
    """

    _encoder: Encoder = PrivateAttr()

    def __init__(
        self,
        model: str | Path | Encoder = DEFAULT_ENCODER,
        *,
        device: str | None = None,
        **values: Any,  # noqa: ANN401 - as in LlamaIndex
    ) -> None:
        if isinstance(model, str | Path):
            encoder = load_encoder(model, device=device)
        else:
            require_encoder(model)
            if device is not None:
                raise ArgumentError(f"device={device!r} is for a model given by name; this one is loaded already")
            encoder = model
        values.setdefault("model_name", encoder.fingerprint.id)
        super().__init__(**values)
        self._encoder = encoder

    @classmethod
    def class_name(cls) -> str:
        """The name in what LlamaIndex writes."""
        return "BicrossEmbedding"

    def _get_query_embedding(self, query: str) -> list[float]:
        [vector] = self._encoder.encode_queries(checked_texts([query], "query")).tolist()
        return vector

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return await asyncio.to_thread(self._get_query_embedding, query)

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_text_embeddings([text])[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        checked = checked_texts(texts, "texts")
        return self._encoder.encode_documents(checked).tolist() if checked else []

    async def _aget_text_embedding(self, text: str) -> list[float]:
        return await asyncio.to_thread(self._get_text_embedding, text)

    async def _aget_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return await asyncio.to_thread(self._get_text_embeddings, texts)
