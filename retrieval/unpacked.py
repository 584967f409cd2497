"""Bi-encoders that do not run packed: sentence-transformers runs them."""

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..inference import Dtype, batch_size_for, cast_model
from .text_inputs import Task, TextInput


class StandardEncoder:
    """A bi-encoder that sentence-transformers runs.

    A lock admits one thread at a time, because the state of the tokenizer changes while it works.
    """

    def __init__(
        self,
        model: Any,  # noqa: ANN401
        dtype: Dtype,
        batch_size: int | None,
        inputs: Mapping[Task, TextInput],
    ) -> None:
        self._model = cast_model(model, dtype)
        self._batch_size = batch_size or batch_size_for(model.device)
        self._inputs = dict(inputs)
        self._lock = threading.Lock()

    def count(self, texts: Sequence[str], task: Task) -> list[int]:
        """Count the tokens of each text, without special tokens and the prompt."""
        if not texts:
            return []
        with self._lock:
            return self._inputs[task].count(texts)

    def vectors(self, texts: Sequence[str], task: Task) -> NDArray[np.float32]:
        """Embed texts with the prompt and the route of a task: shape (len(texts), dimension), any length."""
        encode = self._model.encode_query if task == "query" else self._model.encode_document
        with self._lock:
            vectors = encode(
                list(texts),
                prompt=self._inputs[task].prompt,
                batch_size=self._batch_size,
                show_progress_bar=False,
                convert_to_numpy=True,
            )
        return np.asarray(vectors, dtype=np.float32).reshape(len(texts), -1)
