"""Reads sequences some layers at a time, fewer and fewer of them. Knows no text, and not who goes on or why."""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .engine import DeviceBatch, PackedEncoder, Rows, gathered
from .packing import Packed


class LayeredRun:
    """Sequences on their way through an encoder; for one thread, and one way through.

    Kept of each is the matrix that the next layer takes, so that no layer is computed anew for all of its tokens. The
    layer of an exit is computed for first tokens alone, which costs a sixth of it; those that go on take it whole.
    """

    def __init__(self, encoder: PackedEncoder, sequences: Sequence[NDArray[np.int32]]) -> None:
        self._encoder, self._sequences = encoder, sequences
        self._behind = 0  # layers that those who go on have behind them
        self._states: dict[int, Tensor] = {}

    def first_tokens(self, layer: int, rows: Rows) -> NDArray[np.float32]:
        """The first token after ``layer``, counted from 1, of the sequences in ``rows``, (len(rows), hidden).

        ``rows`` ascend and are among those of the call before; others are forgotten. ``layer`` grows with each call.
        """
        done = self._encoder.in_batches(self._sequences, rows, partial(self._to, layer))
        self._states = {}
        for some, (_, matrices) in done:
            self._states |= dict(zip(some.tolist(), matrices, strict=True))
        self._behind = layer - 1
        return gathered([(some, first) for some, (first, _) in done])

    def outputs(self, rows: Rows) -> NDArray[np.float32]:
        """What the encoder makes of the sequences in ``rows`` at its end, as ``PackedEncoder.run`` gives it."""
        return gathered(self._encoder.in_batches(self._sequences, rows, self._to_end))

    def _to(self, layer: int, batch: Packed, rows: Rows) -> tuple[Tensor, Sequence[Tensor]]:
        """First tokens after ``layer``, and of each sequence what that layer takes."""
        with self._encoder.turn():
            x, device_batch = self._before(layer, batch, rows)
            starts = batch.numbers[3 * batch.filled :].tolist()
            matrices = [x[start:stop] for start, stop in pairwise(starts)]
            return self._encoder.first_tokens(layer, x, device_batch), matrices

    def _to_end(self, batch: Packed, rows: Rows) -> Tensor:
        with self._encoder.turn():
            return self._encoder.end(*self._before(len(self._encoder.layers), batch, rows))

    def _before(self, layer: int, batch: Packed, rows: Rows) -> tuple[Tensor, DeviceBatch]:
        """What ``layer`` takes."""
        encoder = self._encoder
        device_batch = encoder.to_device(batch)
        if self._behind or self._states:
            kept = [self._states[row] for row in rows.tolist()]
            x = torch.cat([*kept, kept[0].new_zeros(batch.filled - batch.tokens, encoder.hidden)])
        else:
            x = encoder.embed(device_batch)
        for between in encoder.layers[self._behind : layer - 1]:
            x = between(x, device_batch.sequences, None)
        return x, device_batch
