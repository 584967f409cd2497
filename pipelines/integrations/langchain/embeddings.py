"""BicrossEmbeddings: an encoder as LangChain's embeddings; and LangChain's embeddings as an encoder."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from ....errors import ArgumentError, ModelError
from ....errors.arguments import checked_texts, described
from ....index import ModelFingerprint
from ....retrieval import DEFAULT_ENCODER, Encoder
from ...models import load_encoder, require_encoder

FOREIGN_POOLING = "langchain"
"""The pooling in the fingerprint of embeddings of which nothing but a name is known."""
WHOLE_TEXT = 2**31 - 1
_NAMES = ("model", "model_name", "model_id", "deployment", "repo_id")
_PROBE = "dimension"


class BicrossEmbeddings(Embeddings):
    """Embeds texts with a bi-encoder, with the model's own prompts for queries and documents. Vectors have length one.

    Args:
        model: An encoder, the name of one, or the address of a server.
        device: Where a model given by name runs; None is the fastest there is.

    Raises:
        ArgumentError: The model is neither an encoder nor a name.
        ModelError: The model is not available.

    Example:
        >>> vector = BicrossEmbeddings().embed_query("how do vaccines work?")
    """

    def __init__(self, model: str | Path | Encoder = DEFAULT_ENCODER, *, device: str | None = None) -> None:
        if isinstance(model, str | Path):
            self.encoder: Encoder = load_encoder(model, device=device)
            return
        require_encoder(model)
        if device is not None:
            raise ArgumentError(f"device={device!r} is for a model given by name; this one is loaded already")
        self.encoder = model

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return the vector of each text; the model reads the beginning of a text that is too long for it."""
        checked = checked_texts(texts, "texts")
        return self.encoder.encode_documents(checked).tolist() if checked else []

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of a query."""
        [vector] = self.encoder.encode_queries(checked_texts([text], "text")).tolist()
        return vector


class ForeignEncoder:
    """Embeddings of LangChain as an encoder of bicross. Vectors are brought to length one.

    An index knows them by their class, the name of their model and the dimension.

    Args:
        embeddings: The embeddings.

    Raises:
        ModelError: They do not give a vector of numbers.
    """

    def __init__(self, embeddings: Embeddings) -> None:
        self._embeddings = embeddings
        kind = type(embeddings)
        model = next((str(getattr(embeddings, name)) for name in _NAMES if getattr(embeddings, name, None)), "")
        name = f"{kind.__module__}.{kind.__qualname__}" + (f":{model}" if model else "")
        self._fingerprint = ModelFingerprint(
            id=name,
            revision="",
            weights_sha256=hashlib.sha256(name.encode()).hexdigest(),
            tokenizer_sha256="",
            dimension=_unit_vectors([embeddings.embed_query(_PROBE)], 1).shape[1],
            pooling=FOREIGN_POOLING,
            normalised=True,
            query_prompt="",
            document_prompt="",
            max_length=WHOLE_TEXT,
        )

    @property
    def fingerprint(self) -> ModelFingerprint:
        """The identity of the model, as far as it is known."""
        return self._fingerprint

    @property
    def max_tokens(self) -> int:
        """No limit is known: a document is embedded whole."""
        return WHOLE_TEXT

    def encode_queries(self, queries: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors of shape (len(queries), dimension), float32."""
        return self._checked([self._embeddings.embed_query(query) for query in queries], len(queries))

    def encode_documents(self, passages: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors of shape (len(passages), dimension), float32."""
        return self._checked(self._embeddings.embed_documents(list(passages)), len(passages))

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of words of each text."""
        return [len(text.split()) for text in texts]

    def _checked(self, vectors: Sequence[Sequence[float]], rows: int) -> NDArray[np.float32]:
        if not rows:
            return np.empty((0, self._fingerprint.dimension), np.float32)
        return _unit_vectors(vectors, rows, self._fingerprint.dimension)


def encoder_of(embedding: object) -> str | Path | Encoder | None:
    """Return the encoder of embeddings; the name of a model, an encoder and None stay as they are.

    Raises:
        ArgumentError: It is something else.
    """
    if isinstance(embedding, BicrossEmbeddings):
        return embedding.encoder
    if isinstance(embedding, Embeddings):
        return ForeignEncoder(embedding)
    if embedding is None or isinstance(embedding, str | Path):
        return embedding
    if not callable(getattr(embedding, "encode_queries", None)) or isinstance(embedding, type):
        raise ArgumentError(
            f"embedding must be embeddings of LangChain, an encoder or the name of a model, not {described(embedding)}"
        )
    return cast("Encoder", embedding)


def unit_vector(vector: Any, dimension: int) -> NDArray[np.float32]:  # noqa: ANN401 - of any type
    """Return a vector of length one, float32 of shape (1, dimension).

    Raises:
        ArgumentError: It is no vector of so many finite numbers, or it is zero.
    """
    try:
        return _unit_vectors([vector], 1, dimension)
    except ModelError as error:
        raise ArgumentError(f"embedding must be a vector of {dimension} numbers: {error}") from None


def _unit_vectors(vectors: Any, rows: int, dimension: int | None = None) -> NDArray[np.float32]:  # noqa: ANN401
    try:
        array = np.asarray(vectors, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise ModelError("these embeddings are no numbers, or not of one length") from None
    if array.ndim != 2 or len(array) != rows or not array.shape[1] or array.shape[1] != (dimension or array.shape[1]):
        raise ModelError(f"the embeddings have the shape {array.shape}, not ({rows}, {dimension or 'dimension'})")
    lengths = np.linalg.norm(array, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or not lengths.all():
        raise ModelError("the embeddings have a vector that is not finite, or of length zero")
    return (array / lengths).astype(np.float32)
