"""Runs an encoder over batches of many packed sequences of token ids."""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...errors import ArgumentError, ModelError
from ..workers import each, workers
from .architectures import Architecture, BuildOptions, Head
from .graphs import Recordings, Size, capture_on, staged, turn_on
from .layers import Group, KeysAndValues, Layer, Sequences, serves_all_lengths
from .packing import Packed, Rows, pack, plan, rows_of_tokens

logger = logging.getLogger("bicross")

Computed = TypeVar("Computed")

CPU_TOKENS = 1024
"""The most tokens of a batch on a CPU core: few enough to stay in its cache."""
CPU_LEAST_TOKENS = 256
"""The fewest tokens of a batch: with fewer, matrix products do not run at full speed."""
BATCHES_A_WORKER = 4
GPU_TOKENS = 65536


@dataclass(frozen=True, slots=True)
class DeviceBatch:
    """A batch on the device.

    Attributes:
        ids: The token ids, int64 of shape (tokens,).
        types: The type ids, int64 of shape (tokens,).
        starts: The first token of each sequence and the end of the last one, int64 of shape (sequences + 1,).
        sequences: Where the sequences lie, for attention.
    """

    ids: Tensor
    types: Tensor
    starts: Tensor
    sequences: Sequences


class PackedEncoder:
    """Runs one encoder. Any number of threads may share it.

    The result for a sequence does not depend on the other sequences of a call. On a GPU its last digits do: they
    change with the sizes of the matrix products.
    """

    def __init__(self, architecture: Architecture, head: Head, *, device: torch.device, options: BuildOptions) -> None:
        """Prepare an encoder for a device.

        Args:
            architecture: The packed encoder.
            head: What comes after it.
            device: The device of the weights.
            options: The options with which the encoder was packed.
        """
        self._architecture, self.pooling, self._finish = architecture, head.pooling, head.finish
        self._device, self._options = device, options
        self._budget = CPU_TOKENS if device.type == "cpu" else GPU_TOKENS
        self._shrinking = threading.Lock()
        head_size = architecture.layers[0].attention.project.head_size
        self._all_lengths = architecture.plain and serves_all_lengths(device, options.dtype, head_size)
        self._recordings = self._turn = None
        if self._all_lengths:
            self._recordings = Recordings(
                self._replayed, capture=capture_on(device), device=device, longest=options.longest
            )
        if self._all_lengths or device.type == "cuda":
            self._turn = turn_on(device)

    @property
    def layers(self) -> Sequence[Layer]:
        """The layers, from the first to the last."""
        return self._architecture.layers

    @property
    def hidden(self) -> int:
        """The width of the hidden states."""
        return self._architecture.hidden

    def run(self, sequences: Sequence[NDArray[np.int32]]) -> NDArray[np.float32]:
        """Run sequences.

        Args:
            sequences: Token ids and type ids, each of shape (2, tokens), special tokens included.

        Returns:
            The result of ``finish`` for each sequence, one row each, in the order of the input.

        Raises:
            ArgumentError: A sequence has no token.
            ModelError: A token id is not in the vocabulary, or memory is too small for a single sequence.
        """
        return gathered(self.in_batches(sequences, np.arange(len(sequences)), self.start))

    def run_tokens(self, sequences: Sequence[NDArray[np.int32]]) -> list[NDArray[np.float32]]:
        """Run sequences as ``run`` does, for the outputs of every token.

        Returns:
            The result of ``finish`` for the tokens of each sequence, one row for each token.
        """
        return rows_of_tokens(self.in_batches(sequences, np.arange(len(sequences)), self._tokens), sequences)

    def _tokens(self, batch: Packed, rows: Rows) -> Tensor:
        del rows
        with self.turn():
            device_batch = self.to_device(batch)
            x = self.embed(device_batch)
            for layer in self.layers:
                x = layer(x, device_batch.sequences, None)
            return self._finish(self._normed(x)[: batch.tokens].float()).float()

    @property
    def on_cpu(self) -> bool:
        """Whether it computes on a CPU."""
        return self._device.type == "cpu"

    @property
    def continues(self) -> bool:
        """Whether sequences that begin alike have the same states there, and only the last token is pooled."""
        return self._architecture.causal and self.pooling.kinds == ("last",)

    def in_batches(
        self, sequences: Sequence[NDArray[np.int32]], rows: Rows, compute: Callable[[Packed, Rows], Computed]
    ) -> list[tuple[Rows, Computed]]:
        """Call a function on batches of sequences.

        If the device runs out of memory, batches become smaller from then on.

        Args:
            sequences: Token ids and type ids, each of shape (2, tokens).
            rows: The numbers of the sequences to run.
            compute: Takes a batch and the numbers of its sequences.

        Returns:
            For each batch the numbers of its sequences and the result of ``compute``.

        Raises:
            ArgumentError: A sequence has no token, which a tokenizer without special tokens may give.
            ModelError: A token id is not in the vocabulary, or memory is too small for a single sequence.
        """
        lengths = np.array([sequence.shape[1] for sequence in sequences], np.int64)
        if not lengths.all():
            raise ArgumentError(f"text {int(lengths.argmin())} has no token, so there is nothing for the model to read")
        todo = rows
        done: list[tuple[Rows, Computed]] = []
        while len(todo):
            budget = self._budget_for(int(lengths[todo].sum()))
            batches = [todo[rows_of_batch] for rows_of_batch in plan(lengths[todo], budget)]
            missing = [np.empty(0, np.int64)]
            attempt = partial(self._attempt, sequences, compute, budget)
            for rows_of_batch, outputs in zip(batches, self._each(attempt, batches), strict=True):
                if outputs is None:
                    missing.append(rows_of_batch)
                else:
                    done.append((rows_of_batch, outputs))
            todo = np.concatenate(missing)
        return done

    def _budget_for(self, tokens: int) -> int:
        """The most tokens of a batch. On a CPU each worker gets several batches, so that all end at about one time."""
        if self._device.type != "cpu":
            return self._budget
        return min(self._budget, max(CPU_LEAST_TOKENS, tokens // (BATCHES_A_WORKER * workers())))

    def _each(self, function: Callable[[Rows], Computed | None], batches: Sequence[Rows]) -> Iterable[Computed | None]:
        """Map a function over batches: one after the other on a GPU, one batch for each core on a CPU."""
        return each(function, batches) if self._device.type == "cpu" and len(batches) > 1 else map(function, batches)

    def _attempt(
        self,
        sequences: Sequence[NDArray[np.int32]],
        compute: Callable[[Packed, Rows], Computed],
        budget: int,
        rows: Rows,
    ) -> Computed | None:
        """The result of ``compute`` for the sequences in ``rows``; None if the device is out of memory."""
        if self._budget < budget:
            return None  # another batch of this size has already failed
        batch = pack(sequences, rows, placeless=self._architecture.placeless)
        highest, vocabulary = int(batch.numbers[: batch.filled].astype(np.uint32).max()), self._architecture.vocabulary
        if highest >= vocabulary:  # on a GPU it would crash the process
            raise ModelError(
                f"the model has {vocabulary} token ids, and {highest} is none of them: its tokenizer is another "
                "model's, or the index is damaged (`bicross verify`; `bicross retokenize` makes its ids anew)"
            )
        try:
            with torch.inference_mode():
                return compute(batch, rows)
        except torch.OutOfMemoryError as error:
            self._shrink(budget, batch, error)
            return None

    def _shrink(self, budget: int, batch: Packed, error: Exception) -> None:
        """Halve the budget, unless the batch was a single sequence, which cannot be made smaller."""
        if batch.tokens == batch.longest:
            raise ModelError(
                f"the device {self._device} has not enough memory for a text of {batch.tokens} tokens: {error}"
            ) from error
        with self._shrinking:
            if self._budget <= budget // 2:
                return  # another thread has halved it already
            self._budget = budget // 2
        logger.warning("the device %s is out of memory; batches now have %d tokens", self._device, self._budget)

    def start(self, batch: Packed, rows: Rows) -> Tensor:
        """Start a batch of the sequences ``rows``. Returns a row for each, which a GPU may still be computing."""
        del rows
        with self.turn():
            replayed = self._recordings.run(batch) if self._recordings else None
            if replayed is not None:
                return replayed
            return self._compute(self.to_device(batch))

    def _replayed(self, numbers: Tensor, size: Size) -> Tensor:
        return self._compute(self._device_batch(numbers, size.tokens, groups=(), longest=size.longest))

    def _compute(self, device_batch: DeviceBatch) -> Tensor:
        """A row for each sequence, float32. This must not wait for the device, or branch on numbers on the device."""
        x = self.embed(device_batch)
        for layer in self.layers[:-1]:
            x = layer(x, device_batch.sequences, None)
        return self.end(x, device_batch)

    def turn(self) -> AbstractContextManager[object]:
        """The lock to hold while work is submitted to the device."""
        return self._turn or nullcontext()

    def to_device(self, batch: Packed, *, after: int = 0) -> DeviceBatch:
        """Copy a batch to the device. Its sequences begin after so many other tokens."""
        numbers = staged(batch.numbers, self._device).to(self._device, non_blocking=True)
        return self._device_batch(numbers, batch.filled, groups=batch.groups, longest=batch.longest, after=after)

    def _device_batch(
        self, numbers: Tensor, filled: int, *, groups: tuple[Group, ...], longest: int, after: int = 0
    ) -> DeviceBatch:
        ids, types, positions = numbers[: 3 * filled].view(3, filled).unbind()
        starts = numbers[3 * filled :]
        borders = starts.int() if self._all_lengths else None
        sequences = Sequences(groups, positions + after, longest, borders, self.pooling.reads_last)
        return DeviceBatch(ids, types, starts, sequences)

    def embed(self, device_batch: DeviceBatch) -> Tensor:
        """The input of the first layer, shape (tokens, hidden)."""
        return self._architecture.embed(device_batch.ids, device_batch.types, device_batch.sequences.positions).to(
            self._options.dtype
        )

    def one_token_each(
        self, layer: int, x: Tensor, device_batch: DeviceBatch, before: KeysAndValues | None = None
    ) -> Tensor:
        """Run one layer for the first token of each sequence only, or the last one if that is pooled.

        Args:
            layer: The layer, counted from 1.
            x: Its input, shape (tokens, hidden).
            device_batch: The batch.
            before: Keys and values of tokens that come before each sequence.

        Returns:
            The states of these tokens, float32 of shape (sequences, hidden).
        """
        rows = self.pooling.rows(device_batch.starts)
        return self._normed(self.layers[layer - 1](x, device_batch.sequences, rows, before)).float()

    def end(self, x: Tensor, device_batch: DeviceBatch, before: KeysAndValues | None = None) -> Tensor:
        """Run the last layer on its input ``x``, pool and finish; a row for each sequence, float32."""
        if self.pooling.one_token_only:
            return self._finish(self.one_token_each(len(self.layers), x, device_batch, before)).float()
        x = self._normed(self.layers[-1](x, device_batch.sequences, None, before))
        return self._finish(self.pooling.pool(x.float(), device_batch.ids, device_batch.starts)).float()

    def _normed(self, x: Tensor) -> Tensor:
        norm = self._architecture.norm
        return x if norm is None else norm(x)


def gathered(done: Sequence[tuple[Rows, Tensor]]) -> NDArray[np.float32]:
    """Join the results of batches in ascending order of rows, with one copy to the host, which waits for a GPU."""
    values = torch.cat([result for _, result in done]).cpu().numpy()
    return values[np.argsort(np.concatenate([rows for rows, _ in done]))]
