"""Reads the rows of a file of pairs or triples: JSON Lines, JSON, TSV or CSV, each also as gzip."""

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

from ....errors import BicrossError, TrainingError
from ...evaluation import whole_grade
from ...lines import STANDARD_INPUT, json_elements, json_value, text_lines, whole_lines, without_gz
from .roles import NAMES, looks_like_names, roles_of

PAIR_FILES = (".jsonl", ".json", ".tsv", ".csv")
_LARGEST_LABEL = 10
"""In a file without names; a larger number is rather a year or an amount than a grade."""

Row = tuple[int, Mapping[str, object]]
"""The line, and the values by the names of their columns."""


def is_pair_file(path: Path) -> bool:
    """Whether a file is read, by its name."""
    return without_gz(path).suffix in PAIR_FILES


def pair_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a file.

    Raises:
        TrainingError: A row cannot be read, or can be read in two ways; it names file and line.
    """
    kind = without_gz(path).suffix
    if kind in (".jsonl", ".json"):
        return _objects(path, _line_values(path) if kind == ".jsonl" and not _is_array(path) else _element_values(path))
    return _separated_rows(path, list(_csv_fields(path) if kind == ".csv" else _tsv_fields(path)))


def named_rows(
    path: Path, names_of: Callable[[Sequence[str]], tuple[Sequence[str], bool]], *, kind: str, what: str
) -> Iterator[Row]:
    """Yield the rows of a file of any columns, one after the other.

    Args:
        path: The file, or "-" for standard input.
        names_of: Tells from the fields of the first line of a TSV or CSV file what the columns are called, and whether
            that line is a header; raises ``ValueError`` if that cannot be told.
        kind: One of ``PAIR_FILES``.
        what: What a row holds, for messages.

    Raises:
        TrainingError: A row cannot be read; it names file and line.
    """
    if kind in (".jsonl", ".json"):
        values = _line_values(path) if kind == ".jsonl" and not _is_array(path) else _element_values(path)
        yield from _objects(path, values, what)
        return
    rows = _csv_fields(path) if kind == ".csv" else _tsv_fields(path)
    names: Sequence[str] | None = None
    for line, fields in rows:
        if names is None:
            try:
                names, is_header = names_of(fields)
            except ValueError as error:
                raise TrainingError(str(error), source=str(path), line=line) from None
            if len(set(names)) < len(names):
                raise TrainingError("names a column twice", source=str(path), line=line)
            if is_header:
                continue
        yield line, _named(path, line, names, fields)


def _named(path: Path, line: int, names: Sequence[str], fields: Sequence[str]) -> dict[str, object]:
    if len(fields) != len(names):
        reason = f"has {len(fields)} columns in place of {len(names)}: {', '.join(names)}"
        raise TrainingError(reason, source=str(path), line=line)
    return dict(zip(names, fields, strict=True))


def _objects(path: Path, values: Iterator[tuple[int, object]], what: str = NAMES) -> Iterator[Row]:
    for number, row in values:
        if not isinstance(row, dict):
            kind = "an array" if isinstance(row, list) else f"{json.dumps(row)[:60]}"
            first_key, second_key = ("query", "passage") if what == NAMES else ("sentence1", "sentence2")
            reason = (
                f'no object with {what}, but {kind}: write each row as {{"{first_key}": "...", "{second_key}": "..."}}'
            )
            raise TrainingError(f"{reason}, or as CSV or TSV", source=str(path), line=number)
        yield number, cast("dict[str, object]", row)


def _is_array(path: Path) -> bool:
    """Whether a file of JSON Lines is one array instead, as programs write it that know no JSON Lines."""
    if path == STANDARD_INPUT:
        return False  # it can be read but once
    _, first = next(text_lines(path), (1, ""))
    return first.lstrip().startswith("[")


def _line_values(path: Path) -> Iterator[tuple[int, object]]:
    for number, line in text_lines(path):
        try:
            yield number, json_value(line)
        except ValueError as error:
            raise TrainingError(str(error), source=str(path), line=number) from None


def _element_values(path: Path) -> Iterator[tuple[int, object]]:
    try:
        yield from json_elements("".join(line for _, line in whole_lines(path)))
    except ValueError as error:
        if isinstance(error, BicrossError):
            raise
        raise TrainingError(str(error), source=str(path)) from None


def _tsv_fields(path: Path) -> Iterator[tuple[int, Sequence[str]]]:
    for number, line in text_lines(path):
        yield number, line.split("\t")


def _csv_fields(path: Path) -> Iterator[tuple[int, Sequence[str]]]:
    begin = 1
    reader = csv.reader((line for _, line in whole_lines(path)), strict=True)
    try:
        for fields in reader:
            if any(field.strip() for field in fields):
                yield begin, fields
            begin = reader.line_num + 1
    except csv.Error as error:
        raise TrainingError(f"not CSV: {error}", source=str(path), line=begin) from None


def _separated_rows(path: Path, rows: Sequence[tuple[int, Sequence[str]]]) -> Iterator[Row]:
    if not rows:
        return
    first_line, first = rows[0]
    try:
        roles_of(first)
        names, rows = tuple(first), rows[1:]
        if len(set(names)) < len(names):
            raise TrainingError("names a column twice", source=str(path), line=first_line)
    except ValueError as error:
        if looks_like_names(first):
            reason = f"looks like names of columns, but {error}"
            raise TrainingError(reason, source=str(path), line=first_line) from None
        names = _names_without_header(path, rows)
    for number, fields in rows:
        yield number, _named(path, number, names, fields)


def _names_without_header(path: Path, rows: Sequence[tuple[int, Sequence[str]]]) -> tuple[str, ...]:
    """Tell from all rows what the columns are: a third one of numbers is a label, a third one of texts a negative."""
    line, first = rows[0]
    if len(first) not in (2, 3):
        reason = f"has {len(first)} columns and no names of columns: write {NAMES} in the first line"
        raise TrainingError(reason, source=str(path), line=line)
    for column in (0, 1):
        if all(whole_grade(fields[column]) is not None for _, fields in rows if len(fields) > column):
            reason = (
                f"column {column + 1} holds numbers alone, such as {first[column]!r:.40}, where texts are needed: they"
                f" may be ids, which are of no use here. If they are texts, write {NAMES} in the first line"
            )
            raise TrainingError(reason, source=str(path), line=line)
    if len(first) == 2:
        return "query", "passage"
    labels = [(number, fields[2], _is_label(fields[2])) for number, fields in rows if len(fields) == 3]
    unlike = next((label for label in labels if label[2] != labels[0][2]), None)
    is_too_large = not labels[0][2] and all(_is_number(value) for _, value, _ in labels)
    if unlike or is_too_large:
        number, value, _ = unlike or labels[0]
        other = f", and {labels[0][1]!r:.60} in line {labels[0][0]}" if unlike else ""
        reason = (
            f"the third column is {value!r:.60}{other}: it can be read as the label of a passage (query, passage,"
            " label) or as an irrelevant passage (query, positive, negative). Write those names in the first line"
        )
        raise TrainingError(reason, source=str(path), line=number)
    return ("query", "passage", "label") if labels[0][2] else ("query", "positive", "negative")


def _is_label(text: str) -> bool:
    grade = whole_grade(text)
    return grade is not None and abs(grade) <= _LARGEST_LABEL


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
