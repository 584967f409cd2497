"""Runs an encoder over many sequences at once, packed. Knows token ids and numbers, and nothing of texts."""

import logging
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import ModelError
from .architectures import Architecture, Wanted
from .attention import Sequences, serves_all_lengths
from .graphs import Recordings, Size, capture_on, staged, turn_on
from .packing import Group, Packed, pack, plan

logger = logging.getLogger("bicross")

Read = Literal["first", "mean"]
"""What is made of a sequence: the vector of its first token, or the mean over all of its tokens."""
Finish = Callable[[Tensor], Tensor]
"""What is done with those vectors, float32 of shape (sequences, hidden), on the device."""

CPU_TOKENS = 4096
"""Tokens of a batch: as many as stay in the cache, and enough for the products to run at full speed."""
GPU_TOKENS = 65536


class PackedEncoder:
    """Runs one encoder. Any number of threads may share it.

    What comes out for a sequence does not depend on what else is in the call but for the last digits, which change with
    the sizes of the products.
    """

    def __init__(
        self, architecture: Architecture, finish: Finish, *, device: torch.device, wanted: Wanted, longest: int
    ) -> None:
        """``longest`` is the most tokens that sequences have."""
        self._architecture, self._finish = architecture, finish
        self._device, self._wanted = device, wanted
        self._budget = GPU_TOKENS if device.type == "cuda" else CPU_TOKENS
        head_size = architecture.hidden // architecture.layers[0].project.heads
        self._all_lengths = serves_all_lengths(device, wanted.dtype, head_size)
        self._recordings = self._turn = None
        if self._all_lengths:
            self._recordings = Recordings(self._replayed, capture=capture_on(device), device=device, longest=longest)
        if self._all_lengths or device.type == "cuda":
            self._turn = turn_on(device)

    def run(self, sequences: Sequence[NDArray[np.int32]]) -> NDArray[np.float32]:
        """What ``finish`` makes of each sequence, one row each, in the order of the input.

        A sequence is (2, tokens): ids and type ids, special tokens included. Where the device runs out of memory,
        batches become smaller, from then on. Raises ``ModelError`` where a single sequence is too much for it.
        """
        lengths = np.array([sequence.shape[1] for sequence in sequences], np.int64)
        todo = np.arange(len(sequences))
        rows: list[NDArray[np.int64]] = []
        found: list[Tensor] = []
        with torch.inference_mode():
            while len(todo):
                budget = self._budget
                for some in plan(lengths[todo], budget):
                    batch = pack(sequences, todo[some], placeless=self._architecture.placeless)
                    try:
                        found.append(self._start(batch))
                    except torch.OutOfMemoryError as error:
                        self._shrink(budget, int(lengths[todo[some]].max()), error)
                        break
                    rows.append(todo[some])
                todo = np.setdiff1d(todo, np.concatenate(rows)) if rows else todo
            # One copy to the host at the end: until here a GPU has not been waited for.
            values = torch.cat(found).cpu().numpy()
        out = np.empty_like(values)
        out[np.concatenate(rows)] = values
        return out

    def _shrink(self, budget: int, longest: int, error: Exception) -> None:
        """Halve the budget; one batch may be a single sequence, which cannot be made smaller."""
        if budget // 2 < longest:
            raise ModelError(
                f"the device {self._device} has not enough memory for a text of {longest} tokens: {error}"
            ) from error
        self._budget = budget // 2
        logger.warning("the device %s is out of memory; batches now have %d tokens", self._device, self._budget)

    def _start(self, batch: Packed) -> Tensor:
        """A row for each sequence of a batch, which a GPU need not have computed yet."""
        with self._turn or nullcontext():
            found = self._recordings.run(batch) if self._recordings else None
            if found is not None:
                return found
            numbers = staged(batch.numbers, self._device).to(self._device, non_blocking=True)
            return self._compute(numbers, batch.filled, groups=batch.groups, longest=batch.longest)

    def _replayed(self, numbers: Tensor, size: Size) -> Tensor:
        return self._compute(numbers, size.tokens, groups=(), longest=size.longest)

    def _compute(self, numbers: Tensor, filled: int, *, groups: tuple[Group, ...], longest: int) -> Tensor:
        """A row for each sequence, float32. Nothing here may wait for the device, or depend on its numbers."""
        ids, types, places = numbers[: 3 * filled].view(3, filled).unbind()
        starts = numbers[3 * filled :]
        sequences = Sequences(groups, places, longest, starts.int() if self._all_lengths else None)
        architecture = self._architecture
        x = architecture.embed(ids, types, places).to(self._wanted.dtype)
        read = starts[:-1] if self._wanted.read_first else None
        for layer in architecture.layers[:-1]:
            x = layer(x, sequences, None)
        x = architecture.layers[-1](x, sequences, read)
        if architecture.norm is not None:
            x = architecture.norm(x)
        if read is None:
            # Unsafe, since the check of the lengths would wait for them.
            x = torch.segment_reduce(x.float(), "mean", lengths=starts.diff(), axis=0, unsafe=True)
        return self._finish(x.float()).float()
