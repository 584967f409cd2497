"""Runs texts through an encoder, and reads the states of all their tokens on the way."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..tokenizer import TokenIds
from .engine import gathered
from .model import PackedModel
from .packing import Packed, Rows, rows_of_tokens
from .pooling import Finish


@dataclass(frozen=True, slots=True)
class Tap:
    """What is read on the way through an encoder.

    Attributes:
        layer: The layer, counted from 1, after which the states are read. It is not the last one.
        finish: What is computed of the states, float32 of shape (tokens, hidden), on the device of the model. It must
            compute each row alone.
    """

    layer: int
    finish: Finish


def run_tapped(
    model: PackedModel, texts: Sequence[TokenIds], tap: Tap, *, max_length: int | None = None
) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
    """Run texts as ``PackedModel.run`` does, and read a tap.

    Args:
        model: The model; it has more layers than ``tap.layer``.
        texts: The token ids of each text, without special tokens. A text that is too long is cut.
        tap: What is read on the way.
        max_length: A lower limit on the tokens of these texts, special tokens included.

    Returns:
        A row for each text, float32 of shape (len(texts), outputs); and for each text a row of ``tap.finish`` for every
        token, special tokens included.
    """
    encoder = model.encoder
    limit = min(model.max_length, max_length or model.max_length)
    sequences = [model.tokenizer.single(ids, max_length=limit) for ids in texts]

    def compute(batch: Packed, rows: Rows) -> tuple[Tensor, Tensor]:
        del rows
        with encoder.turn():
            device_batch = encoder.to_device(batch)
            x, read = encoder.embed(device_batch), torch.empty(0)
            for number, layer in enumerate(encoder.layers[:-1], start=1):
                x = layer(x, device_batch.sequences, None)
                if number == tap.layer:
                    read = tap.finish(x[: batch.tokens].float()).float()
            return encoder.end(x, device_batch), read

    done = encoder.in_batches(sequences, np.arange(len(sequences)), compute)
    vectors = gathered([(rows, outputs) for rows, (outputs, _) in done])
    return vectors, rows_of_tokens([(rows, read) for rows, (_, read) in done], sequences)
