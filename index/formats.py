"""One generator per file format, from a path to rows. Knows no Document, no choice of columns and no error policy.

Every generator streams: what it holds at a time is one line, or one small batch of rows. A row that cannot be read is
yielded as well, with the problem in place of its values, so that the caller can decide to go on.
"""

import codecs
import csv
import json
import os
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from decimal import Decimal
from functools import partial
from io import BufferedReader, TextIOWrapper
from math import isnan
from pathlib import Path
from typing import Any, TypeAlias, cast
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import SourceError

MAX_ROW_BYTES = 64 * 2**20  # of one line (counted in characters) or one text file: far more than any model reads
BATCH_ROWS = 256

TextFile: TypeAlias = "TextIOWrapper[BufferedReader]"
Batches = Iterator[tuple[pa.RecordBatch, float]]  # each with the share of the source that is read after it

_UNDECODABLE = "\udcff"  # stands where bytes could not be decoded; no decoder yields a lone surrogate by itself


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a source: its named values, or the ``problem`` for which it has none.

    ``line`` counts from 1, in lines or in rows; ``fraction`` is the share of the source that is read after this row.
    """

    source: str
    line: int | None
    fraction: float
    values: Mapping[str, object] = field(default_factory=dict[str, object])
    problem: str = ""


def read_json_lines(path: Path) -> Iterator[Row]:
    """One JSON object a line; blank lines are passed over."""
    with _open_lines(path, newline="\n") as lines:
        yield from _rows(lines, map(_json_object, filter(str.strip, lines)))


def read_csv(path: Path) -> Iterator[Row]:
    """Comma-separated values, or tab-separated ones in a ``.tsv`` file, with the names of the columns in a header."""
    # The limit belongs to the whole process; without one, a quote that is never closed would load the rest of the file.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_ROW_BYTES))
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    with _open_lines(path, newline="") as lines:
        # Strict, because the lenient mode ends a quote that is never closed at the end of the file, without a word.
        records = filter(None, csv.reader(lines, delimiter=delimiter, strict=True))
        try:
            header = next(records, list[str]())
            _check_decoded(*header)
        except (csv.Error, ValueError) as error:
            raise SourceError(f"{path} has no readable header: {error}; its first line must name the columns") from None
        _check_names(path, header)
        yield from _rows(lines, map(partial(_named, header), records))


def read_parquet(path: Path) -> Iterator[Row]:
    """A Parquet file, a few rows at a time."""
    with (
        _damage_as_source_error(path),
        # A buffer size makes the reader stream pages in place of whole column chunks, which may be gigabytes.
        pq.ParquetFile(str(path), buffer_size=2**20, pre_buffer=False) as file,
    ):
        yield from _table_rows(path, _parquet_batches(file))


def read_arrow(path: Path) -> Iterator[Row]:
    """An Arrow IPC file (also known as Feather version 2) or stream, from a memory map."""
    with _damage_as_source_error(path), pa.memory_map(str(path)) as file:
        is_stream = file.read(6) != b"ARROW1"
        file.seek(0)
        yield from _table_rows(path, _stream_batches(file) if is_stream else _file_batches(file))


@contextmanager
def open_text(path: Path, *, errors: str = "strict", newline: str | None = None) -> Generator[TextFile]:
    """Open a text file in the encoding that its byte order mark tells, or else in UTF-8."""
    with path.open("rb") as file, TextIOWrapper(file, _encoding(file.peek(4)[:4]), errors, newline) as text:
        yield text


def _encoding(start: bytes) -> str:
    if start in (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE):  # first, because one begins like UTF-16
        return "utf-32"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return "utf-8-sig" if start.startswith(codecs.BOM_UTF8) else "utf-8"


# Lines of JSON or CSV


class _Lines(Iterator[str]):
    """The lines of a text file. A line that is too long is a ``ValueError``, after which the lines go on."""

    def __init__(self, file: TextFile, source: str) -> None:
        self.source = source
        self.number = 0
        self._file = file
        self._size = os.fstat(file.fileno()).st_size

    @property
    def fraction(self) -> float:
        return min(1.0, self._file.buffer.tell() / max(1, self._size))

    def __next__(self) -> str:
        line = self._file.readline(MAX_ROW_BYTES + 1)
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) > MAX_ROW_BYTES and not line.endswith("\n"):
            while line and not line.endswith("\n"):
                line = self._file.readline(2**20)
            raise ValueError(f"the line is longer than {MAX_ROW_BYTES} characters")
        return line


@contextmanager
def _open_lines(path: Path, *, newline: str) -> Generator[_Lines]:
    with open_text(path, errors="bicross.mark", newline=newline) as file:
        yield _Lines(file, str(path))


def _rows(lines: _Lines, records: Iterator[Mapping[str, object]]) -> Iterator[Row]:
    """A row for each of the records made from ``lines``. Neither map, filter nor csv.reader ends at an error."""
    while True:
        values: Mapping[str, object] = {}
        problem = ""
        try:
            values = next(records)
        except StopIteration:
            return
        except csv.Error as error:
            problem = f"not CSV: {error}"
        except ValueError as error:
            problem = str(error)
        yield Row(lines.source, lines.number, lines.fraction, values, problem)


def _json_object(line: str) -> Mapping[str, object]:
    _check_decoded(line)
    try:
        value = _DECODER.decode(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at column {error.colno}") from None
    except RecursionError:
        raise ValueError("not JSON that can be read: it is nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError(f"not a JSON object, but {value!r:.80}")  # noqa: TRY004 (what is wrong is the row)
    values = cast("dict[str, object]", value)
    metadata = values.get("metadata")
    if not isinstance(metadata, dict | None):
        raise ValueError(f"metadata must be an object, not {metadata!r:.80}")  # noqa: TRY004
    return values


def _named(header: Sequence[str], fields: Sequence[str]) -> Mapping[str, object]:
    _check_decoded(*fields)
    if len(fields) != len(header):
        raise ValueError(f"the row has {len(fields)} fields, but the header names {len(header)}")
    return dict(zip(header, fields, strict=True))


def _refuse_constant(name: str) -> None:
    raise ValueError(f"not JSON: {name}")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def _mark_undecodable(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return _UNDECODABLE, error.end


codecs.register_error("bicross.mark", _mark_undecodable)


def _check_decoded(*texts: str) -> None:
    if any(_UNDECODABLE in text for text in texts):
        raise ValueError("there are bytes that cannot be decoded; save the file as UTF-8")


# Parquet and Arrow


def _parquet_batches(file: pq.ParquetFile) -> Batches:
    rows = 0
    for batch in file.iter_batches(batch_size=BATCH_ROWS):  # pyright: ignore[reportUnknownMemberType]
        rows += batch.num_rows
        yield batch, rows / file.metadata.num_rows


def _file_batches(file: pa.MemoryMappedFile) -> Batches:
    reader = pa.ipc.open_file(file)
    for number in range(reader.num_record_batches):
        batch = reader.get_batch(number)
        batch.validate(full=True)  # Arrow itself follows damaged offsets to wherever they lead
        yield batch, (number + 1) / reader.num_record_batches


def _stream_batches(file: pa.MemoryMappedFile) -> Batches:
    for batch in pa.ipc.open_stream(file):
        batch.validate(full=True)
        yield batch, file.tell() / file.size()


def _table_rows(path: Path, batches: Batches) -> Iterator[Row]:
    line, before = 0, 0.0
    for batch, after in batches:
        _check_names(path, batch.schema.names)
        arrays = cast("list[pa.Array[Any]]", batch.columns)  # pyright: ignore[reportUnknownMemberType]
        columns = [_whole_microseconds(array) for array in arrays]
        for row in range(batch.num_rows):
            line += 1
            values: Mapping[str, object] = {}
            problem = ""
            try:
                cells = [column[row].as_py(maps_as_pydicts="strict") for column in columns]
                values = dict(zip(batch.schema.names, map(_json_value, cells), strict=True))
            except (ValueError, OverflowError, KeyError) as error:
                problem = f"row {line} has a value that cannot be read: {error}"
            yield Row(str(path), line, before + (after - before) * (row + 1) / batch.num_rows, values, problem)
        before = after


def _json_value(value: object) -> object:
    match value:
        case float():
            return None if isnan(value) else value  # pandas writes a missing number as NaN
        case date() | time():  # a datetime is a date
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case Decimal() | UUID():
            return str(value)
        case list():
            return [_json_value(item) for item in cast("list[object]", value)]
        case dict():
            return {str(key): _json_value(item) for key, item in cast("dict[object, object]", value).items()}
        case None | bool() | int() | str():
            return value
        case _:
            raise ValueError(f"{type(value).__name__} is no JSON value: {value!r:.80}")


def _whole_microseconds(column: "pa.Array[Any]") -> "pa.Array[Any]":
    """Timestamps without their nanoseconds, which Python's datetime has no room for."""
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        return column.cast(pa.timestamp("us", column.type.tz), safe=False)
    return column


def _check_names(path: Path, names: Sequence[str]) -> None:
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise SourceError(f"{path} has more than one column named {twice!r}; rename one of them")


@contextmanager
def _damage_as_source_error(path: Path) -> Generator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # from the system, for example no permission
            raise
        raise SourceError(f"{path} is damaged, or not what its name says: {error}; write or copy it again") from error
