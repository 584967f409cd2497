"""Packed models, from token ids to vectors or logits, and the choice of models that can run packed."""

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...errors import ModelError
from ..loading import Dtype, warn_if_slow
from ..tokenizer import TextTokenizer, TokenIds
from .architectures import BuildOptions, CannotPackError, Head, build, head_of, head_of_causal
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
        self.encoder = encoder
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
        return self.encoder.run([self.tokenizer.single(ids, max_length=limit) for ids in texts])

    def run_pairs(self, pairs: Sequence[tuple[TokenIds, TokenIds]]) -> NDArray[np.float32]:
        """Run pairs of texts.

        Args:
            pairs: The token ids of both texts, without special tokens. The second is cut if the pair is too long.

        Returns:
            A row for each pair, float32 of shape (len(pairs), outputs).
        """
        lengths = [self.tokenizer.before_second(query) for query, _ in pairs] if self.encoder.continues else []
        return run_sharing(self.encoder, self._sequences(pairs), lengths)

    def run_whole(self, inputs: Sequence[TokenIds], beginnings: Sequence[int]) -> NDArray[np.float32]:
        """Run inputs that are complete.

        Args:
            inputs: The token ids of each input, with everything around the texts, of ``max_length`` at most.
            beginnings: The tokens at the beginning of each that others probably have too, which a decoder then
                computes once.

        Returns:
            A row for each input, float32 of shape (len(inputs), outputs).
        """
        sequences = [np.stack([ids, np.zeros_like(ids)]).astype(np.int32) for ids in inputs]
        return run_sharing(self.encoder, sequences, beginnings)

    def run_tokens(self, inputs: Sequence[NDArray[np.int32]]) -> list[NDArray[np.float32]]:
        """Run inputs that are complete, for the outputs of every token.

        Args:
            inputs: Token ids and type ids, each int32 of shape (2, tokens), of ``max_length`` at most.

        Returns:
            For each input the outputs of its tokens, float32 of shape (tokens, outputs).
        """
        return self.encoder.run_tokens(inputs)

    def run_layered(self, pairs: Sequence[tuple[TokenIds, TokenIds]]) -> LayeredRun:
        """Start a run of pairs at the first layer; the caller decides which pairs run through further layers."""
        return LayeredRun(self.encoder, self._sequences(pairs))

    @property
    def layers(self) -> int:
        """The number of layers."""
        return len(self.encoder.layers)

    @property
    def hidden(self) -> int:
        """The width of the hidden states."""
        return self.encoder.hidden

    def _sequences(self, pairs: Sequence[tuple[TokenIds, TokenIds]]) -> list[NDArray[np.int32]]:
        return [self.tokenizer.pair(*pair, max_length=self.max_length) for pair in pairs]


def packed_reranker(
    model: Any,  # noqa: ANN401
    *,
    dtype: Dtype,
    max_length: int,
    exits: Collection[int] = (),
    whole: bool = False,
) -> PackedModel | None:
    """Pack a CrossEncoder.

    It can run packed if it is one sequence classifier, or a language model of whose logits one or two are the score.

    Args:
        model: A CrossEncoder, in float32.
        dtype: The number format of the layers.
        max_length: The most tokens of an input, special tokens included.
        exits: The layers, counted from 1, whose first tokens are needed.
        whole: Whether it is given whole inputs alone, as by a chat template; the tokenizer need not make pairs then.

    Returns:
        A model whose rows are the raw outputs, or None if this model cannot run packed.

    Raises:
        ArgumentError: ``dtype`` is "int8" and the device does not multiply bytes fast.
    """
    first, *others = list[Any](model)
    kinds = [type(module).__name__ for module in others]
    if kinds == ["LogitScore"]:
        head = head_of_causal(first.model, others[0].true_token_id, others[0].false_token_id)
    elif kinds[:1] == ["Pooling"]:
        head = _head_of_modules(first, others, "scores", prompted=False)
    elif not kinds:
        head = head_of(first.model)
    else:
        head = None
    if head is None:
        first_name = type(first.model).__name__ if hasattr(first, "model") else type(first).__name__
        return _cannot(f"the modules are {', '.join([first_name, *map(_described, others)])}")
    if reason := unlike_plain_text(first, in_template=True):
        return _cannot(reason)
    tokenizer = partial(TextTokenizer.of, model.tokenizer, pairs=not whole)
    calibrate = _calibrate_with_joined_pairs if whole else calibrate_with_pairs
    return _packed(head, tokenizer, dtype, max_length, calibrate, exits=frozenset(exits))


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
    first, *others = list[Any](model)
    head = _head_of_modules(first, others, "sentence_embedding", prompted=any(model.prompts.values()))
    if head is None:
        return _cannot(f"the modules are {', '.join(map(_described, model))}")
    if reason := unlike_plain_text(first):
        return _cannot(reason)
    tokenizer = partial(TextTokenizer.of, model.tokenizer, pairs=False)
    return _packed(head, tokenizer, dtype, max_length, _calibrate_with_texts)


