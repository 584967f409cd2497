"""Postings: which terms occur in which passages of a segment, and how often.

Counts are stored, not scores. BM25 depends on how often a term occurs in the whole index, and every addition and
deletion changes that. bm25s stores the scores of the time when it was built, so its index is not used here.

Uncompressed Arrow IPC, one row of lists, memory-mapped: ``terms``, sorted; ``starts``, where the postings of each term
begin, and where the last ones end; ``passages`` and ``counts`` of all postings, those of a term together and by
ascending passage; and ``lengths``, the number of terms of each passage.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ...errors import ArgumentError, IndexCorrupt
from ..files import CheckedFile, File, RecordBatch, open_batches, record_batch, write_batch
from ..metadata import array_of

_BLOCK_POSTINGS = 1 << 20
"""Postings checked at a time."""
_BLOCK_PASSAGES = 1 << 16
"""Passages whose terms are collected from the postings at a time."""
_COUNT_TYPES = (pa.uint8(), pa.uint16(), pa.uint32())


@dataclass(frozen=True, slots=True)
class TermCounts:
    """The terms of some passages with their counts; the order of terms in a passage is lost.

    Passage ``i`` has the terms ``words[n]`` for each ``n`` in ``numbers[bounds[i]:bounds[i + 1]]``, each once.

    Attributes:
        words: The terms.
        numbers: Positions in ``words``, int64.
        counts: How often each term occurs in its passage, uint32 of the shape of ``numbers``.
        bounds: Where each passage begins in ``numbers``, and where the last one ends; int64 of shape (passages + 1,).
    """

    words: Sequence[str]
    numbers: NDArray[np.int64]
    counts: NDArray[np.uint32]
    bounds: NDArray[np.int64]


def count_terms(terms: Sequence[Sequence[str]]) -> TermCounts:
    """Count the terms of some passages."""
    number_of: dict[str, int] = {}
    flat = [number_of.setdefault(term, len(number_of)) for passage in terms for term in passage]
    rows = np.repeat(np.arange(len(terms)), [len(passage) for passage in terms])
    keys, counts = np.unique(rows << 32 | np.array(flat, np.int64), return_counts=True)
    bounds = np.searchsorted(keys, np.arange(len(terms) + 1) << 32)
    return TermCounts(list(number_of), keys & 0xFFFF_FFFF, counts.astype(np.uint32), bounds)


def count_of_lists(terms: Sequence[Sequence[str]] | TermCounts) -> int:
    """Return the number of passages."""
    return len(terms.bounds) - 1 if isinstance(terms, TermCounts) else len(terms)


def check_terms(terms: Sequence[Sequence[str]] | TermCounts) -> None:
    """Raise ``ArgumentError`` unless each passage has a list of strings that are valid Unicode and not empty."""
    if not isinstance(terms, TermCounts):
        _check_words(terms)


def _check_words(terms: Sequence[Sequence[str]]) -> None:
    for row, passage in enumerate(terms):
        if isinstance(passage, str):
            raise ArgumentError(f"the terms of passage {row} must be a list of strings, not one: {passage!r:.80}")
    for word in cast("set[object]", {term for passage in terms for term in passage}):
        if not isinstance(word, str) or not word:
            raise ArgumentError(f"a term must be a string that is not empty, not {word!r:.80}")
        try:
            word.encode("utf-8")
        except UnicodeEncodeError:
            raise ArgumentError(f"a term has a lone surrogate: {word!r:.80}") from None


class PostingsWriter:
    """Collects the terms of a segment's passages, in order, in memory; ``close`` writes them."""

    def __init__(self, file: CheckedFile, kinds: Iterable[None] = ()) -> None:
        self._file = file
        self._known: dict[str, int] = {}
        self._numbers: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
        self._rows: list[NDArray[np.uint32]] = [np.empty(0, np.uint32)]
        self._counts: list[NDArray[np.uint32]] = [np.empty(0, np.uint32)]
        self._lengths: list[NDArray[np.uint32]] = [np.empty(0, np.uint32)]
        self._passages = 0

    def fits(self, kind: object) -> bool:
        """Return True: values of every kind fit."""
        return True

    def write(self, terms: Sequence[Sequence[str]] | TermCounts) -> None:
        """Append the terms of some passages."""
        new = terms if isinstance(terms, TermCounts) else count_terms(terms)
        passages = len(new.bounds) - 1
        used, inverse = np.unique(new.numbers, return_inverse=True)
        words = [new.words[int(number)] for number in used]
        mine = [self._known.setdefault(word, len(self._known)) for word in words]
        rows = np.repeat(np.arange(self._passages, self._passages + passages), np.diff(new.bounds))
        totals = np.concatenate(([0], np.cumsum(new.counts, dtype=np.int64)))[new.bounds]
        self._numbers.append(np.array(mine, np.int64)[inverse])
        self._rows.append(rows.astype(np.uint32))
        self._counts.append(new.counts)
        self._lengths.append(np.diff(totals).astype(np.uint32))
        self._passages += passages

    def close(self) -> None:
        """Write everything."""
        write_batch(self._file, self.to_record_batch())

    def to_record_batch(self) -> RecordBatch:
        """Return everything in the form of the file."""
        words = sorted(self._known)
        rank = np.empty(len(words), np.int64)
        rank[[self._known[word] for word in words]] = np.arange(len(words))
        ranks = rank[np.concatenate(self._numbers)]
        order = np.argsort(ranks, kind="stable")
        counts = np.concatenate(self._counts)[order]
        narrow = counts.astype(np.min_scalar_type(counts.max(initial=0)))
        starts = np.concatenate(([0], np.cumsum(np.bincount(ranks, minlength=len(words)), dtype=np.int64)))
        values: list[Any] = [
            pa.array(words, pa.large_utf8()),
            *map(pa.array, (starts, np.concatenate(self._rows)[order], narrow, np.concatenate(self._lengths))),
        ]
        lists = [cast(Any, pa.LargeListArray).from_arrays(np.array([0, len(column)]), column) for column in values]
        return record_batch(lists, _schema(values[3].type))


