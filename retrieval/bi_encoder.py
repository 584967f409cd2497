"""BiEncoder: a sentence-transformers model as an Encoder."""

import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from ..index import ModelFingerprint
from ..inference import (
    Dtype,
    ModelFiles,
    batch_size_for,
    cast_model,
    load_model,
    require_dtype,
    require_texts,
    resolve_model,
    token_limit,
)

logger = logging.getLogger("bicross")

DEFAULT_ENCODER = "sentence-transformers/all-MiniLM-L6-v2"


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
        require_dtype(dtype)
        folder = resolve_model(model)
        from sentence_transformers import SentenceTransformer  # slow to import

        from ..inference.packed import packed_embedder

        loaded: Any = load_model(SentenceTransformer, folder, device=device)
        special_tokens = int(loaded.tokenizer.num_special_tokens_to_add(pair=False))
        loaded.max_seq_length = limit = token_limit(loaded, max_length, least=special_tokens + 1)
        self._max_tokens = limit - special_tokens
        self._fingerprint = _identify(loaded, str(model), folder, limit)
        self._packed = packed_embedder(loaded, dtype=dtype, max_length=limit)
        self._standard: Any = None if self._packed else cast_model(loaded, dtype)
        self._batch_size = batch_size or batch_size_for(loaded.device)
        self._lock = threading.Lock()
        self._queries_cut = 0

    @property
    def fingerprint(self) -> ModelFingerprint:
        """The identity of the model."""
        return self._fingerprint

    @property
    def max_tokens(self) -> int:
        """The most tokens of a text that the model reads, without special tokens."""
        return self._max_tokens

    def encode_queries(self, queries: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors of shape (len(queries), dimension), float32.

        Text beyond the model's limit is cut, and a warning is logged: at the first query, the tenth, the hundredth ...
        """
        for query, tokens in zip(queries, self.count_tokens(queries), strict=True):
            if tokens > self._max_tokens:
                self._warn_of_cut(query, tokens)
        return self._encode(queries, self._fingerprint.query_prompt)

    def encode_documents(self, passages: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors of shape (len(passages), dimension), float32. Text beyond the model's limit is cut."""
        return self._encode(passages, self._fingerprint.document_prompt)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text, without special tokens."""
        require_texts(texts)
        if not texts:
            return []
        if self._packed:
            return self._packed.tokenizer.count(texts)
        with self._lock:  # a tokenizer of transformers changes its state while it works
            encoded = self._standard.tokenizer(list(texts), add_special_tokens=False, truncation=False, verbose=False)
        return [len(ids) for ids in encoded["input_ids"]]

    def unknown_shares(self, texts: Sequence[str]) -> list[float]:
        """Return the share of each text that the tokenizer does not know; see ``TextTokenizer.unknown_shares``.

        A model that runs through sentence-transformers gives 0.0: its tokenizer is not measured.
        """
        return self._packed.tokenizer.unknown_shares(texts) if self._packed else [0.0 for _ in texts]

    def _warn_of_cut(self, query: str, tokens: int) -> None:
        self._queries_cut += 1
        if str(self._queries_cut).rstrip("0") == "1":  # a line for each query would bury everything else
            logger.warning(
                "the first stage reads %d of the %d tokens of %.60r; %d queries were cut so far (told at 1, 10, 100)",
                self._max_tokens,
                tokens,
                query,
                self._queries_cut,
            )

    def _encode(self, texts: Sequence[str], prompt: str) -> NDArray[np.float32]:
        require_texts(texts)
        if not texts:
            return np.empty((0, self._fingerprint.dimension), np.float32)
        if self._packed:
            vectors = self._packed.run(self._packed.tokenizer.encode([prompt + text for text in texts]))
        else:
            with self._lock:
                vectors = self._standard.encode(
                    list(texts),
                    prompt=prompt,
                    batch_size=self._batch_size,
                    show_progress_bar=False,
                    convert_to_numpy=True,
                )
        return _unit(vectors, texts)


def _identify(model: Any, name: str, folder: Path, max_length: int) -> ModelFingerprint:  # noqa: ANN401
    files = ModelFiles.of(name, folder)
    pooling = next((str(m.pooling_mode) for m in model if hasattr(m, "pooling_mode")), "")
    # sentence-transformers looks for these names in this order.
    document = next((name for name in ("document", "passage", "corpus") if name in model.prompts), "")
    return ModelFingerprint(
        id=files.id,
        revision=files.revision,
        weights_sha256=files.weights_sha256,
        tokenizer_sha256=files.tokenizer_sha256,
        dimension=int(model.get_embedding_dimension()),
        pooling=pooling,
        normalised=True,
        query_prompt=model.prompts.get("query") or "",
        document_prompt=model.prompts.get(document) or "",
        max_length=max_length,
    )


def _unit(vectors: object, texts: Sequence[str]) -> NDArray[np.float32]:
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
