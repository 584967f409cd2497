"""Packs extractive readers, which have two outputs for each token: is it the first, is it the last of an answer."""

from typing import Any

from ..loading import Dtype
from ..tokenizer import TextTokenizer
from .architectures import CannotPackError, head_of_reader
from .inputs import cannot_run_packed
from .model import PackedModel, calibrate_with_pairs, packed_model

_BY = "transformers"


def packed_reader(
    model: Any,  # noqa: ANN401 - models share no useful base
    tokenizer: TextTokenizer,
    *,
    dtype: Dtype,
    max_length: int,
) -> PackedModel | None:
    """Pack a reader.

    Args:
        model: A model of transformers for question answering, in float32.
        tokenizer: Its tokenizer.
        dtype: The number format of the layers.
        max_length: The most tokens of an input, special tokens included.

    Returns:
        A model whose ``run_tokens`` gives two outputs for each token, or None if this model cannot run packed.

    Raises:
        ArgumentError: ``dtype`` is "int8" and the device does not multiply bytes fast.
    """
    head = head_of_reader(model)
    if head is None:
        return cannot_run_packed(f"the head of {type(model).__name__} is not among those that run packed", by=_BY)
    try:
        return packed_model(head, lambda: tokenizer, dtype, max_length, calibrate_with_pairs)
    except CannotPackError as error:
        return cannot_run_packed(str(error), by=_BY)
