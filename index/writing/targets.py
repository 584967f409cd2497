"""The segments that a writer changes, and which of them may have an id."""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ..files import NamedFile
from ..reading import View
from ..segments import IdEntry, id_hash


class IdOwners:
    """Which of many segments may have an id, in a time that hardly grows with their number.

    It holds the hashes of the ids of segments, in sorted arrays of which each is at least twice as long as the next.

    A segment finds an id in its own table. To ask the tables of some hundred segments for each document makes a build
    of 10**7 documents take hours. Here a new array is merged with the last ones while they are not longer, so that
    there are few arrays, and each hash is moved about once for each of them. (O'Neil et al., "The log-structured
    merge-tree", 1996.) They take 12 bytes for each document.
    """

    def __init__(self) -> None:
        self._levels: list[tuple[NDArray[np.uint64], NDArray[np.int32]]] = []

    def add(self, owner: int, hashes: NDArray[np.uint64]) -> None:
        """Add a segment.

        Args:
            owner: Its number.
            hashes: Those of its ids, uint64, ascending.
        """
        self._levels.append((hashes, np.full(len(hashes), owner, np.int32)))
        while len(self._levels) > 1 and len(self._levels[-2][0]) < 2 * len(self._levels[-1][0]):
            (first, first_owners), (second, second_owners) = self._levels[-2:]
            merged = np.concatenate([first, second])
            order = np.argsort(merged, kind="stable")
            self._levels[-2:] = [(merged[order], np.concatenate([first_owners, second_owners])[order])]

    def of(self, ids: Sequence[str]) -> Iterator[tuple[int, list[int]]]:
        """Yield the segments that may have some of the ids, ascending, each with the positions of these ids."""
        if not self._levels:
            return
        hashes = np.fromiter((id_hash(id_) for id_ in ids), np.uint64, len(ids))
        found: list[tuple[int, int]] = []
        for level, owners in self._levels:
            low, high = np.searchsorted(level, hashes, side="left"), np.searchsorted(level, hashes, side="right")
            for position in np.flatnonzero(high > low).tolist():
                found += [(int(owner), position) for owner in owners[low[position] : high[position]]]
        positions: dict[int, list[int]] = {}
        for owner, position in sorted(set(found)):
            positions.setdefault(owner, []).append(position)
        yield from positions.items()


class Target:
    """A segment with the deletions of the generation being written."""

    def __init__(self, view: View, *, changed: bool) -> None:
        self.view = view
        self.changed = changed
        self._copied = False

    @property
    def live(self) -> NDArray[np.bool_]:
        """Which documents live; bool, shape (documents,)."""
        return np.ones(len(self.view.segment), np.bool_) if self.view.live is None else self.view.live

    def find(self, ids: Sequence[str]) -> list[IdEntry | None]:
        """Return the entry of each id, or None if it is not there or is deleted."""
        return self.view.find(ids)

    def kill(self, row: int) -> None:
        """Mark a row as deleted in this generation."""
        if not self._copied:
            self.view = View(self.view.segment, self.view.entry, self.live.copy())
            self._copied = True
        assert self.view.live is not None
        self.view.live[row] = False
        self.changed = True

    def written(self, deleted: int, tombstones: NamedFile) -> None:
        """Note that the deletions so far are on disk."""
        entry = dataclasses.replace(self.view.entry, deleted=deleted, tombstones=tombstones)
        self.view = View(self.view.segment, entry, self.view.live)
        self.changed = False
