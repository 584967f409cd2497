"""What the servers of each dialect are sent to embed texts, and how their answers are read."""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import ModelError
from ...inference.remote import Dialect, field_of, in_order

Sent = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class EmbeddingShape:
    """A route that embeds texts.

    Attributes:
        path: The route.
        body: Makes the request from the texts, whether they are queries, and the model's name.
        read: Returns the vectors of an answer, a list or an array for each text; its other arguments are the number of
            texts and the address of the route.
    """

    path: str
    body: Callable[[Sequence[str], bool, str], Sent]
    read: Callable[[Any, int, str], list[Any]]


def _named(model: str, **fields: object) -> Sent:
    return fields | ({"model": model} if model else {})


def _openai(texts: Sequence[str], queries: bool, model: str) -> Sent:  # noqa: FBT001
    del queries
    return _named(model, input=list(texts), encoding_format="float")


def _voyage(texts: Sequence[str], queries: bool, model: str) -> Sent:  # noqa: FBT001
    return _named(model, input=list(texts), input_type="query" if queries else "document")


def _own(texts: Sequence[str], queries: bool, model: str) -> Sent:  # noqa: FBT001
    del model  # the answer then names the model that the server has
    return {"input": list(texts), "input_type": "query" if queries else "document", "encoding_format": "base64"}


def _cohere(texts: Sequence[str], queries: bool, model: str) -> Sent:  # noqa: FBT001
    kind = "search_query" if queries else "search_document"
    return _named(model, texts=list(texts), input_type=kind, embedding_types=["float"], truncate="END")


def _tei(texts: Sequence[str], queries: bool, model: str) -> Sent:  # noqa: FBT001
    del queries, model
    return {"inputs": list(texts), "normalize": True, "truncate": True}


def _read_data(answer: object, count: int, source: str) -> list[Any]:
    rows = in_order(field_of(answer, "data", source), count, source)
    return [_decoded(field_of(row, "embedding", source), source) for row in rows]


def _read_cohere(answer: object, count: int, source: str) -> list[Any]:
    del count
    return field_of(field_of(answer, "embeddings", source), "float", source)


def _read_tei(answer: object, count: int, source: str) -> list[Any]:
    del count, source
    return answer  # pyright: ignore[reportReturnType] - checked by the caller


def _decoded(vector: object, source: str) -> object:
    """Return a vector that may be base64 of little-endian float32."""
    if not isinstance(vector, str):
        return vector
    try:
        return np.frombuffer(base64.b64decode(vector, validate=True), "<f4")
    except (binascii.Error, ValueError):
        raise ModelError(f"{source} answers a vector that is not base64 of float32") from None


SHAPES: Mapping[Dialect, EmbeddingShape] = {
    "bicross": EmbeddingShape("/v1/embeddings", _own, _read_data),
    "openai": EmbeddingShape("/v1/embeddings", _openai, _read_data),
    "jina": EmbeddingShape("/v1/embeddings", _openai, _read_data),
    "voyage": EmbeddingShape("/v1/embeddings", _voyage, _read_data),
    "cohere": EmbeddingShape("/v2/embed", _cohere, _read_cohere),
    "tei": EmbeddingShape("/embed", _tei, _read_tei),
}
