"""Where the sequences of a packed batch lie."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Group:
    """Consecutive sequences of one length.

    Attributes:
        sequence: The number of the first sequence.
        token: The first token of the first sequence.
        count: The number of sequences.
        length: The tokens of each.
    """

    sequence: int
    token: int
    count: int
    length: int


@dataclass(frozen=True, slots=True)
class Sequences:
    """Where the sequences of a batch lie.

    Attributes:
        groups: Consecutive sequences of one length.
        positions: The position of every token in its sequence, int64 on the device.
        longest: A number of tokens that no sequence exceeds.
        borders: The first token of each sequence and the end of the last one, int32 on the device. If given, one kernel
            uses it instead of ``groups``.
        reads_last: Whether single queries are those of the last token of each sequence instead of the first one.
    """

    groups: tuple[Group, ...]
    positions: Tensor
    longest: int
    borders: Tensor | None = None
    reads_last: bool = False
