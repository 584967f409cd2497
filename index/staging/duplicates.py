"""Finds ids that are in several segments, by ranges of their hashes: memory is that of one range, not of all ids."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..reading import View

RANGE_ROWS = 2**20
"""About how many ids are compared at once."""


@dataclass(frozen=True, slots=True)
class Place:
    """A document: the number of its segment, and its row there."""

    segment: int
    row: int


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Two documents with one id, the first of them in the order of the segments.

    Attributes:
        id: The id.
        first: The document that counts.
        second: Another one.
        same: Whether title, text and metadata are the same.
    """

    id: str
    first: Place
    second: Place
    same: bool


def duplicates(views: Sequence[View], *, range_rows: int = RANGE_ROWS) -> Iterator[Duplicate]:
    """Yield the ids that several live documents have, by their hashes.

    Args:
        views: Segments, in the order of their documents.
        range_rows: About how many ids are compared at once.
    """
    rows = sum(len(view.segment) for view in views)
    bits = max(0, (rows // range_rows).bit_length())
    for number in range(1 << bits):
        part = _Range(views, number << (64 - bits), ((number + 1) << (64 - bits)) - 1)
        for group in part.repeated():
            yield from part.same_ids(group)


class _Range:
    """The live documents whose ids have hashes in a range, sorted by hash, segment and row."""

    def __init__(self, views: Sequence[View], low: int, high: int) -> None:
        hashes: list[NDArray[np.uint64]] = [np.empty(0, np.uint64)]
        segments: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
        rows: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
        contents: list[NDArray[np.uint64]] = [np.empty((0, 2), np.uint64)]
        for number, view in enumerate(views):
            found, at, content = view.segment.id_table.between(low, high)
            live = slice(None) if view.live is None else view.live[at]
            hashes.append(found[live])
            rows.append(at[live])
            contents.append(content[live])
            segments.append(np.full(len(rows[-1]), number, np.int64))
        unsorted = np.concatenate(hashes), np.concatenate(segments), np.concatenate(rows)
        order = np.lexsort(unsorted[::-1])
        self._views = views
        self._hashes, self._segments, self._rows = (column[order] for column in unsorted)
        self._contents = np.concatenate(contents)[order]

    def repeated(self) -> Iterator[range]:
        """Yield the positions of each hash that is there several times."""
        if not len(self._hashes):
            return
        bounds = [0, *(1 + np.flatnonzero(self._hashes[1:] != self._hashes[:-1])).tolist(), len(self._hashes)]
        for group in np.flatnonzero(np.diff(bounds) > 1).tolist():
            yield range(bounds[group], bounds[group + 1])

    def same_ids(self, positions: range) -> Iterator[Duplicate]:
        """Yield those of some documents with one hash that have one id too."""
        firsts: dict[str, int] = {}
        for position in positions:
            place = self._place(position)
            id_ = self._views[place.segment].segment.id(place.row)
            first = firsts.setdefault(id_, position)
            if first != position:
                same = bool((self._contents[first] == self._contents[position]).all())
                yield Duplicate(id_, self._place(first), place, same)

    def _place(self, position: int) -> Place:
        return Place(int(self._segments[position]), int(self._rows[position]))
