"""Packs the first layers of an encoder, for the states of all tokens."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..loading import Dtype
from ..tokenizer import TextTokenizer
from .architectures import CannotPackError, Head
from .calibration_texts import CALIBRATION_PAIRS
from .inputs import unlike_plain_text
from .layers import make_linear
from .model import PackedModel, packed_model
from .pooling import Finish, Pooling

_ROWS = 64


def packed_token_states(
    model: Any,  # noqa: ANN401 - models share no useful base
    *,
    layers: int,
    width: int,
    finish: Finish,
    dtype: Dtype,
    max_length: int,
) -> PackedModel:
    """Pack the first layers of an encoder.

    Args:
        model: A SentenceTransformer, or a ``DirectModel``, in float32.
        layers: How many of the first layers run. The states are those that transformers calls
            ``hidden_states[layers]``.
        width: The number of units of a state that ``finish`` takes.
        finish: What is computed of the states, float32 of shape (tokens, hidden), on the device of the model. It must
            compute each row alone.
        dtype: The number format of the layers.
        max_length: The most tokens of an input, special tokens included.

    Returns:
        A model whose ``run_tokens`` gives the rows of ``finish``.

    Raises:
        ModelError: The model cannot run packed, or has fewer layers; the message is the reason.
        ArgumentError: ``dtype`` is "int8" and the device does not multiply bytes fast.
    """
    first = model[0]
    if type(first).__name__ != "Transformer":
        raise CannotPackError(f"its first module is {type(first).__name__}, not a transformer")
    if reason := unlike_plain_text(first):
        raise CannotPackError(reason)
    if state_width(model) != width:
        raise CannotPackError(f"its states have {state_width(model)} units, and states of {width} are wanted")
    return packed_model(
        Head(first.model, Pooling(("mean",)), finish, layers),
        lambda: TextTokenizer.of(model.tokenizer, pairs=False),
        dtype,
        max_length,
        _calibrate,
    )


def state_width(model: Any) -> int:  # noqa: ANN401
    """The number of units of the states of an encoder, as ``packed_token_states`` takes it."""
    config = model[0].model.config
    return int(config.hidden_size if hasattr(config, "hidden_size") else config.dim)


def tokens_around(tokenizer: TextTokenizer) -> tuple[int, int]:
    """The number of special tokens before and after a text."""
    own = tokenizer.vocabulary_size  # the id of no token
    ids = tokenizer.single(np.array([own], np.uint32), max_length=2**20)[0].tolist()
    before = ids.index(own)
    return before, len(ids) - before - 1


def affine(weight: Tensor, bias: Tensor) -> Finish:
    """Return a linear map of states, whose result for a row does not depend on the other rows on a CPU.

    Args:
        weight: float32 of shape (outputs, hidden), on the device of the model.
        bias: float32 of shape (outputs,).
    """
    layer = nn.Linear(weight.shape[1], weight.shape[0], device="meta")
    layer.weight, layer.bias = nn.Parameter(weight, requires_grad=False), nn.Parameter(bias, requires_grad=False)
    run = make_linear(layer, dtype=torch.float32)

    def mapped(x: Tensor) -> Tensor:
        """In full blocks of rows: other numbers of rows may have kernels of their own, with other last digits."""
        return run(nn.functional.pad(x, (0, 0, 0, -len(x) % _ROWS)))[: len(x)]

    return mapped


def _calibrate(model: PackedModel) -> None:
    ids = model.tokenizer.encode([text for pair in CALIBRATION_PAIRS for text in pair])
    model.run_tokens([model.tokenizer.single(row, max_length=model.max_length) for row in ids])
