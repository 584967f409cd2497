"""Packs sequences into batches without padding: which sequences run together, and where each begins."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from .layers import Group

Rows = NDArray[np.int64]
"""Numbers of sequences."""

FEW_TOKENS = 128
"""Batches up to this size are filled up to a small multiple: a large one could double a query of a few tokens."""
ROUND_FEW, ROUND_MANY = 8, 64
"""A batch is filled up to a multiple of so many tokens, because oneDNN prepares itself for each new size."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A batch of sequences end to end, filled up with tokens that belong to no sequence.

    Attributes:
        numbers: Four arrays in one, int64, so that one copy brings them to a device: the token ids, the type ids and
            the positions in the sequence, ``filled`` of each; then the first token of each sequence and the end of the
            last one, which is ``tokens``.
        filled: The number of tokens after filling up.
        tokens: The number of tokens of the sequences.
        groups: The sequences by length.
    """

    numbers: NDArray[np.int64]
    filled: int
    tokens: int
    groups: tuple[Group, ...]

    @property
    def sequences(self) -> int:
        """The number of sequences."""
        return len(self.numbers) - 3 * self.filled - 1

    @property
    def longest(self) -> int:
        """The number of tokens of the longest sequence."""
        return max(group.length for group in self.groups)


def plan(lengths: NDArray[np.int64], budget: int) -> Iterator[NDArray[np.int64]]:
    """Choose which sequences run together, the longest first.

    Sequences of equal length keep their order, so the same input always makes the same batches.

    Args:
        lengths: The tokens of each sequence, shape (sequences,).
        budget: The most tokens of a batch; a batch has at least one sequence.

    Returns:
        The numbers of the sequences of each batch.
    """
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        ends = np.cumsum(lengths[order[start:]])
        stop = start + max(1, int(np.searchsorted(ends, budget, side="right")))
        yield order[start:stop]
        start = stop


def pack(sequences: Sequence[NDArray[np.int32]], rows: NDArray[np.int64], *, placeless: int | None = None) -> Packed:
    """Put sequences end to end.

    Args:
        sequences: Token ids and type ids, each int32 of shape (2, tokens).
        rows: The numbers of the sequences to pack, sorted by length.
        placeless: A token id without a position: its position is -1, and tokens after it are counted without it.

    Returns:
        The batch.
    """
    chosen = [sequences[int(row)] for row in rows]
    lengths = np.array([sequence.shape[1] for sequence in chosen], np.int64)
    starts = np.concatenate(([0], np.cumsum(lengths)))
    tokens = int(starts[-1])
    step = ROUND_FEW if tokens <= FEW_TOKENS else ROUND_MANY
    filled = -(-tokens // step) * step
    numbers = np.zeros(3 * filled + len(starts), np.int64)
    read = numbers[: 3 * filled].reshape(3, filled)[:, :tokens]
    np.concatenate(chosen, axis=1, out=read[:2])
    counted = np.ones(tokens, np.bool_) if placeless is None else read[0] != placeless
    before = np.cumsum(counted) - counted
    read[2] = np.where(counted, before - np.repeat(before[starts[:-1]], lengths), -1)
    numbers[3 * filled :] = starts
    return Packed(numbers, filled, tokens, _groups(lengths, starts))


def rows_of_tokens(
    done: Iterable[tuple[Rows, Tensor]], sequences: Sequence[NDArray[np.int32]]
) -> list[NDArray[np.float32]]:
    """Split the results of batches, which have a row for each token, by sequence, in the order of the input."""
    outputs: dict[int, NDArray[np.float32]] = {}
    lengths = np.array([sequence.shape[1] for sequence in sequences], np.int64)
    for rows, result in done:
        values: NDArray[np.float32] = result.cpu().numpy()
        outputs |= zip(rows.tolist(), np.split(values, np.cumsum(lengths[rows])[:-1]), strict=True)
    return [outputs[row] for row in range(len(sequences))]


def _groups(lengths: NDArray[np.int64], starts: NDArray[np.int64]) -> tuple[Group, ...]:
    borders = [0, *(np.flatnonzero(np.diff(lengths)) + 1).tolist(), len(lengths)]
    return tuple(
        Group(first, int(starts[first]), last - first, int(lengths[first])) for first, last in pairwise(borders)
    )
