"""Cross-encoders that do not run packed: sentence-transformers runs them."""

import threading
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..inference import TokenIds
from .inputs import SizedPair, token_ends, with_queries_cut
from .reranker import Pair

Truncation = Literal["only_second", "longest_first"]


@dataclass(frozen=True, slots=True)
class PlainSize:
    """The size of a pair with special tokens around."""

    query_tokens: int
    tokens: int


class StandardCrossEncoder:
    """A cross-encoder that takes two texts with special tokens around.

    A lock admits one thread at a time, because the state of the tokenizer changes while it works.

    Args:
        model: A CrossEncoder of sentence-transformers.
        batch_size: Pairs of a batch.
        max_length: The most tokens of a pair, special tokens included.
        truncation: Which text of a pair that is too long is cut, in the words of transformers.
    """

    def __init__(
        self,
        model: Any,  # noqa: ANN401
        batch_size: int,
        max_length: int,
        *,
        truncation: Truncation = "only_second",
    ) -> None:
        self._model, self._batch_size, self._max_length = model, batch_size, max_length
        self._truncation = truncation
        self._special_tokens = int(model.tokenizer.num_special_tokens_to_add(pair=True))
        self._lock = threading.Lock()

    def sizes(self, pairs: Sequence[Pair]) -> Sequence[SizedPair]:
        """Measure pairs."""
        tokens = self._token_counts({text for pair in pairs for text in pair})
        return [
            PlainSize(tokens[query], tokens[query] + tokens[passage] + self._special_tokens) for query, passage in pairs
        ]

    def outputs(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        """The outputs of the model before any activation, float32 of shape (len(pairs), outputs)."""
        with self._lock:
            outputs = self._model.predict(
                [list(pair) for pair in pairs],
                prompt="",  # it is part of the query already
                batch_size=self._batch_size,
                show_progress_bar=False,
                activation_fn=_raw,
                processing_kwargs={"text": {"truncation": self._truncation, "max_length": self._max_length}},
            )
        return np.asarray(outputs, dtype=np.float32).reshape(len(pairs), -1)

    def with_queries_cut(self, pairs: Sequence[Pair], limit: int) -> list[Pair]:
        """Cut the queries to at most ``limit`` tokens."""
        return with_queries_cut(pairs, limit, ends=self._token_ends, sizes=self.sizes)

    def _token_ends(self, query: str) -> list[int]:
        with self._lock:
            return token_ends(self._model.tokenizer, query)

    def _token_counts(self, texts: Set[str]) -> dict[str, int]:
        if not texts:
            return {}
        distinct = list(texts)
        with self._lock:
            encoded = self._model.tokenizer(distinct, add_special_tokens=False, truncation=False, verbose=False)
        return {text: len(ids) for text, ids in zip(distinct, encoded["input_ids"], strict=True)}


class WholeInputs:
    """A cross-encoder that takes inputs with everything around the texts, in batches of similar lengths.

    A lock admits one thread at a time, because the state of the tokenizer changes while it works.
    """

    def __init__(self, model: Any, batch_size: int) -> None:  # noqa: ANN401
        self._model = model
        generates = model[0].transformer_task in ("text-generation", "any-to-any")
        self._marks: dict[str, Any] = {"modality": "message", **({"logits_to_keep": 1} if generates else {})}
        self._batch_size = batch_size if model.tokenizer.pad_token_id is not None else 1
        self._lock = threading.Lock()

    def run(self, inputs: Sequence[TokenIds], beginnings: Sequence[int]) -> NDArray[np.float32]:
        """Compute the outputs, float32 of shape (len(inputs), outputs); beginnings do not matter here."""
        del beginnings
        longest_first = sorted(range(len(inputs)), key=lambda row: -len(inputs[row]))
        outputs = np.empty((len(inputs), int(self._model.num_labels)), np.float32)
        with self._lock:
            for start in range(0, len(inputs), self._batch_size):
                rows = longest_first[start : start + self._batch_size]
                outputs[rows] = self._run([inputs[row] for row in rows])
        return outputs

    def _run(self, batch: Sequence[TokenIds]) -> NDArray[np.float32]:
        import torch

        ids = {"input_ids": [input_ids.tolist() for input_ids in batch]}
        features: Any = dict(self._model.tokenizer.pad(ids, return_tensors="pt", padding=len(batch) > 1))
        features = {name: value.to(self._model.device) for name, value in features.items()}
        with torch.inference_mode():
            scores = self._model({**features, **self._marks})["scores"]
        return scores.float().cpu().numpy().reshape(len(batch), -1)


def _raw(outputs: object) -> object:
    """The identity, in place of an activation function."""
    return outputs
