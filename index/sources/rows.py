"""SourceRow: what every reader of a format yields."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from .options import SourceOptions

RowUnit: TypeAlias = Literal["line", "element", "row"]
"""What is counted in a file: its lines, the elements of its array, or the rows of a table."""


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One row of a source: its named values, or the ``problem`` for which it has none.

    Attributes:
        source: The file.
        line: The line, element or row, counted from 1; None in a file that is one document.
        fraction: The share of the source that is read after this row.
        values: Its values by the names of their columns.
        problem: Why the row cannot be read, or "".
        note: What a report should say of the file, such as which of its columns is left out. It stands on the first
            row after which it is known, and is no problem of that row.
        unit: What ``line`` counts.
        lines: How many lines of the file the row takes.
    """

    source: str
    line: int | None
    fraction: float
    values: Mapping[str, object] = field(default_factory=dict[str, object])
    problem: str = ""
    note: str = ""
    unit: RowUnit = "line"
    lines: int = 1


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a file of rows: bytes of JSON Lines, row groups of a Parquet file, record batches of an Arrow file.

    Attributes:
        start: Its first byte, row group or record batch.
        stop: The one after its last.
        lines: How many lines or rows of the file come before it.
        makes_ids: Whether the rows of the file come without ids: its first row decides that for all of them.
    """

    start: int
    stop: int
    lines: int
    makes_ids: bool


ReadRows: TypeAlias = Callable[[Path, SourceOptions], Iterator[SourceRow]]
"""A reader of a format. It opens the path anew at every call, and may read it twice: standard input needs a copy."""
ReadSpan: TypeAlias = Callable[[Path, SourceOptions, Span], Iterator[SourceRow]]
"""A reader of a part of a file."""
