"""Runs sequences through some layers at a time, with fewer sequences each time."""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .engine import DeviceBatch, PackedEncoder, gathered
from .packing import Packed, Rows


class LayeredRun:
    """One run of sequences through an encoder, for one thread.

    It keeps the input matrix of the next layer for each sequence, so that no layer is computed twice for all tokens.
    The layer of an exit is computed for first tokens only, which costs a sixth of it. For sequences that go on, it is
    then computed for all tokens.

    Args:
        encoder: The encoder.
        sequences: Token ids and type ids, each int32 of shape (2, tokens), special tokens included.
    """

    def __init__(self, encoder: PackedEncoder, sequences: Sequence[NDArray[np.int32]]) -> None:
        self._encoder, self._sequences = encoder, sequences
        self._behind = 0  # layers that are done for sequences that go on
        self._states: dict[int, Tensor] = {}

    def first_tokens(self, layer: int, rows: Rows) -> NDArray[np.float32]:
        """Run sequences up to a layer.

        Args:
            layer: The layer, counted from 1. It must increase from call to call.
            rows: Numbers of sequences, ascending, and a subset of those of the call before. Others are dropped.

        Returns:
            The state of the first token of each sequence after ``layer``, float32 of shape (len(rows), hidden).
        """
        done = self._encoder.in_batches(self._sequences, rows, partial(self._to, layer))
        self._states = {}
        for batch_rows, (_, matrices) in done:
            self._states |= dict(zip(batch_rows.tolist(), matrices, strict=True))
        self._behind = layer - 1
        return gathered([(batch_rows, first) for batch_rows, (first, _) in done])

    def outputs(self, rows: Rows) -> NDArray[np.float32]:
        """Run the sequences in ``rows`` through the remaining layers; the rows are those of ``PackedEncoder.run``."""
        return gathered(self._encoder.in_batches(self._sequences, rows, self._to_end))

    def _to(self, layer: int, batch: Packed, rows: Rows) -> tuple[Tensor, Sequence[Tensor]]:
        """The first tokens after ``layer``, and the input of that layer for each sequence."""
        with self._encoder.turn():
            x, device_batch = self._before(layer, batch, rows)
            starts = batch.numbers[3 * batch.filled :].tolist()
            matrices = [x[start:stop] for start, stop in pairwise(starts)]
            return self._encoder.one_token_each(layer, x, device_batch), matrices

    def _to_end(self, batch: Packed, rows: Rows) -> Tensor:
        with self._encoder.turn():
            return self._encoder.end(*self._before(len(self._encoder.layers), batch, rows))

    def _before(self, layer: int, batch: Packed, rows: Rows) -> tuple[Tensor, DeviceBatch]:
        """The input of ``layer``."""
        encoder = self._encoder
        device_batch = encoder.to_device(batch)
        if self._behind or self._states:
            stored = [self._states[row] for row in rows.tolist()]
            x = torch.cat([*stored, stored[0].new_zeros(batch.filled - batch.tokens, encoder.hidden)])
        else:
            x = encoder.embed(device_batch)
        for between in encoder.layers[self._behind : layer - 1]:
            x = between(x, device_batch.sequences, None)
        return x, device_batch
