"""Reads the rows of JSON Lines and of JSON files."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

from ..columns import NoTexts, listed, role_columns
from ..lines import RowTooLarge, open_lines
from ..options import SourceOptions
from ..rows import ReadRows, SourceRow, Span
from .elements import json_elements
from .objects import decode, decode_object

_ROWS_FOR_KEYS = 100  # whose keys a message names


def read_json_lines(path: Path, options: SourceOptions) -> Iterator[SourceRow]:
    """Read one JSON object a line; blank lines are passed over. A file that is one array is read as ``read_json`` does.

    Raises:
        NoTexts: No row has a text, or a title where its key is named.
    """
    yield from _checked(_elements if is_array(path, options) else _lines, path, options)


def read_json(path: Path, options: SourceOptions) -> Iterator[SourceRow]:
    """Read the objects of an array, or objects that follow each other, however they are broken into lines.

    Raises:
        NoTexts: No row has a text, or a title where its key is named.
    """
    yield from _checked(_elements, path, options)


def read_json_lines_part(path: Path, options: SourceOptions, span: Span) -> Iterator[SourceRow]:
    """Read the lines of a part of a file of JSON Lines, which begins and ends with a line."""
    yield from _lines(path, options, span)


def _lines(path: Path, options: SourceOptions, span: Span | None = None) -> Iterator[SourceRow]:
    with open_lines(path, options, newline="\n", span=span) as lines:
        while True:
            values: Mapping[str, object] = {}
            problem = ""
            try:
                line = next(lines)
                if not line.strip():
                    continue
                lines.check_decoded(line)
                values = decode_object(line)
            except StopIteration:
                return
            except ValueError as error:
                problem = str(error)
            yield SourceRow(lines.source, lines.number, lines.fraction, values, problem)


def _elements(path: Path, options: SourceOptions) -> Iterator[SourceRow]:
    with open_lines(path, options, newline="\n") as lines:
        for element in json_elements(lines):
            values: Mapping[str, object] = {}
            problem = element.problem
            if not problem:
                try:
                    lines.check_decoded(element.text)
                    values = decode_object(element.text)
                except ValueError as error:
                    problem = str(error)
            yield SourceRow(lines.source, element.number, lines.fraction, values, problem, unit=element.unit)


def is_array(path: Path, options: SourceOptions) -> bool:
    """Whether a file of JSON Lines is one array: it begins like one, and its first line is not a row among others."""
    with open_lines(path, options, newline="\n") as lines:
        character = " "
        while character.isspace():
            character = lines.read(1)
    if character != "[":
        return False
    with open_lines(path, options, newline="\n") as lines:
        filled = (line for line in lines if line.strip())
        try:
            decode(next(filled))
        except ValueError:  # also where the line is too long
            return True
        try:
            return next(filled, None) is None
        except RowTooLarge:
            return False


def _checked(read: ReadRows, path: Path, options: SourceOptions) -> Iterator[SourceRow]:
    """The rows of a file in which at least one has a text. Without that, a misspelt key would make all texts empty."""
    _check_keys(read(path, options), path, options)
    yield from read(path, options)


def _check_keys(rows: Iterator[SourceRow], path: Path, options: SourceOptions) -> None:
    missing: dict[str, str] = {}
    is_found = {"text_column": False, "title_column": options.title_column is None}
    keys: dict[str, None] = {}
    first: Mapping[str, object] | None = None
    bad: list[SourceRow] = []
    count = 0
    for row in rows:
        if row.problem:
            bad = bad or [row]
            continue
        count += 1
        first = row.values if first is None else first
        _, title_name, text_name = role_columns(options, row.values)
        missing = {"text_column": text_name, "title_column": title_name}
        for argument, name in missing.items():
            is_found[argument] = is_found[argument] or name in row.values
        if all(is_found.values()):
            return
        if count <= _ROWS_FOR_KEYS:
            keys.update(dict.fromkeys(row.values))
    if first is None:
        return
    argument = next(argument for argument, is_there in is_found.items() if not is_there)
    option = "--" + argument.replace("_", "-")
    message = f"{path} has no row with {missing[argument]!r}, only {listed(keys)}: name the right one with {argument}"
    message += f" ({option})"
    if argument == "text_column":
        message += _list_inside(first) or "; to search titles alone, let it name those"
    if bad:
        bad_row = f"{bad[0].unit} {bad[0].line}"
        message += f". There are rows that cannot be read, the first of them in {bad_row}: {bad[0].problem}"
    raise NoTexts(message)


def _list_inside(values: Mapping[str, object]) -> str:
    for key, value in values.items():
        if isinstance(value, list) and value and isinstance(cast("list[object]", value)[0], dict):
            return f". Its {key!r} is a list of objects: if those are the documents, write that list to a file alone"
    return ""
