"""Batches of sequences without padding: which sequences run together, and where each begins. Knows no model."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

FEW_TOKENS = 128
"""Up to so many a batch is filled up finely: a query is a few tokens, which a coarse multiple would double."""
ROUND_FEW, ROUND_MANY = 8, 64
"""A batch is filled up to a multiple of so many tokens, since oneDNN prepares itself for each new size."""


@dataclass(frozen=True, slots=True)
class Group:
    """Neighbouring sequences of one length: the first one's number and first token."""

    sequence: int
    token: int
    count: int
    length: int


@dataclass(frozen=True, slots=True)
class Packed:
    """Sequences end to end, filled up with tokens that belong to none.

    ``numbers`` holds four arrays in one, int64, so that they reach a device in one copy: the token ids, the type ids,
    and the places in the sequence, ``filled`` of each; then the first token of each sequence, and ``tokens``, where the
    last one ends.
    """

    numbers: NDArray[np.int64]
    filled: int
    tokens: int
    groups: tuple[Group, ...]

    @property
    def sequences(self) -> int:
        """How many sequences there are."""
        return len(self.numbers) - 3 * self.filled - 1

    @property
    def longest(self) -> int:
        """Tokens of the longest sequence."""
        return max(group.length for group in self.groups)


def plan(lengths: NDArray[np.int64], budget: int) -> Iterator[NDArray[np.int64]]:
    """Which sequences run together: longest first, as many as have ``budget`` tokens, but at least one.

    Equal lengths keep their order, so that the same input always makes the same batches.
    """
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        ends = np.cumsum(lengths[order[start:]])
        stop = start + max(1, int(np.searchsorted(ends, budget, side="right")))
        yield order[start:stop]
        start = stop


def pack(sequences: Sequence[NDArray[np.int32]], rows: NDArray[np.int64], *, placeless: int | None = None) -> Packed:
    """Put the sequences in ``rows``, sorted by length, end to end; each is (2, tokens): ids and type ids.

    The token id ``placeless`` takes no place: its own is -1, and the tokens after it are counted without it.
    """
    chosen = [sequences[int(row)] for row in rows]
    lengths = np.array([one.shape[1] for one in chosen], np.int64)
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


def _groups(lengths: NDArray[np.int64], starts: NDArray[np.int64]) -> tuple[Group, ...]:
    borders = [0, *(np.flatnonzero(np.diff(lengths)) + 1).tolist(), len(lengths)]
    return tuple(
        Group(first, int(starts[first]), last - first, int(lengths[first])) for first, last in pairwise(borders)
    )
