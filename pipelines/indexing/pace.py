"""Pace: how large the batches of documents are, so that each takes about a second."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter

SHORT_SECONDS = 0.5
LONG_SECONDS = 1.5


@dataclass(frozen=True, slots=True)
class BatchSize:
    """When a batch ends: with so many documents, or with the document that brings it to so many characters."""

    documents: int
    characters: int

    def within(self, largest: "BatchSize") -> "BatchSize":
        """Return this size, or ``largest`` where that is smaller."""
        return BatchSize(min(self.documents, largest.documents), min(self.characters, largest.characters))

    def times(self, factor: int) -> "BatchSize":
        """Return a size that is ``factor`` times as large."""
        return BatchSize(self.documents * factor, self.characters * factor)


FIRST_SIZE = BatchSize(documents=16, characters=2**14)
"""The size of the first batches, for each device, and the smallest size."""


class Pace:
    """Chooses the size of the next batch by the time that the last ones took.

    On a CPU the largest batch takes a minute, in which no progress is to be seen and nothing reaches the disk. On a GPU
    a small batch wastes most of its time. So the first batches are small, and they grow while they take no time.
    """

    def __init__(self, largest: BatchSize, *, devices: int = 1, clock: Callable[[], float] = perf_counter) -> None:
        """Begin with the smallest batches; ``largest`` is for each of the ``devices``, and ``clock`` gives seconds."""
        self._smallest = FIRST_SIZE.times(devices)
        self._largest = largest.times(devices)
        self._clock = clock
        self._factor = 1

    @property
    def size(self) -> BatchSize:
        """The size of the next batch."""
        return self._smallest.times(self._factor).within(self._largest)

    @contextmanager
    def timed(self) -> Generator[None]:
        """Measure the block, which is the slowest part of the work on one batch."""
        began = self._clock()
        yield
        seconds = self._clock() - began
        # One thread writes the factor while another reads it: the old and the new value are both valid.
        if seconds < SHORT_SECONDS and self.size != self._largest:
            self._factor *= 2
        elif seconds > LONG_SECONDS:
            self._factor = max(1, self._factor // 2)