def _head_of_modules(first: Any, others: Sequence[Any], result: str, *, prompted: bool) -> Head | None:  # noqa: ANN401
    """The head that a pooling module and further ones make; None if one of them is unknown.

    Args:
        first: The Transformer.
        others: The modules after it.
        result: What the last one computes, by the name that sentence-transformers has for it.
        prompted: Whether there are prompts, which a pooling module may leave out.
    """
    kinds = [type(module).__name__ for module in others]
    if (
        type(first).__name__ != "Transformer"
        or kinds[:1] != ["Pooling"]
        or not set(kinds[1:]) <= {"Dense", "Normalize"}
    ):
        return None
    pooler, *later_modules = others
    modes = (pooler.pooling_mode,) if isinstance(pooler.pooling_mode, str) else pooler.pooling_mode
    if not set(modes) <= _POOLED.keys() or (prompted and not pooler.include_prompt):
        return None

    def finish(x: Tensor) -> Tensor:
        features = {"sentence_embedding": x}
        for module in later_modules:
            features = module(features)
        return features[result]

    return Head(first.model, Pooling(tuple(_POOLED[mode] for mode in modes)), finish)


def _described(module: Any) -> str:  # noqa: ANN401
    """The kind of a module; of a pooling one also how it pools, and that it leaves out the prompt if it does."""
    kind = type(module).__name__
    if kind != "Pooling":
        return kind
    return f"Pooling by {module.pooling_mode!r}{'' if module.include_prompt else ' without prompts'}"


_POOLED: dict[str, PoolingKind] = {"cls": "first", "lasttoken": "last", "max": "max", "mean": "mean"}


def _packed(
    head: Head,
    make_tokenizer: Callable[[], TextTokenizer],
    dtype: Dtype,
    max_length: int,
    calibrate: Callable[[PackedModel], object],
    *,
    exits: frozenset[int] = frozenset(),
) -> PackedModel | None:
    try:
        return packed_model(head, make_tokenizer, dtype, max_length, calibrate, exits=exits)
    except CannotPackError as error:
        return _cannot(str(error))


def packed_model(
    head: Head,
    make_tokenizer: Callable[[], TextTokenizer],
    dtype: Dtype,
    max_length: int,
    calibrate: Callable[[PackedModel], object],
    *,
    exits: frozenset[int] = frozenset(),
) -> PackedModel:
    """Pack a model that was split into its base and its head.

    Args:
        head: Both parts.
        make_tokenizer: Makes the tokenizer; raises ``ModelError`` where the engine cannot run with it.
        dtype: The number format of the layers.
        max_length: The most tokens of an input, special tokens included.
        calibrate: Runs texts through the model, from which int8 layers take their ranges.
        exits: The layers, counted from 1, whose first tokens are needed.

    Raises:
        CannotPackError: The model cannot run packed; the message is the reason.
        ArgumentError: ``dtype`` is "int8" and the device does not multiply bytes fast.
    """
    device = head.base.device
    if device.type not in ("cpu", "cuda"):
        raise CannotPackError(f"on a device like {device} it has not been tried")
    warn_if_slow(dtype, device.type)
    int8 = Int8Linears(device) if dtype == "int8" else None
    number_format = int8.dtype if int8 else getattr(torch, dtype)
    options = BuildOptions(
        number_format, max_length, head.pooling.one_token_only, int8=int8, exits=exits, first_layers=head.layers
    )
    try:
        with torch.inference_mode():
            architecture = build(head.base, options)
        tokenizer = make_tokenizer()
    except ModelError as error:
        raise CannotPackError(str(error)) from error
    encoder = PackedEncoder(architecture, head, device=device, options=options)
    model = PackedModel(tokenizer, encoder, max_length=max_length)
    if int8:
        calibrate(model)
        int8.quantise()
    return model


def calibrate_with_pairs(model: PackedModel) -> None:
    """Run pairs, from which int8 layers take their ranges."""
    queries, passages = (model.tokenizer.encode(texts) for texts in zip(*CALIBRATION_PAIRS, strict=True))
    longest = model.max_length // 2  # the model never cuts a query
    model.run_pairs([(query[:longest], passage) for query, passage in zip(queries, passages, strict=True)])


def _calibrate_with_joined_pairs(model: PackedModel) -> None:
    queries, passages = (model.tokenizer.encode(texts) for texts in zip(*CALIBRATION_PAIRS, strict=True))
    model.run([np.concatenate(pair).astype(np.uint32) for pair in zip(queries, passages, strict=True)])


def _calibrate_with_texts(model: PackedModel) -> None:
    model.run(model.tokenizer.encode([text for pair in CALIBRATION_PAIRS for text in pair]))
