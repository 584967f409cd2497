"""CrossEncoderReranker: a sentence-transformers cross-encoder as a Reranker. Knows no index and no document."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

from ..errors import ModelError, QueryError
from ..inference import MODEL_SETTINGS, Dtype, batch_size_for, load_model, resolve_model
from .reranker import Pair

logger = logging.getLogger("bicross")

DEFAULT_RERANKER = "bicross-rerank-mini"
MIN_PASSAGE_SHARE = 8
"""A query must leave an eighth of the model's limit to the passage: with less the scores would say nothing."""


class CrossEncoderReranker:
    """Scores pairs with any cross-encoder that has one output, or two of which the second says "relevant".

    ``model`` is a hub id, a local folder or a bundled name; ``device=None`` takes CUDA, then MPS, then the CPU.
    ``max_length`` lowers the number of tokens of a pair that the model reads. A passage is cut where the pair is
    longer, a query never.
    """

    def __init__(
        self,
        model: str | Path = DEFAULT_RERANKER,
        *,
        device: str | None = None,
        dtype: Dtype = "float32",
        batch_size: int | None = None,
        max_length: int | None = None,
    ) -> None:
        folder = resolve_model(model)
        from sentence_transformers import CrossEncoder  # takes seconds: not at the import of this module

        self._model = load_model(CrossEncoder, folder, device=device, dtype=dtype)
        self._outputs = int(self._model.num_labels)
        if self._outputs not in (1, 2):
            raise ModelError(
                f"{model} has {self._outputs} outputs; a reranker has one, or two (not relevant, relevant)"
            )
        self._tokenizer: Any = self._model.tokenizer
        limit = _limit(self._model, self._tokenizer)
        self._max_length = limit if max_length is None else min(max_length, limit)
        self._batch_size = batch_size or batch_size_for(self._model.device)
        self._blend = _blend(folder)

    @property
    def blend(self) -> float:
        """The model's own weight against stage one, 1.0 where it states none."""
        return self._blend

    @property
    def max_length(self) -> int:
        """Tokens of a pair that the model reads, special tokens included."""
        return self._max_length

    def score(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        """Logits of shape (len(pairs),) in float32.

        With one output it is that output before any activation; with two, their difference, whose sigmoid is the
        softmax probability of the second. Raises ``QueryError`` for a query that is too long for the model.
        """
        if not pairs:
            return np.empty(0, np.float32)
        self._check_lengths(pairs)
        outputs = cast(Any, self._model).predict(
            [[query, passage] for query, passage in pairs],
            batch_size=self._batch_size,
            show_progress_bar=False,
            activation_fn=_raw,
            processing_kwargs={"text": {"truncation": "only_second", "max_length": self._max_length}},
        )
        logits = np.asarray(outputs, dtype=np.float32).reshape(len(pairs), self._outputs)
        return logits[:, 0] if self._outputs == 1 else logits[:, 1] - logits[:, 0]

    def _check_lengths(self, pairs: Sequence[Pair]) -> None:
        """Refuse queries that leave no room for a passage; log how many passages are going to be cut."""
        queries = self._count([query for query, _ in pairs])
        passages = self._count([passage for _, passage in pairs])
        room = self._max_length - int(self._tokenizer.num_special_tokens_to_add(pair=True))
        allowed = room - self._max_length // MIN_PASSAGE_SHARE
        for (query, _), tokens in zip(pairs, queries, strict=True):
            if tokens > allowed:
                raise QueryError(
                    f"the query {query[:60]!r}... has {tokens} tokens; the reranker reads {self._max_length} "
                    f"of query and passage together, so a query has at most {allowed}. Shorten it."
                )
        cut = sum(q + p > room for q, p in zip(queries, passages, strict=True))
        if cut:
            logger.info("%d of %d passages were cut to fit into %d tokens", cut, len(pairs), self._max_length)

    def _count(self, texts: Sequence[str]) -> list[int]:
        distinct = list(dict.fromkeys(texts))
        encoded = self._tokenizer(distinct, add_special_tokens=False, truncation=False, verbose=False)["input_ids"]
        counts = {text: len(ids) for text, ids in zip(distinct, encoded, strict=True)}
        return [counts[text] for text in texts]


def _raw(outputs: object) -> object:
    """In place of an activation function."""
    return outputs


def _limit(model: "CrossEncoder", tokenizer: Any) -> int:  # noqa: ANN401 - transformers' tokenizers share no typed base
    """The model's own limit: the smallest that its settings, its tokenizer and its position table allow."""
    config = cast(Any, model).config
    candidates = (
        cast(Any, model).max_seq_length,
        tokenizer.model_max_length,
        getattr(config, "max_position_embeddings", None),
    )
    return min(int(limit) for limit in candidates if limit)


def _blend(folder: Path) -> float:
    """What the model's own settings say of blending, for models that the project trained."""
    settings = folder / MODEL_SETTINGS
    if not settings.is_file():
        return 1.0
    blend = json.loads(settings.read_text(encoding="utf-8")).get("blend", 1.0)
    if not isinstance(blend, int | float) or not 0.0 <= blend <= 1.0:
        raise ModelError(f"{settings} says blend={blend!r}; it must be a number from 0 to 1")
    return float(blend)
