"""BiEncoder: a sentence-transformers model as an Encoder."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from ..index import ModelFingerprint
from ..inference import (
    Dtype,
    ModelFiles,
    TextReading,
    load_encoder,
    require_encoder,
    require_texts,
    resolve_dtype,
    resolve_model,
)
from ..models import DEFAULT_ENCODER
from .text_inputs import Task, TextInput, text_input
from .unpacked import StandardEncoder

if TYPE_CHECKING:
    from ..inference.packed import Tap

logger = logging.getLogger("bicross")


class BiEncoder:
    """Embeds queries and passages with any sentence-transformers model, and applies its prompts.

    Any number of threads may share an encoder. Its methods raise ``ArgumentError`` for anything but a list of texts.
    They raise ``ModelError`` for a vector that is not finite or has length zero.

    Args:
        model: A hub id, a local folder or a bundled name.
        device: Such as "cpu" or "cuda:1"; None takes CUDA, then MPS, then the CPU.
        dtype: The number format, as for ``CrossEncoderReranker``. "int8" changes vectors so much that other passages
            become the nearest ones.
        batch_size: Texts of a batch; it matters only to models that run through sentence-transformers.
        max_length: Lowers the number of tokens that the model reads, special tokens included.
    """

    def __init__(
        self,
        model: str | Path = DEFAULT_ENCODER,
        *,
        device: str | None = None,
        dtype: Dtype = "float32",
        batch_size: int | None = None,
        max_length: int | None = None,
    ) -> None:
        dtype = resolve_dtype(dtype, device)
        folder = resolve_model(model)
        require_encoder(folder, model)
        from ..inference.packed import packed_embedder

        loaded: Any = load_encoder(folder, device=device)
        self._inputs: dict[Task, TextInput] = {
            "query": text_input(loaded, "query", max_length),
            "document": text_input(loaded, "document", max_length),
        }
        longest = max(text.limit for text in self._inputs.values())
        self._fingerprint = _identify(loaded, str(model), folder, self._inputs)
        self._packed = packed_embedder(loaded, dtype=dtype, max_length=longest)
        self._standard = None if self._packed else StandardEncoder(loaded, dtype, batch_size, self._inputs)
        self._reading = self._text_reading(dtype, str(loaded.device)) if self._packed else None
        self._queries_cut = 0

    @property
    def fingerprint(self) -> ModelFingerprint:
        """The identity of the model."""
        return self._fingerprint

    @property
    def runs_packed(self) -> bool:
        """Whether the model runs in this project's engine; the log says why if it does not."""
        return self._packed is not None

    @property
    def reading(self) -> TextReading | None:
        """How passages are read; None where no other model reads them so: with a prompt, int8, or not packed."""
        return self._reading

    @property
    def max_tokens(self) -> int:
        """The most tokens of a passage that the model reads, without special tokens and the prompt."""
        return self._inputs["document"].room

    def encode_queries(self, queries: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors of shape (len(queries), dimension), float32.

        Text beyond the model's limit is cut, and a warning is logged: at the first query, the tenth, the hundredth ...
        """
        text = self._inputs["query"]
        if not text.endless:
            for query, tokens in zip(queries, self._count(queries, "query"), strict=True):
                if tokens > text.room:
                    self._warn_of_cut(query, tokens, text.room)
        return self._encode(queries, "query")

    def encode_documents(self, passages: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors of shape (len(passages), dimension), float32. Text beyond the model's limit is cut."""
        return self._encode(passages, "document")

    def can_tap(self, layer: int) -> bool:
        """Whether the states after a layer, from 1 on, can be read on the way; those after the last one cannot."""
        return self._reading is not None and self._packed is not None and layer < self._packed.layers

    def encode_documents_tapped(
        self, passages: Sequence[str], tap: "Tap"
    ) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
        """Embed passages, and read the states of all their tokens on the way.

        Args:
            passages: The texts.
            tap: What is read; made for a model with the same ``reading``, which is not None.

        Returns:
            The vectors that ``encode_documents`` gives, and for each passage a row of the tap for every token.
        """
        require_texts(passages)
        if not self.can_tap(tap.layer) or self._packed is None:
            raise ModelError(f"{self._fingerprint.id} has no states after layer {tap.layer} that could be read")
        if not passages:
            return self.encode_documents(passages), []
        from ..inference.packed import run_tapped

        vectors, tokens = run_tapped(
            self._packed, self._packed.tokenizer.encode(passages), tap, max_length=self._inputs["document"].limit
        )
        return _unit(vectors[:, : self._fingerprint.dimension], passages), tokens

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each passage, without special tokens."""
        return self._count(texts, "document")

    def unknown_shares(self, texts: Sequence[str]) -> list[float]:
        """Return the share of each text that the tokenizer does not know; see ``TextTokenizer.unknown_shares``.

        A model that runs through sentence-transformers gives 0.0: its tokenizer is not measured.
        """
        return self._packed.tokenizer.unknown_shares(texts) if self._packed else [0.0 for _ in texts]

    def _text_reading(self, dtype: Dtype, device: str) -> TextReading | None:
        if dtype == "int8" or self._inputs["document"].prompt:  # int8 layers take their ranges from what runs first
            return None
        made, limit = self._fingerprint, self._inputs["document"].limit
        return TextReading(made.weights_sha256, made.tokenizer_sha256, made.settings_sha256, dtype, device, limit)

    def _count(self, texts: Sequence[str], task: Task) -> list[int]:
        require_texts(texts)
        if self._packed:
            return self._packed.tokenizer.count(texts)
        assert self._standard is not None
        return self._standard.count(texts, task)

    def _warn_of_cut(self, query: str, tokens: int, room: int) -> None:
        self._queries_cut += 1
        if str(self._queries_cut).rstrip("0") == "1":  # a line for each query would bury everything else
            logger.warning(
                "the first stage reads %d of the %d tokens of %.60r...; queries cut so far (told at 1, 10, 100): %d",
                room,
                tokens,
                query,
                self._queries_cut,
            )

    def _encode(self, texts: Sequence[str], task: Task) -> NDArray[np.float32]:
        require_texts(texts)
        dimension = self._fingerprint.dimension
        if not texts:
            return np.empty((0, dimension), np.float32)
        if self._packed:
            text = self._inputs[task]
            ids = self._packed.tokenizer.encode([text.prompt + passage for passage in texts])
            vectors = self._packed.run(ids, max_length=text.limit)
        else:
            assert self._standard is not None
            vectors = self._standard.vectors(texts, task)
        # Of a model with ``truncate_dim`` the first numbers are the vector.
        return _unit(vectors[:, :dimension], texts)


def _identify(model: Any, name: str, folder: Path, inputs: Mapping[Task, TextInput]) -> ModelFingerprint:  # noqa: ANN401
    files = ModelFiles.of(name, folder)
    pooling = next((str(module.pooling_mode) for module in model.modules() if hasattr(module, "pooling_mode")), "")
    return ModelFingerprint(
        id=files.id,
        revision=files.revision,
        weights_sha256=files.weights_sha256,
        tokenizer_sha256=files.tokenizer_sha256,
        settings_sha256=files.settings_sha256,
        dimension=int(model.get_embedding_dimension()),
        pooling=pooling,
        normalised=True,
        query_prompt=inputs["query"].prompt,
        document_prompt=inputs["document"].prompt,
        max_length=inputs["document"].limit,
    )


def _unit(vectors: NDArray[np.float32], texts: Sequence[str]) -> NDArray[np.float32]:
    """Normalise vectors to length one in float32: a model need not do so, and half precision does it only roughly."""
    array = np.asarray(vectors, dtype=np.float32).reshape(len(texts), -1)
    lengths = np.linalg.norm(array, axis=1, keepdims=True)
    broken = np.flatnonzero(~np.isfinite(lengths[:, 0]))
    if len(broken):
        raise ModelError(f"the encoder gave a vector that is not finite for {texts[int(broken[0])][:60]!r}")
    nowhere = np.flatnonzero(lengths[:, 0] == 0)
    if len(nowhere):  # a zero vector is equally near to every text, and would never be found
        raise ModelError(f"the encoder gave a vector of length zero for {texts[int(nowhere[0])][:60]!r}")
    return array / lengths
