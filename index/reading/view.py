"""View: a segment as one generation sees it."""

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..manifest import SegmentEntry
from ..segments import POSTINGS, IdEntry, Segment
from .bm25 import LivePostings


class View:
    """A segment and which of its documents live in one generation; ``live=None`` is all of them."""

    def __init__(self, segment: Segment, entry: SegmentEntry, live: NDArray[np.bool_] | None) -> None:
        """``entry`` is what that generation says of the segment, which may have been opened for another one."""
        self.segment = segment
        self.entry = entry
        self.live = live

    def find(self, ids: Sequence[str]) -> list[IdEntry | None]:
        """The row of each id, None where no live document has it."""
        return [
            entry if entry is not None and (self.live is None or self.live[entry.row]) else None
            for entry in self.segment.find(ids)
        ]

    def rows(self) -> Iterator[int]:
        """The rows of the live documents, in order."""
        yield from range(len(self.segment)) if self.live is None else np.flatnonzero(self.live).tolist()

    @cached_property
    def live_passages(self) -> NDArray[np.bool_] | None:
        """One bool a passage."""
        return None if self.live is None else self.live[self.segment.document_rows]

    @cached_property
    def live_postings(self) -> LivePostings | None:
        """The postings of the live passages; None where none are kept."""
        postings = self.segment.column(POSTINGS)
        return None if postings is None else LivePostings(postings, self.live_passages)

    def allowed_passages(self, mask: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
        """Turn a mask over documents into one over their passages; None is all of them."""
        if mask is self.live:
            return self.live_passages
        return None if mask is None else mask[self.segment.document_rows]