class PostingsTable:
    """The postings of a segment. They stay in the memory of the file."""

    kind = None

    def __init__(self, path: File, *, rows: int, thorough: bool) -> None:
        """Open a file.

        Args:
            path: The file.
            rows: The number of passages that it must have.
            thorough: Check all postings now; otherwise each is checked when it is used.

        Raises:
            IndexCorrupt: The file is damaged, or has another number of passages.
        """
        batches = open_batches(path, None, thorough=thorough)
        if len(batches) != 1 or batches[0].num_rows != 1 or batches[0].schema not in map(_schema, _COUNT_TYPES):
            raise IndexCorrupt(f"{path} does not hold one row of postings")
        words, *number_columns = (_values(batches[0], name, path) for name in _schema(pa.uint8()).names)
        self._path, self._words, self._thorough = path, words, thorough
        self._starts, self._rows, self._counts, self.lengths = map(array_of, number_columns)
        self._check(rows)
        if thorough:
            self._check_postings()
        self._held: _Block | None = None

    def postings(self, term: str) -> tuple[NDArray[np.uint32], NDArray[Any]]:
        """Return the postings of a term; views into the file.

        Returns:
            The passages that have the term, ascending, and how often each has it. Both are empty for an unknown term.

        Raises:
            IndexCorrupt: The postings are damaged.
        """
        position = bisect_left(range(len(self._words)), term, key=lambda number: self._words[number].as_py())
        if position == len(self._words) or self._words[position].as_py() != term:
            return self._rows[:0], self._counts[:0]
        start, stop = self._starts[position], self._starts[position + 1]
        rows, counts = self._rows[start:stop], self._counts[start:stop]
        # Ascending, so that the last is the largest.
        if not self._thorough and (rows[-1] >= len(self.lengths) or (rows[1:] <= rows[:-1]).any() or not counts.all()):
            raise self._error(f"postings of {term!r:.80} outside of its passages, or not in order")
        return rows, counts

    def take(self, rows: Sequence[int]) -> TermCounts:
        """Return the terms of the passages in ascending ``rows``. Meant for many rows: terms must be collected."""
        parts = [self._block(row // _BLOCK_PASSAGES).of(row % _BLOCK_PASSAGES) for row in rows]
        numbers = np.concatenate([np.empty(0, np.int64), *(part[0] for part in parts)])
        counts = np.concatenate([np.empty(0, np.uint32), *(part[1] for part in parts)])
        bounds = np.concatenate(([0], np.cumsum([len(part[0]) for part in parts], dtype=np.int64)))
        used, inverse = np.unique(numbers, return_inverse=True)
        return TermCounts([self._words[number].as_py() for number in used.tolist()], inverse, counts, bounds)

    def _block(self, number: int) -> "_Block":
        held = self._held
        if held is None or held.number != number:
            held = self._held = _collect(number, self._starts, self._rows, self._counts)
        return held

    def _check(self, rows: int) -> None:
        """Check what every use relies on, but not the postings."""
        words: Any = self._words
        try:
            words.validate(full=True)
        except pa.ArrowException as error:
            raise IndexCorrupt(f"{self._path} is not a valid Arrow file: {error}") from error
        if len(words) > 1 and not cast(Any, pc).all(cast(Any, pc).less(words[:-1], words[1:])).as_py():
            raise self._error("terms that are not sorted, or not unique")
        starts = self._starts
        if len(starts) != len(words) + 1 or starts[0] != 0 or (starts[1:] <= starts[:-1]).any():
            raise self._error("terms without postings")
        if starts[-1] != len(self._rows) or len(self._rows) != len(self._counts):
            raise self._error(f"{len(self._rows)} postings and {len(self._counts)} counts")
        if len(self.lengths) != rows:
            raise self._error(f"postings of {len(self.lengths)} passages; the manifest says {rows}")

    def _check_postings(self) -> None:
        """Check that all postings are in range and in order, and as many as ``lengths`` says."""
        totals = np.zeros(len(self.lengths), np.float64)  # whole numbers, up to 2**53
        for start in range(0, len(self._rows), _BLOCK_POSTINGS):
            rows, counts = (column[start : start + _BLOCK_POSTINGS] for column in (self._rows, self._counts))
            if rows.max() >= len(totals) or not counts.all():
                raise self._error("postings outside of its passages, or with a count of 0")
            totals += np.bincount(rows, counts, minlength=len(totals))
            before = self._rows[max(0, start - 1) : start + _BLOCK_POSTINGS]
            falls = max(1, start) + np.flatnonzero(before[1:] <= before[:-1])
            if not (self._starts[np.searchsorted(self._starts, falls)] == falls).all():
                raise self._error("postings that are not in the order of passages")
        if not np.array_equal(totals, self.lengths):
            raise self._error("lengths of passages that differ from their postings")

    def _error(self, fault: str) -> IndexCorrupt:
        return IndexCorrupt(f"{self._path} has {fault}")


@dataclass(frozen=True, slots=True)
class _Block:
    """The postings of some passages, those of each passage together."""

    number: int
    terms: NDArray[np.int64]
    counts: NDArray[np.uint32]
    bounds: NDArray[np.int64]

    def of(self, row: int) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
        part = slice(int(self.bounds[row]), int(self.bounds[row + 1]))
        return self.terms[part], self.counts[part]


def _collect(number: int, starts: NDArray[np.int64], rows: NDArray[np.uint32], counts: NDArray[Any]) -> _Block:
    first = number * _BLOCK_PASSAGES
    inside = np.flatnonzero((rows >= first) & (rows < first + _BLOCK_PASSAGES))
    order = inside[np.argsort(rows[inside], kind="stable")]
    bounds = np.searchsorted(rows[order], np.arange(first, first + _BLOCK_PASSAGES + 1))
    terms = np.searchsorted(starts, order, side="right") - 1
    return _Block(number, terms, counts[order].astype(np.uint32), bounds)


def _schema(count: Any) -> pa.Schema:  # noqa: ANN401 - a type of Arrow's
    types = {"terms": pa.large_utf8(), "starts": pa.int64(), "passages": pa.uint32(), "counts": count}
    return pa.schema([(name, pa.large_list(type_)) for name, type_ in {**types, "lengths": pa.uint32()}.items()])


def _values(batch: RecordBatch, name: str, path: File) -> Any:  # noqa: ANN401
    """Return the only list of a column."""
    lists = batch.column(name)
    if lists.null_count or lists.values.null_count or lists.offsets.to_pylist() != [0, len(lists.values)]:
        raise IndexCorrupt(f"{path}: the column {name!r} is not one list without missing values")
    return lists.values
