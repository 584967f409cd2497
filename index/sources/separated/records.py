"""Splits the lines of a CSV or TSV file into records, and finds the rows that an open quote swallows."""

import csv
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Literal, TypeAlias

from ....errors.counts import counted
from ..budget import MAX_ROW_BYTES
from ..lines import Lines, RowTooLarge, memory_of

Quotes: TypeAlias = Literal["none", "doubled", "escaped"]
"""What quotes are: characters like others; around fields, and doubled inside them; or with a backslash inside them."""

_FEW_LINES = 3
"""As many lines that look like rows are not text by chance, even where their ids do not follow each other."""
_NULL = r"\N"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the fields of a file are separated and quoted."""

    delimiter: str
    quotes: Quotes
    skip_blanks: bool = False
    trust_quotes: bool = False
    """Whether a quoted field may hold lines that look like rows: the user has said that quotes enclose fields."""

    def split(self, lines: Iterator[str]) -> list[str]:
        """Return the fields of one record. Raises ``csv.Error`` where it breaks the rules of quotes."""
        if self.quotes == "escaped":
            lines = (self._without_nulls(line) for line in lines)
        return next(
            csv.reader(
                lines,
                delimiter=self.delimiter,
                escapechar="\\" if self.quotes == "escaped" else None,
                skipinitialspace=self.skip_blanks,
                # The lenient mode ends a quote that is never closed at the end of the file, without a word.
                strict=True,
            )
        )

    def split_plain(self, line: str) -> list[str]:
        """Return the fields of a line without quotes that mean anything."""
        fields = line.rstrip("\r\n").split(self.delimiter)
        return [text.lstrip(" ") for text in fields] if self.skip_blanks else fields

    def is_plain(self, line: str) -> bool:
        """Whether no quote and no backslash in a line has a meaning."""
        if self.quotes == "none":
            return True
        return '"' not in line and (self.quotes == "doubled" or "\\" not in line)

    def _without_nulls(self, line: str) -> str:
        """The null of MySQL as an empty field, for csv would take the letter alone."""
        delimiter = re.escape(self.delimiter)
        return re.sub(rf"(?<![^{delimiter}])\\N(?=[{delimiter}\r\n]|\Z)", "", line) if _NULL in line else line


@dataclass(frozen=True, slots=True)
class Layout:
    """What a record has to look like.

    Attributes:
        width: Fields.
        least: Fields that a record must have at least, where the last columns have no name.
        id_at: Which of the fields is the id; None: there is none.
        named_by: What names the columns, for messages.
    """

    width: int
    least: int
    id_at: int | None
    named_by: str = "the header"

    def fit(self, fields: list[str]) -> list[str]:
        """Return as many fields as there are columns. Raises ``ValueError`` where more or fewer have values."""
        if len(fields) > self.width and not any(map(str.strip, fields[self.width :])):
            return fields[: self.width]  # spreadsheets write empty cells at the end of rows
        if self.least <= len(fields) < self.width:
            return fields + [""] * (self.width - len(fields))
        if len(fields) != self.width:
            raise ValueError(f"the row has {len(fields)} fields, but {self.named_by} names {self.width}")
        return fields


@dataclass(frozen=True, slots=True)
class Record:
    """A record, or the problem for which there is none.

    Attributes:
        line: The line where it begins.
        fields: What it holds; nothing where there is a problem.
        problem: What is wrong with it, or "".
        text: Its lines, where there is a problem.
        is_fitted: Whether empty fields were cut off or added at its end.
        lines: How many lines of the file it takes.
    """

    line: int
    fields: Sequence[str] = ()
    problem: str = ""
    text: str = ""
    is_fitted: bool = False
    lines: int = 1


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    text: str
    problem: str = ""
    swallowed_by: int | None = field(default=None)  # the line of the open quote, where this one is read by itself


class Records(Iterator[Record]):
    """The records of a file that are not blank.

    A quote that is not closed takes the lines after it into its field, up to the next quote or the end of the file.
    Such a record is a problem of the line where the quote opens. The lines after it are read again: those before the
    last one by itself each, the last one as any other. So no line is read more than three times, whatever is in it.
    """

    def __init__(self, lines: Lines, dialect: Dialect, layout: Layout | None = None) -> None:
        """``layout=None`` takes records of any form; only the header is read like that."""
        # The limit belongs to the whole process; without one, a quote that is never closed would load the whole file.
        csv.field_size_limit(max(csv.field_size_limit(), MAX_ROW_BYTES))
        self._lines = lines
        self._dialect = dialect
        self._layout = layout
        self._waiting = deque[_Line]()
        self._last_id: str | None = None

    def __next__(self) -> Record:
        while True:
            line = self._pull()
            record = _refused([line], line.problem) if line.problem else self._record(line)
            if record.problem or record.fields:
                return record

    def _pull(self) -> _Line:
        """Return the next line. Raises ``StopIteration`` at the end of the file."""
        if self._waiting:
            return self._waiting.popleft()
        try:
            text = next(self._lines)
        except RowTooLarge as error:
            return _Line(self._lines.number, "", str(error))
        return _Line(self._lines.number, text)

    def _record(self, first: _Line) -> Record:
        dialect = self._dialect
        try:
            if memory_of(first.text, dialect.delimiter) > MAX_ROW_BYTES:
                raise RowTooLarge
            self._lines.check_decoded(first.text)
            if dialect.is_plain(first.text):
                return self._checked(first, dialect.split_plain(first.text))
            if first.swallowed_by is not None:
                return self._checked(first, dialect.split(iter([first.text])))
        except csv.Error as error:
            return _refused([first], f"not CSV: {error}{_inside(first.swallowed_by)}")
        except ValueError as error:
            return _refused([first], str(error))
        return self._quoted(first)

    def _checked(self, line: _Line, fields: list[str]) -> Record:
        if not any(map(str.strip, fields)):
            return Record(line.number)  # spreadsheets write rows of empty cells
        if self._layout is None:
            return Record(line.number, fields)
        count = len(fields)
        try:
            fields = self._layout.fit(fields)
        except ValueError as error:
            raise ValueError(str(error) + _inside(line.swallowed_by)) from None
        id_at = self._layout.id_at
        if id_at is not None:
            if line.swallowed_by is not None and not _alike(fields[id_at], self._last_id):
                raise ValueError(f"the line is not a row by its id {fields[id_at]!r:.80}{_inside(line.swallowed_by)}")
            self._last_id = fields[id_at]
        return Record(line.number, fields, is_fitted=len(fields) != count)

    def _quoted(self, first: _Line) -> Record:
        """The record that begins with a line with quotes, and may take more lines."""
        taken = [first]
        try:
            fields = self._dialect.split(self._feed(taken))
        except (csv.Error, RowTooLarge) as error:
            if len(taken) == 1:
                is_open = str(error) == "unexpected end of data"
                reason = "not CSV: a quote that opens in this line is never closed" if is_open else f"not CSV: {error}"
                return _refused(taken, str(error) if isinstance(error, RowTooLarge) else reason)
            return self._swallowed(taken, f"not CSV: {error} in line {taken[-1].number}: ")
        if len(taken) > 1 and self._looks_swallowed(taken):
            return self._swallowed(taken, "")
        for line in taken[1:]:
            try:
                self._lines.check_decoded(line.text)
            except ValueError as error:
                return _refused(taken, f"in line {line.number}, {error}")
        try:
            return replace(self._checked(first, fields), lines=len(taken))
        except ValueError as error:
            if len(taken) > 1 and self._layout is not None and any(self._looks_like_row(line) for line in taken[1:]):
                return self._swallowed(taken, f"{error}: ")
            return _refused(taken, str(error))

    def _feed(self, taken: list[_Line]) -> Iterator[str]:
        """Yields the text of the line that is taken, and takes more."""
        size = memory_of(taken[0].text, self._dialect.delimiter)
        yield taken[0].text
        while True:
            try:
                line = self._pull()
            except StopIteration:
                return
            taken.append(line)
            size += memory_of(line.text, self._dialect.delimiter + "\n\r")
            if line.problem or size > MAX_ROW_BYTES:
                raise RowTooLarge
            yield line.text

    def _swallowed(self, taken: Sequence[_Line], reason: str) -> Record:
        """The problem of an open quote, whose lines are to be read again."""
        first, *others = taken
        if self._layout is not None and self._layout.id_at is not None and self._last_id is None:
            self._last_id = _id_before_quotes(first.text, self._dialect, self._layout)
        again = [_Line(line.number, line.text, line.problem, line.swallowed_by or first.number) for line in others[:-1]]
        self._waiting.extendleft(reversed([*again, others[-1]]))
        return _refused(
            taken,
            f"{reason}a quote that opens in this line is not closed, and swallows"
            f" {counted(len(others), 'more line')}, to line {others[-1].number}; those are read by themselves. Close"
            " it, double quotes inside a field, or, if quotes do not enclose fields in this file, say"
            " quotes=False (--no-quotes)",
        )

    def _looks_like_row(self, line: _Line) -> bool:
        if self._layout is None or line.problem:
            return False
        fields, id_at = self._dialect.split_plain(line.text), self._layout.id_at
        is_alike = id_at is None or (id_at < len(fields) and _alike(fields[id_at], self._last_id))
        return len(fields) == self._layout.width and is_alike

    def _looks_swallowed(self, taken: Sequence[_Line]) -> bool:
        """Whether each line of a field that keeps the rules has the form of a row, with an id that goes on from it."""
        layout = self._layout
        if layout is None or layout.id_at is None or layout.width < 2 or self._dialect.trust_quotes:
            return False
        rows = [self._dialect.split_plain(line.text) for line in taken[1:]]
        if any(len(row) != layout.width for row in rows):
            return False
        own = _id_before_quotes(taken[0].text, self._dialect, layout)
        ids = [own, *(row[layout.id_at].strip() for row in rows)]
        if own is None or not all(map(_numbered, ids)):
            return False
        return len(rows) >= _FEW_LINES or all(_follows(before, after) for before, after in pairwise(ids))


def _refused(lines: Sequence[_Line], problem: str) -> Record:
    return Record(lines[0].number, problem=problem, text="".join(line.text for line in lines))


def _inside(line: int | None) -> str:
    return "" if line is None else f", and stands inside a quote that opens in line {line} and is not closed"


def _id_before_quotes(line: str, dialect: Dialect, layout: Layout) -> str | None:
    fields = dialect.split_plain(line)
    if layout.id_at is None or layout.id_at >= len(fields) or any('"' in text for text in fields[: layout.id_at + 1]):
        return None
    return fields[layout.id_at].strip()


def _alike(id_: str, other: str | None) -> bool:
    """Whether two ids may belong to one file, as far as digits and blanks tell; prose between commas has blanks."""
    if not id_.strip() or other is None:
        return bool(id_.strip())
    return _numbered(id_) == _numbered(other) and (len(id_.split()) == 1) == (len(other.split()) == 1)


def _numbered(id_: str | None) -> bool:
    return id_ is not None and any(map(str.isdecimal, id_)) and len(id_.split()) == 1


def _follows(before: str | None, after: str | None) -> bool:
    """Whether an id is the next one: their last numbers follow each other, and what stands before is the same."""
    if before is None or after is None:
        return False
    last_before, last_after = (re.search(r"[0-9]{1,18}\Z", id_) for id_ in (before, after))
    if last_before is None or last_after is None or before[: last_before.start()] != after[: last_after.start()]:
        return False
    return int(last_after[0]) == int(last_before[0]) + 1
