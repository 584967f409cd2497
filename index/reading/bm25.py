"""BM25 (Lucene's variant) over the postings of several segments, computed for each query.

How many passages have a term, and how long they are on average, is counted among the live passages of all segments, so
that scores are exact after any change: those of an index that was built from the live passages alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError
from ..segments import PostingsTable


@dataclass(frozen=True, slots=True)
class BM25:
    """The parameters of BM25.

    Attributes:
        k1: How much further occurrences of a term count, from 0 (not at all) to 100.
        b: How much the length of a passage counts, from 0 to 1.
    """

    k1: float = 0.9
    b: float = 0.4

    def __post_init__(self) -> None:
        values: list[Any] = [self.k1, self.b]
        are_numbers = all(issubclass(type(value), int | float) for value in values)
        if not (are_numbers and 0.0 <= self.k1 <= 100.0 and 0.0 <= self.b <= 1.0):
            raise ArgumentError(f"k1 must be from 0 to 100 and b from 0 to 1, not k1={self.k1!r}, b={self.b!r}")


@dataclass(frozen=True)
class LivePostings:
    """The postings of a segment, and which of its passages live: one bool each, or None for all."""

    table: PostingsTable
    live: NDArray[np.bool_] | None

    @cached_property
    def size(self) -> tuple[int, int]:
        """How many passages live, and how many terms they have in total."""
        lengths = self.table.lengths if self.live is None else self.table.lengths[self.live]
        return len(lengths), int(lengths.sum(dtype=np.int64))

    def postings(self, term: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The live passages with a term, ascending, and how often they have it."""
        rows, counts = self.table.postings(term)
        if self.live is not None:
            is_live = self.live[rows]
            rows, counts = rows[is_live], counts[is_live]
        return rows.astype(np.int64), counts.astype(np.float64)


@dataclass(frozen=True, slots=True)
class TermStatistics:
    """What BM25 counts among the live passages of some segments; sums of them are those of all the segments.

    Attributes:
        passages: The passages.
        terms: The terms of all of them.
        frequencies: In how many passages each term of some queries is.
    """

    passages: int
    terms: int
    frequencies: Mapping[str, int]

    @classmethod
    def counted(cls, parts: Sequence[LivePostings], terms: Iterable[str]) -> "TermStatistics":
        """Count terms in some segments."""
        frequencies = {term: sum(len(part.postings(term)[0]) for part in parts) for term in terms}
        sizes = [part.size for part in parts]
        return cls(sum(passages for passages, _ in sizes), sum(total for _, total in sizes), frequencies)

    def __add__(self, other: "TermStatistics") -> "TermStatistics":
        """The statistics of both, which counted the same terms."""
        frequencies = {term: count + other.frequencies[term] for term, count in self.frequencies.items()}
        return TermStatistics(self.passages + other.passages, self.terms + other.terms, frequencies)


class BM25Scorer:
    """Computes BM25 scores for all live passages of an index.

    Document frequencies and the average length are those of the live passages of all segments. The formula is Lucene's
    (Kamphuis et al., "Which BM25 do you mean?", ECIR 2020).
    """

    def __init__(self, parts: Sequence[LivePostings], weights: BM25, statistics: TermStatistics | None = None) -> None:
        """``statistics`` are those of a whole index, of which ``parts`` are some segments; None counts these."""
        self._parts = parts
        self._weights = weights
        self._given = None if statistics is None else statistics.frequencies
        size = TermStatistics.counted(parts, ()) if statistics is None else statistics
        self._passages = size.passages
        self._average = size.terms / max(1, size.passages)

    def scores(self, query: Sequence[str]) -> list[NDArray[np.float64]]:
        """For each part the score of each of its passages; 0.0 where it has no term of the query, else more.

        A term that the query repeats counts as often.
        """
        return self.scores_within(query)[0]

    def scores_within(self, query: Sequence[str]) -> tuple[list[NDArray[np.float64]], float]:
        """Return the scores, and the limit that they stay below: that of a passage with each term countless times."""
        limit = 0.0
        scores = [np.zeros(len(part.table.lengths)) for part in self._parts]
        for term in sorted(set(query)):
            postings = [part.postings(term) for part in self._parts]
            passages = sum(len(rows) for rows, _ in postings) if self._given is None else self._given[term]
            rarity = query.count(term) * np.log1p((self._passages - passages + 0.5) / (passages + 0.5))
            limit += float(rarity)
            for part, total, (rows, counts) in zip(self._parts, scores, postings, strict=True):
                total[rows] += rarity * counts / (counts + self._saturation(part.table.lengths[rows]))
        return scores, limit

    def _saturation(self, lengths: NDArray[np.uint32]) -> NDArray[np.float64]:
        k1, b = self._weights.k1, self._weights.b
        return k1 * (1 - b + b * (lengths / self._average))
