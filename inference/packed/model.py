"""Packed models, from token ids to vectors or logits, and the choice of models that can run packed."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...errors import ModelError
from ..loading import Dtype, warn_if_slow
from ..tokenizer import TextTokenizer, TokenIds
from .architectures import BuildOptions, Head, build, head_of
from .beginnings import run_sharing
from .calibration_texts import CALIBRATION_PAIRS
from .engine import PackedEncoder
from .inputs import cannot_run_packed as _cannot
from .inputs import unlike_plain_text
from .layered import LayeredRun
from .layers import Int8Linears
from .pooling import Pooling, PoolingKind


class PackedModel:
    """A tokenizer and a packed encoder. Any number of threads may share it."""

    def __init__(self, tokenizer: TextTokenizer, encoder: PackedEncoder, *, max_length: int) -> None:
        """Join a tokenizer and an encoder.

        Args:
            tokenizer: The tokenizer.
            encoder: The encoder.
            max_length: The most tokens of an input, special tokens included.
        """
        self.tokenizer = tokenizer
        self._encoder = encoder
        self.max_length = max_length

    def run(self, texts: Sequence[TokenIds], *, max_length: int | None = None) -> NDArray[np.float32]:
        """Run texts.

        Args:
            texts: The token ids of each text, without special tokens. A text that is too long is cut.
            max_length: A lower limit on the tokens of these texts, special tokens included.

        Returns:
            A row for each text, float32 of shape (len(texts), outputs).
        """
        limit = min(self.max_length, max_length or self.max_length)
        return self._encoder.run([self.tokenizer.single(ids, max_length=limit) for ids in texts])

    def run_pairs(self, pairs: Sequence[tuple[TokenIds, TokenIds]]) -> NDArray[np.float32]:
        """Run pairs of texts.

        Args:
            pairs: The token ids of both texts, without special tokens. The second is cut if the pair is too long.

        Returns:
            A row for each pair, float32 of shape (len(pairs), outputs).
        """
        return run_sharing(self._encoder, self._sequences(pairs), [query.tobytes() for query, _ in pairs])

    def run_layered(self, pairs: Sequence[tuple[TokenIds, TokenIds]]) -> LayeredRun:
        """Start a run of pairs at the first layer; the caller decides which pairs run through further layers."""
        return LayeredRun(self._encoder, self._sequences(pairs))

    @property
    def layers(self) -> int:
        """The number of layers."""
        return len(self._encoder.layers)

    @property
    def hidden(self) -> int:
        """The width of the hidden states."""
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
    """Pack a sequence classifier.

    Args:
        model: A sequence classifier of transformers, in float32.
        tokenizer: Its tokenizer of transformers.
        dtype: The number format of the layers.
        max_length: The most tokens of an input, special tokens included.
        exits: The layers, counted from 1, whose first tokens are needed.

    Returns:
        A model whose rows are the raw outputs, or None if this model cannot run packed.

    Raises:
        ArgumentError: ``dtype`` is "int8" and the device does not multiply bytes fast.
    """
    head = head_of(model)
    if head is None:
        return _cannot(f"{type(model).__name__} is not among the classifiers that run packed")
    return _packed(head, tokenizer, dtype, max_length, _calibrate_with_pairs, exits=frozenset(exits))


def packed_embedder(model: Any, *, dtype: Dtype, max_length: int) -> PackedModel | None:  # noqa: ANN401
    """Pack a SentenceTransformer.

    It can run packed if it is one transformer, then pooling, then any dense or normalising layers.

    Args:
        model: A SentenceTransformer, in float32.
        dtype: The number format of the layers.
        max_length: The most tokens of an input, special tokens included.

    Returns:
        A model whose rows are vectors of texts, without any prompt, or None if this model cannot run packed.

    Raises:
        ArgumentError: ``dtype`` is "int8" and the device does not multiply bytes fast.
    """
    modules: list[Any] = list(model)
    kinds = [type(module).__name__ for module in modules]
    if kinds[:2] != ["Transformer", "Pooling"] or not set(kinds[2:]) <= {"Dense", "Normalize"}:
        return _cannot(f"the modules are {', '.join(kinds)}")
    first, pooler, *later_modules = modules
    if reason := unlike_plain_text(first):
        return _cannot(reason)
    modes = (pooler.pooling_mode,) if isinstance(pooler.pooling_mode, str) else pooler.pooling_mode
    if not set(modes) <= _POOLED.keys() or not (pooler.include_prompt or not any(model.prompts.values())):
        return _cannot(f"its vectors are pooled by {pooler.pooling_mode!r}, without prompts")
    pooling = Pooling(tuple(_POOLED[mode] for mode in modes))

    def finish(x: Tensor) -> Tensor:
        features = {"sentence_embedding": x}
        for module in later_modules:
            features = module(features)
        return features["sentence_embedding"]

    return _packed(Head(first.model, pooling, finish), model.tokenizer, dtype, max_length, _calibrate_with_texts)


_POOLED: dict[str, PoolingKind] = {"cls": "first", "lasttoken": "last", "max": "max", "mean": "mean"}


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
    warn_if_slow(dtype, device.type)
    int8 = Int8Linears(device) if dtype == "int8" else None
    number_format = int8.dtype if int8 else getattr(torch, dtype)
    options = BuildOptions(
        number_format, longest=max_length, one_token_only=head.pooling.one_token_only, int8=int8, exits=exits
    )
    try:
        with torch.inference_mode():
            architecture = build(head.base, options)
        own = TextTokenizer.of(tokenizer)
    except ModelError as error:
        return _cannot(str(error))
    encoder = PackedEncoder(architecture, head, device=device, options=options)
    model = PackedModel(own, encoder, max_length=max_length)
    if int8:
        calibrate(model)
        int8.quantise()
    return model


def _calibrate_with_pairs(model: PackedModel) -> None:
    queries, passages = (model.tokenizer.encode(texts) for texts in zip(*CALIBRATION_PAIRS, strict=True))
    longest = model.max_length // 2  # the model never cuts a query
    model.run_pairs([(query[:longest], passage) for query, passage in zip(queries, passages, strict=True)])


def _calibrate_with_texts(model: PackedModel) -> None:
    model.run(model.tokenizer.encode([text for pair in CALIBRATION_PAIRS for text in pair]))
