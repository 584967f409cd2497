"""Looks through a CSV or TSV file before it is read: what quotes mean in it, and the types of its columns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from ....errors import SourceError
from ..columns import check_columns, listed, role_columns
from ..lines import open_lines
from ..options import ColumnType, SourceOptions
from .column_types import ColumnGuess
from .header import Header, read_header
from .records import Dialect, Layout, Record, Records


@dataclass(frozen=True, slots=True)
class Column:
    """A column that is read: its name, its place in a row, and its type; None for the id, the title and the text."""

    name: str
    at: int
    type: ColumnType | None


@dataclass(frozen=True, slots=True)
class Shape:
    """How a file is to be read.

    Attributes:
        dialect: How its fields are separated and quoted.
        layout: What its records look like.
        columns: The columns that are read.
        lines_before: The number of lines before the first row.
        note: What a report should say of the file.
    """

    dialect: Dialect
    layout: Layout
    columns: tuple[Column, ...]
    lines_before: int
    note: str = ""


def find_shape(path: Path, options: SourceOptions) -> Shape | None:
    """Return how to read a file, all of which is looked through for that; None where it holds nothing.

    Raises:
        SourceError: The file has not the columns that it needs, or no header that can be read.
    """
    with open_lines(path, options, newline="") as lines:
        header = read_header(lines, path, options)
    if header is None:
        return None
    _check_header(header, path, options)
    survey = _best_survey(path, options, header)
    return Shape(
        survey.dialect,
        _layout(header, options),
        tuple(_columns(path, options, header.names, survey)),
        header.lines,
        _notes(header.names, options, survey),
    )


def check_csv(path: Path, options: SourceOptions) -> None:
    """Check the header of a file alone.

    Raises:
        SourceError: As ``find_shape``.
    """
    with open_lines(path, options, newline="") as lines:
        header = read_header(lines, path, options)
    if header is not None:
        _check_header(header, path, options)


def records(path: Path, options: SourceOptions, shape: Shape) -> Iterator[tuple[Record, float]]:
    """Read the records after the header, each with the share of the file that is read after it."""
    with open_lines(path, options, newline="") as lines:
        for _ in islice(lines, shape.lines_before):
            pass
        for record in Records(lines, shape.dialect, shape.layout):
            yield record, lines.fraction


# What quotes mean


@dataclass(slots=True)
class _Survey:
    """What a file looks like if quotes mean one thing."""

    dialect: Dialect
    guesses: list[ColumnGuess]
    problems: int = 0
    fitted: int = 0  # records with more or fewer fields than columns, of which the last ones are empty
    quoted: bool = False  # whether there is a quote
    doubled: bool = False  # whether a field stands in quotes and has others inside, all of them doubled
    escaped: bool = False  # whether there is a quote after a backslash in what cannot be read


def _best_survey(path: Path, options: SourceOptions, header: Header) -> _Survey:
    """The survey by the meaning of quotes that makes sense of the most rows.

    In a CSV file quotes enclose fields. In a TSV file they are characters like others, as the registration of its media
    type says; but spreadsheets write fields in quotes there too. So they enclose fields in a TSV file only if that
    makes sense of every row, and something shows it: the header stands in quotes, rows have the right number of fields
    only like that, or quotes inside of quotes are doubled.
    """
    dialect = Dialect(header.delimiter, "doubled", header.skip_blanks, options.quotes is True)
    if options.quotes is not None:
        return _survey(path, options, header, dialect if options.quotes else replace(dialect, quotes="none"))
    if header.delimiter != "\t":
        doubled = _survey(path, options, header, dialect)
        if doubled.problems and doubled.escaped:
            escaped = _survey(path, options, header, replace(dialect, quotes="escaped"))
            return doubled if escaped.problems else escaped
        return doubled
    none = _survey(path, options, header, replace(dialect, quotes="none"))
    if none.quoted and (none.problems or none.fitted or none.doubled or header.is_quoted):
        doubled = _survey(path, options, header, dialect)
        return none if doubled.problems else doubled
    return none


def _survey(path: Path, options: SourceOptions, header: Header, dialect: Dialect) -> _Survey:
    # A semicolon separates fields where commas are decimal, and dots group thousands there.
    survey = _Survey(dialect, [ColumnGuess(dot_may_group=header.delimiter == ";") for _ in header.names])
    roles = role_columns(options, header.names)
    watched = [
        (index, survey.guesses[index])
        for index, name in enumerate(header.names)
        if not name or (name not in roles and name not in options.types and options.keeps(name))
    ]
    for record, _ in records(path, options, Shape(dialect, _layout(header, options), (), header.lines)):
        if record.problem:
            survey.problems += 1
            survey.quoted = survey.quoted or '"' in record.text
            survey.escaped = survey.escaped or '\\"' in record.text
            continue
        survey.fitted += record.is_fitted
        for index, guess in watched:
            guess.add(record.fields[index], record.line)
        if dialect.quotes == "none" and not survey.doubled:
            quoted = [text for text in record.fields if '"' in text]
            survey.quoted = survey.quoted or bool(quoted)
            survey.doubled = any(map(_is_doubled, quoted))
    return survey


def _is_doubled(text: str) -> bool:
    """Whether a text, or the first line of one, is written as a field in quotes with others inside."""
    inner = text[1:-1] if len(text) > 1 and text.endswith('"') and text.count('"') % 2 == 0 else text[1:]
    return text.startswith('"') and '""' in inner and '"' not in inner.replace('""', "")


# Columns


def _check_header(header: Header, path: Path, options: SourceOptions) -> None:
    names = [name for name in header.names if name]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise SourceError(f"{path} has more than one column named {twice!r}; rename one of them")
    hint = f". Its fields are taken to be separated by {header.delimiter!r}; if that is wrong, name the delimiter"
    hint += " (--delimiter). If its first line is not a header, name all columns with columns (--columns id,text)"
    check_columns(options, header.names, path, hint=hint)
    roles = role_columns(options, header.names)
    for name in options.types:
        if name not in header.names:
            raise SourceError(f"{path} has no column {name!r}, whose type is given, only {listed(header.names)}")
        if name in roles and options.types[name] != "text":
            raise SourceError(f"{path}: the column {name!r} is an id, a title or a text, which are always text")


def _layout(header: Header, options: SourceOptions) -> Layout:
    width = len(header.names)
    least = width
    while least and not header.names[least - 1]:
        least -= 1
    id_name, _, text_name = role_columns(options, header.names)
    id_at = header.names.index(id_name) if id_name in header.names and id_name != text_name else None
    return Layout(width, least, id_at, "the header" if options.columns is None else "columns")


def _columns(path: Path, options: SourceOptions, names: Sequence[str], survey: _Survey) -> Iterator[Column]:
    roles = role_columns(options, names)
    unnamed = [index for index, name in enumerate(names) if not name and survey.guesses[index].filled]
    if len(unnamed) > 1:
        raise SourceError(
            f"{path} has {len(unnamed)} columns without a name that hold values: give them names in the first line of"
            " the file, or name all columns with columns (--columns)"
        )
    for index, name in enumerate(names):
        if name in roles and (name or index in unnamed):
            yield Column(name, index, None)
        elif options.keeps(name) and (name or index in unnamed):
            yield Column(name, index, options.types.get(name) or survey.guesses[index].type)


def _notes(names: Sequence[str], options: SourceOptions, survey: _Survey) -> str:
    notes = (guess.note(name) for name, guess in zip(names, survey.guesses, strict=True) if name not in options.types)
    return "; ".join(filter(None, notes))
