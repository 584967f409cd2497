"""Finds out what separates the fields of a CSV or TSV file, and what its columns are called."""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ....errors import SourceError
from ..columns import has_columns
from ..lines import Lines, RowTooLarge
from ..options import SourceOptions

_DELIMITERS = (",", "\t", ";", "|")
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?[\r\n]*', re.IGNORECASE)  # of Excel, before the header
_HEAD_LINES, _HEAD_CHARACTERS = 100, 2**20  # names of columns may have line breaks inside quotes


@dataclass(frozen=True, slots=True)
class Header:
    """What the first lines of a file tell.

    Attributes:
        delimiter: What separates fields.
        names: Of the columns; "" for one without a name.
        lines: The number of lines before the first row.
        is_quoted: Whether every name stands in quotes.
        skip_blanks: Whether a blank follows every delimiter, and is no part of the value.
    """

    delimiter: str
    names: tuple[str, ...]
    lines: int
    is_quoted: bool = False
    skip_blanks: bool = False


def read_header(lines: Lines, path: Path, options: SourceOptions) -> Header | None:
    """Read the first lines of a file; None where it holds nothing.

    The delimiter is the one that the user or a line ``sep=`` names. Otherwise it is the usual one, unless exactly one
    other gives the columns that are needed, and the usual one does not. Where the quotes of a header make sense with
    one other alone, it is that one.

    Raises:
        SourceError: There is no header that can be read.
    """
    try:
        before, head = _head(lines)
        if not head:
            return None
        separator = _SEPARATOR_LINE.fullmatch(head[0])
        if separator is not None:
            before, head = before + 1, head[1:]
        named = options.delimiter or (separator[1] if separator else None)
        usual = usual_delimiter(path)
        others = [] if named else [delimiter for delimiter in _DELIMITERS if delimiter != usual]
        header = _found(head, named or usual, others, options)
        lines.check_decoded("".join(head[: header.lines]))
    except (csv.Error, ValueError) as error:
        raise SourceError(f"{path} has no readable header: {error}; its first line must name the columns") from None
    return replace(header, lines=before + header.lines)


def usual_delimiter(path: Path) -> str:
    """Return what separates fields by the name of the file."""
    return "\t" if path.name.lower().removesuffix(".gz").endswith(".tsv") else ","


def _head(lines: Lines) -> tuple[int, list[str]]:
    """The number of blank lines at the beginning, and some lines after them."""
    before, characters = 0, 0
    head: list[str] = []
    while len(head) < _HEAD_LINES and characters <= _HEAD_CHARACTERS:
        try:
            line = next(lines)
        except StopIteration:
            break
        except RowTooLarge:
            if head:
                break
            raise
        if not head and not line.strip():
            before += 1
            continue
        head.append(line)
        characters += len(line)
    return before, head


def _found(head: Sequence[str], usual: str, others: Sequence[str], options: SourceOptions) -> Header:
    """The header by the usual delimiter, or by the other one that suits it. Raises ``csv.Error`` where none does."""
    try:
        header, fits = _parse(head, usual, options)
    except csv.Error:
        readable = list(_parsed(head, others, options))
        fitting = [header for header, fits in readable if fits] or [header for header, _ in readable]
        if len(fitting) != 1:
            raise
        return fitting[0]
    fitting = [] if fits else [header for header, fits in _parsed(head, others, options) if fits]
    if len(fitting) == 1:
        return fitting[0]
    if not fits and len(header.names) == 1 and options.columns is None:
        # No delimiter gives the columns that are needed; one that gives several tells which there are.
        wider = [other for other, _ in _parsed(head, others, options) if len(other.names) > 1]
        return wider[0] if len(wider) == 1 else header
    return header


def _parsed(head: Sequence[str], delimiters: Sequence[str], options: SourceOptions) -> Iterator[tuple[Header, bool]]:
    for delimiter in delimiters:
        try:
            yield _parse(head, delimiter, options)
        except csv.Error:
            continue


def _parse(head: Sequence[str], delimiter: str, options: SourceOptions) -> tuple[Header, bool]:
    """The header by one of the delimiters, and whether it gives the columns that are needed.

    Raises ``csv.Error`` where quotes in it are wrong.
    """
    if not head:
        return Header(delimiter, options.columns or (), 0), False
    reader = csv.reader(iter(head), delimiter=delimiter, skipinitialspace=delimiter != " ", strict=True)
    try:
        names = tuple(name.strip() for name in next(reader))
    except csv.Error:
        if options.columns is None:
            raise
        names = ()  # the line is not a header, and what its quotes mean is found out later
    first = head[0].rstrip("\r\n").split(delimiter)
    if options.columns is None or names == options.columns:
        is_quoted = all(len(field) > 1 and field[0] == field[-1] == '"' for field in first)
        skip_blanks = len(first) > 1 and all(field.startswith(" ") for field in first[1:])
        fits = options.columns is not None or has_columns(options, names)
        return Header(delimiter, names, reader.line_num, is_quoted, skip_blanks), fits
    return Header(delimiter, options.columns, 0), len(options.columns) in (len(first), len(names))
