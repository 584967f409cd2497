"""RemoteEncoder: an Encoder whose model runs on a server."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from ...errors import ModelError
from ...errors.arguments import checked_count
from ...index import ModelFingerprint
from ...inference import require_texts
from ...inference.remote import (
    Dialect,
    RemoteAddress,
    RemoteCaller,
    RemoteModel,
    RemoteOptions,
    find_model,
    numbers_of,
    portions,
    require_same_model,
)
from .shapes import SHAPES

REMOTE_POOLING = "remote"
"""The pooling in the fingerprint of a model of which nothing but its name is known."""
USUAL_TOKENS = 512
PROBE = "dimension"
_TOKEN = re.compile(r"[a-zA-Z]{1,4}|\d|\S", re.ASCII)


class RemoteEncoder:
    """Embeds texts with the model of a server: ``bicross serve``, TEI, or one like OpenAI, Cohere, Jina or Voyage.

    A server of ``bicross serve`` says which model it has, so that an index is the same, and can be searched the same
    way, whether its model runs there or here. Of other servers only the model's name is known: an index that was built
    with one of them is searched with a model of that name.

    Vectors are brought to length one. Any number of threads may share an encoder.

    Args:
        server: Its address, such as ``http://127.0.0.1:8080`` or ``openai+https://api.example.com#model-name``.
        model: The model's name, in place of one after ``#``; servers with one model need none.
        dialect: What the server speaks, in place of one before ``+``; None finds out whether it is ``bicross serve`` or
            TEI, and takes "openai" for all others.
        key: The key of the server; None takes the variable ``BICROSS_REMOTE_KEY``.
        max_tokens: The most tokens of a text that the model reads; None is what the server says, else 512.
        options: How patiently and in which portions it is asked.

    Raises:
        ArgumentError: The address, the key or the dialect cannot be used.
        ModelError: The server cannot be asked, or its answer is not what its dialect says.
    """

    def __init__(
        self,
        server: str,
        *,
        model: str | None = None,
        dialect: Dialect | None = None,
        key: str | None = None,
        max_tokens: int | None = None,
        options: RemoteOptions | None = None,
    ) -> None:
        if max_tokens is not None:
            checked_count(max_tokens, "max_tokens")
        address = RemoteAddress.of(server, model=model, dialect=dialect)
        self._caller = RemoteCaller(address, key=key, options=RemoteOptions.of(options))
        self._model = remote = find_model(self._caller, "embedding", otherwise="openai")
        self._shape = SHAPES[remote.dialect]
        self._fingerprint = _stated_fingerprint(remote.description) or self._probed(remote, max_tokens)
        self._max_tokens = max_tokens or _stated_count(remote.description, "max_tokens") or _room(remote.description)

    @property
    def fingerprint(self) -> ModelFingerprint:
        """The identity of the model, as far as the server tells it."""
        return self._fingerprint

    @property
    def max_tokens(self) -> int:
        """The most tokens of a text that the model reads, without special tokens."""
        return self._max_tokens

    def encode_queries(self, queries: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors of shape (len(queries), dimension), float32."""
        return self._encode(queries, queries=True)

    def encode_documents(self, passages: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors of shape (len(passages), dimension), float32. The server cuts what is too long."""
        return self._encode(passages, queries=False)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Estimate the number of tokens of each text: four letters, a digit, or any other character make one."""
        require_texts(texts)
        return [sum(1 for _ in _TOKEN.finditer(text)) for text in texts]

    def close(self) -> None:
        """Close the connections to the server."""
        self._caller.close()

    def _encode(self, texts: Sequence[str], *, queries: bool) -> NDArray[np.float32]:
        require_texts(texts)
        if not texts:
            return np.empty((0, self._fingerprint.dimension), np.float32)

        def ask(part: slice) -> NDArray[np.float32]:
            return self._asked(texts[part], queries, self._fingerprint.dimension)

        return np.concatenate(self._caller.each(ask, portions(texts, self._model.batch_size)))

    def _asked(self, texts: Sequence[str], queries: bool, dimension: int) -> NDArray[np.float32]:  # noqa: FBT001
        shape, source = self._shape, self._caller.url(self._shape.path)
        answer = self._caller.post(shape.path, shape.body(texts, queries, self._model.name))
        rows = shape.read(answer, len(texts), source)
        require_same_model(self._model, answer, source)
        vectors = numbers_of(rows, (len(texts), dimension), source)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not lengths.all():
            raise ModelError(f"{source} answers a vector of length zero")
        return (vectors / lengths).astype(np.float32)

    def _probed(self, remote: RemoteModel, max_tokens: int | None) -> ModelFingerprint:
        """Identify a model by its name and by the dimension of a vector of it."""
        revision = str(remote.description.get("model_sha") or "")
        identity = hashlib.sha256(f"{remote.name}@{revision}".encode()).hexdigest()
        return ModelFingerprint(
            id=remote.name or self._caller.address.url,
            revision=revision,
            weights_sha256=identity,
            tokenizer_sha256="",
            dimension=self._asked([PROBE], False, -1).shape[1],  # noqa: FBT003
            pooling=REMOTE_POOLING,
            normalised=True,
            query_prompt="",
            document_prompt="",
            max_length=max_tokens or USUAL_TOKENS,
        )


def _stated_fingerprint(description: Mapping[str, Any]) -> ModelFingerprint | None:
    """Return the fingerprint that ``bicross serve`` tells."""
    if "fingerprint" not in description:
        return None
    try:
        return TypeAdapter(ModelFingerprint).validate_python(cast("object", description["fingerprint"]))
    except ValidationError as error:
        reason = str(error).replace("\n", " ")[:200]
        raise ModelError(
            f"the model fingerprint of the server cannot be read; it may run another version of bicross: {reason}"
        ) from None


def _stated_count(description: Mapping[str, Any], name: str) -> int | None:
    value = description.get(name)
    return value if isinstance(value, int) and value > 0 else None


def _room(description: Mapping[str, Any]) -> int:
    """Return the room for a text beside two special tokens, as far as TEI tells it."""
    return max(1, (_stated_count(description, "max_input_length") or USUAL_TOKENS) - 2)
