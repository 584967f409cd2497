"""BiEncoder: a sentence-transformers model as an Encoder. Knows no index."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..index import ModelFingerprint
from ..inference import Dtype, ModelFiles, batch_size_for, load_model, resolve_model

logger = logging.getLogger("bicross")

DEFAULT_ENCODER = "sentence-transformers/all-MiniLM-L6-v2"


class BiEncoder:
    """Embeds queries and passages with any sentence-transformers model, honouring its prompts.

    ``model`` is a hub id, a local folder or a bundled name; ``device=None`` takes CUDA, then MPS, then the CPU.
    ``max_length`` lowers the number of tokens that the model reads, special tokens included.
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
        folder = resolve_model(model)
        from sentence_transformers import SentenceTransformer  # takes seconds: not at the import of this module

        self._model: Any = load_model(SentenceTransformer, folder, device=device, dtype=dtype)
        self._batch_size = batch_size or batch_size_for(self._model.device)
        limit = int(self._model.max_seq_length)
        if max_length is not None and max_length < limit:
            self._model.max_seq_length = limit = max_length
        self._tokenizer: Any = self._model.tokenizer
        self._max_tokens = limit - int(self._tokenizer.num_special_tokens_to_add(pair=False))
        self._fingerprint = self._identify(str(model), folder, limit)

    def _identify(self, name: str, folder: Path, max_length: int) -> ModelFingerprint:
        files = ModelFiles.of(name, folder)
        pooling = next((str(m.pooling_mode) for m in self._model if hasattr(m, "pooling_mode")), "")
        prompts: dict[str, str] = self._model.prompts
        return ModelFingerprint(
            id=files.id,
            revision=files.revision,
            weights_sha256=files.weights_sha256,
            tokenizer_sha256=files.tokenizer_sha256,
            dimension=int(self._model.get_embedding_dimension()),
            pooling=pooling,
            normalised=True,
            query_prompt=prompts.get("query", ""),
            document_prompt=prompts.get("document", ""),
            max_length=max_length,
        )

    @property
    def fingerprint(self) -> ModelFingerprint:
        """Which model this is."""
        return self._fingerprint

    @property
    def max_tokens(self) -> int:
        """Tokens of a text that the model reads, without special tokens."""
        return self._max_tokens

    def encode_queries(self, queries: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of shape (len(queries), dimension). What is beyond the model's limit is cut, and logged."""
        counts = self.count_tokens(queries)
        for query, tokens in zip(queries, counts, strict=True):
            if tokens > self._max_tokens:
                logger.warning("stage one reads %d of the %d tokens of %.60r", self._max_tokens, tokens, query)
        return self._unit(self._model.encode_query(list(queries), **self._options()), len(queries))

    def encode_documents(self, passages: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of shape (len(passages), dimension). What is beyond the model's limit is cut."""
        return self._unit(self._model.encode_document(list(passages), **self._options()), len(passages))

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, without special tokens."""
        if not texts:
            return []
        encoded = self._tokenizer(list(texts), add_special_tokens=False, truncation=False, verbose=False)
        return [len(ids) for ids in encoded["input_ids"]]

    def _options(self) -> dict[str, Any]:
        return {"batch_size": self._batch_size, "show_progress_bar": False, "convert_to_numpy": True}

    def _unit(self, vectors: object, rows: int) -> NDArray[np.float32]:
        """Float32 of length one: a model need not normalise, and in half precision it does so only roughly."""
        array = np.asarray(vectors, dtype=np.float32).reshape(rows, self._fingerprint.dimension)
        lengths = np.linalg.norm(array, axis=1, keepdims=True)
        return array / np.maximum(lengths, np.finfo(np.float32).tiny)
