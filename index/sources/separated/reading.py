"""Reads the rows of CSV and TSV files, with typed values."""

from collections.abc import Iterator
from pathlib import Path

from ..options import SourceOptions
from ..rows import SourceRow
from .column_types import typed_value
from .records import Record
from .shape import Column, find_shape, records


def read_csv(path: Path, options: SourceOptions) -> Iterator[SourceRow]:
    """Read comma-separated values, or tab-separated ones in a ``.tsv`` file.

    The file is read twice: the first time for the types of its columns, which all of their values decide.
    """
    shape = find_shape(path, options)
    if shape is None:
        return
    note = shape.note
    for record, fraction in records(path, options, shape):
        problem = record.problem
        values: dict[str, object] = {}
        if not problem:
            try:
                values = {column.name: _value(column, record) for column in shape.columns}
            except ValueError as error:
                problem = str(error)
        yield SourceRow(str(path), record.line, fraction, values, problem, note=note, lines=record.lines)
        note = ""


def _value(column: Column, record: Record) -> object:
    cell = record.fields[column.at]
    return cell if column.type is None else typed_value(column.name, cell, column.type)
