"""Models that run packed, from texts to numbers. Know which models can, and nothing of queries or documents."""

import logging
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...errors import ModelError
from ..loading import Dtype
from ..tokenizer import TextTokenizer, TokenIds
from .architectures import BuildOptions, build
from .calibration_texts import CALIBRATION_PAIRS
from .engine import PackedEncoder, Pooling
from .heads import Head, head_of
from .int8 import Int8Linears
from .layered import LayeredRun

logger = logging.getLogger("bicross")


class PackedModel:
    """A tokenizer and an encoder. Any number of threads may share it."""

    def __init__(self, tokenizer: TextTokenizer, encoder: PackedEncoder, *, max_length: int) -> None:
        """``max_length`` is the most tokens that are read at once, special tokens included."""
        self.tokenizer = tokenizer
        self._encoder = encoder
        self.max_length = max_length

    def run(self, texts: Sequence[TokenIds]) -> NDArray[np.float32]:
        """A row for each text, which is cut where it is too long."""
        return self._encoder.run([self.tokenizer.single(ids, max_length=self.max_length) for ids in texts])

    def run_pairs(self, pairs: Sequence[tuple[TokenIds, TokenIds]]) -> NDArray[np.float32]:
        """A row for each pair, whose second text is cut where the pair is too long."""
        return self._encoder.run(self._sequences(pairs))

    def run_layered(self, pairs: Sequence[tuple[TokenIds, TokenIds]]) -> LayeredRun:
        """The pairs at the first layer, to be read on by whoever asks."""
        return LayeredRun(self._encoder, self._sequences(pairs))

    @property
    def layers(self) -> int:
        """How many there are."""
        return len(self._encoder.layers)

    @property
    def hidden(self) -> int:
        """The width of what a layer gives."""
        return self._encoder.hidden

    def _sequences(self, pairs: Sequence[tuple[TokenIds, TokenIds]]) -> list[NDArray[np.int32]]:
        return [self.tokenizer.pair(*pair, max_length=self.max_length) for pair in pairs]


def packed_classifier(
    model: Any,  # noqa: ANN401
    tokenizer: Any,  # noqa: ANN401
    *,
    dtype: Dtype,
    max_length: int,
    exits: Collection[int] = (),
) -> PackedModel | None:
    """A sequence classifier of transformers, in float32, packed: a row has its raw outputs. None where it cannot be.

    ``exits`` are the layers, counted from 1, whose first tokens are going to be asked for.
    """
    head = head_of(model)
    if head is None:
        return _cannot(f"{type(model).__name__} is not among the classifiers that run packed")
    return _packed(head, tokenizer, dtype, max_length, _calibrate_with_pairs, exits=frozenset(exits))


def packed_embedder(model: Any, *, dtype: Dtype, max_length: int) -> PackedModel | None:  # noqa: ANN401
    """A SentenceTransformer, in float32, packed: a row is a text's vector, without any prompt. None where it cannot be.

    It is one transformer, the mean or the first token of what it gives, and then any layers on that vector.
    """
    modules: list[Any] = list(model)
    kinds = [type(module).__name__ for module in modules]
    if kinds[:2] != ["Transformer", "Pooling"] or not set(kinds[2:]) <= {"Dense", "Normalize"}:
        return _cannot(f"the modules are {', '.join(kinds)}")
    first, pooler, *rest = modules
    pooling = _POOLED.get(pooler.pooling_mode) if isinstance(pooler.pooling_mode, str) else None
    if pooling is None or not (pooler.include_prompt or not any(model.prompts.values())):
        return _cannot(f"its vectors are pooled by {pooler.pooling_mode!r}, without prompts")

    def finish(x: Tensor) -> Tensor:
        features = {"sentence_embedding": x}
        for module in rest:
            features = module(features)
        return features["sentence_embedding"]

    return _packed(Head(first.model, pooling, finish), model.tokenizer, dtype, max_length, _calibrate_with_texts)


_POOLED: dict[str, Pooling] = {"cls": "first", "mean": "mean"}


def _packed(
    head: Head,
    tokenizer: Any,  # noqa: ANN401
    dtype: Dtype,
    max_length: int,
    calibrate: Callable[[PackedModel], object],
    *,
    exits: frozenset[int] = frozenset(),
) -> PackedModel | None:
    device = head.base.device
    if device.type not in ("cpu", "cuda"):
        return _cannot(f"on a device like {device} it has not been tried")
    int8 = Int8Linears(device) if dtype == "int8" else None
    options = BuildOptions(
        int8.dtype if int8 else getattr(torch, dtype), first_token_only=head.pooling == "first", int8=int8, exits=exits
    )
    with torch.inference_mode():
        architecture = build(head.base, options)
    if architecture is None:
        return _cannot(f"the architecture {head.base.config.model_type!r} is not among those that run packed")
    try:
        own = TextTokenizer.of(tokenizer)
    except ModelError as error:
        return _cannot(str(error))
    encoder = PackedEncoder(architecture, head.finish, device=device, options=options, longest=max_length)
    model = PackedModel(own, encoder, max_length=max_length)
    if int8:
        calibrate(model)
        int8.quantise()
    return model


def _calibrate_with_pairs(model: PackedModel) -> None:
    queries, passages = (model.tokenizer.encode(texts) for texts in zip(*CALIBRATION_PAIRS, strict=True))
    longest = model.max_length // 2  # a query is never cut by the model
    model.run_pairs([(query[:longest], passage) for query, passage in zip(queries, passages, strict=True)])


def _calibrate_with_texts(model: PackedModel) -> None:
    model.run(model.tokenizer.encode([text for pair in CALIBRATION_PAIRS for text in pair]))


def _cannot(reason: str) -> None:
    logger.info("the model runs through sentence-transformers, several times slower: %s", reason)
