"""Embeds texts that a request brings along."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..batching import about_tokens
from ..http import ApiError
from ..service import Service


@dataclass(frozen=True, slots=True)
class Embedded:
    """Vectors of texts.

    Attributes:
        vectors: float32 of shape (texts, dimensions), of length one.
        tokens: Tokens of all texts.
        cut: The places of the texts of which the model saw only the beginning.
    """

    vectors: NDArray[np.float32]
    tokens: int
    cut: list[int]


def embed_texts(
    service: Service,
    texts: Sequence[str],
    *,
    queries: bool = False,
    dimensions: int | None = None,
    truncate: bool = True,
) -> Embedded:
    """Embed texts with the encoder of the first index, in the calling thread of a request.

    Args:
        service: Whose encoder embeds them.
        texts: The texts.
        queries: Whether they get the prompt of queries, where the model has prompts; else that of documents.
        dimensions: How many numbers of each vector are kept; they are brought to length one again.
        truncate: Whether a text that is too long is cut; else it is an error.
    """
    _check(service, texts)
    encoder = service.index().encoder
    size = encoder.fingerprint.dimension
    if dimensions is not None and dimensions > size:
        raise ApiError(422, "limit", f"the vectors have {size} dimensions", param="dimensions")
    counts = encoder.count_tokens(texts)
    cut = [position for position, tokens in enumerate(counts) if tokens > encoder.max_tokens]
    if cut and not truncate:
        raise ApiError(422, "too_long", f"{len(cut)} texts are longer than the model's {encoder.max_tokens} tokens")
    service.metrics.cut(len(cut))
    vectors = encoder.encode_queries(texts) if queries else encoder.encode_documents(texts)
    if dimensions is not None and dimensions < size:
        vectors = vectors[:, :dimensions]
        vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-12))
    return Embedded(vectors, sum(counts), cut)


def embedding_tokens(service: Service, texts: Sequence[str]) -> int:
    """Return about how many tokens the encoder processes for some texts."""
    most = service.index().encoder.max_tokens
    return sum(about_tokens(text, most) for text in texts)


def _check(service: Service, texts: Sequence[str]) -> None:
    limits = service.settings.limits
    if not texts:
        raise ApiError(400, "empty", "there are no texts", param="input")
    if len(texts) > limits.texts:
        raise ApiError(422, "limit", f"at most {limits.texts} texts", param="input")
    if any(len(text) > limits.characters for text in texts):
        raise ApiError(422, "limit", f"a text may have at most {limits.characters} characters", param="input")
    if not all(text.strip() for text in texts):
        raise ApiError(400, "empty", "a text is empty", param="input")
