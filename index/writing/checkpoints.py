"""CheckpointClock: decides when a build brings what it has written to the disk."""

from collections.abc import Callable
from time import monotonic

FIRST_SECONDS = 20.0
"""The most work that a kill can cost at the beginning of a build."""
SHARE = 0.1
"""The most that it can cost later, as a share of the work so far: each checkpoint is a segment, and many are slow."""


class CheckpointClock:
    """Measures the time since the last checkpoint of a build."""

    def __init__(self, *, clock: Callable[[], float] = monotonic) -> None:
        """Start now; ``clock`` gives seconds."""
        self._clock = clock
        self._began = self._last = clock()

    @property
    def is_due(self) -> bool:
        """Whether it is time for a checkpoint."""
        now = self._clock()
        return now - self._last >= max(FIRST_SECONDS, SHARE * (now - self._began))

    def reset(self) -> None:
        """Note that a checkpoint was made."""
        self._last = self._clock()
