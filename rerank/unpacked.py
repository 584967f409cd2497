"""Cross-encoders that do not run packed: sentence-transformers runs them."""

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..inference import Dtype, batch_size_for, cast_model
from .reranker import Pair


class StandardCrossEncoder:
    """A cross-encoder that sentence-transformers runs.

    A lock admits one thread at a time, because the state of the tokenizer changes while it works.
    """

    def __init__(self, model: Any, dtype: Dtype, batch_size: int | None, max_length: int) -> None:  # noqa: ANN401
        self._model = cast_model(model, dtype)
        self._batch_size = batch_size or batch_size_for(model.device)
        self._max_length = max_length
        self._lock = threading.Lock()

    def count(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text, without special tokens."""
        if not texts:
            return []
        with self._lock:
            encoded = self._model.tokenizer(list(texts), add_special_tokens=False, truncation=False, verbose=False)
        return [len(ids) for ids in encoded["input_ids"]]

    def outputs(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        """The outputs of the model before any activation, float32 of shape (len(pairs), outputs)."""
        with self._lock:
            outputs = self._model.predict(
                [list(pair) for pair in pairs],
                batch_size=self._batch_size,
                show_progress_bar=False,
                activation_fn=_raw,
                processing_kwargs={"text": {"truncation": "only_second", "max_length": self._max_length}},
            )
        return np.asarray(outputs, dtype=np.float32).reshape(len(pairs), -1)


def _raw(outputs: object) -> object:
    """The identity, in place of an activation function."""
    return outputs
