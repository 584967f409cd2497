"""Reads Parquet and Arrow files as rows, a few at a time."""

import mmap
import struct
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, time, timedelta
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import Any, TypeAlias, cast
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq

from ....errors import SourceError
from ...files import decoded_sizes, is_stream
from ..budget import MAX_ROW_BYTES, Budget, RowMeter
from ..columns import role_columns
from ..options import SourceOptions
from ..rows import SourceRow, Span
from .parquet_pages import list_columns, measure_row_group
from .selection import Selection, check_table, select_columns

BATCH_ROWS = 256

Batches: TypeAlias = Iterator[tuple[pa.RecordBatch, float]]  # each with the share of the source that is read after it


def read_parquet(path: Path, options: SourceOptions, span: Span | None = None) -> Iterator[SourceRow]:
    """A Parquet file, or some of its row groups, a few rows at a time."""
    budget = Budget(path, path.stat().st_size, options.max_bytes)
    with (
        _damage_as_source_error(path),
        path.open("rb") as raw,
        mmap.mmap(raw.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        with pq.ParquetFile(str(path)) as file:
            lists = list_columns(file)
        with pq.ParquetFile(
            str(path),
            # A buffer size makes the reader stream pages in place of whole column chunks, which may be gigabytes.
            buffer_size=2**20,
            pre_buffer=False,
            read_dictionary=lists,
        ) as file:
            selection = select_columns(file.schema_arrow, options)
            groups = range(file.num_row_groups) if span is None else range(span.start, span.stop)
            batches = _parquet_batches(file, data, budget, selection, groups)
            rows = _table_rows(path, batches, budget, options, schema=file.schema_arrow)
            yield from rows if span is None else _numbered_from(span.lines, rows)


def read_arrow(path: Path, options: SourceOptions, span: Span | None = None) -> Iterator[SourceRow]:
    """An Arrow IPC file (also known as Feather version 2) or stream, or some batches of a file, from a memory map."""
    budget = Budget(path, path.stat().st_size, options.max_bytes)
    with _damage_as_source_error(path), pa.memory_map(str(path)) as file:
        if budget.is_limited:
            _check_messages(file, budget)
        batches = _stream_batches(file) if is_stream(file) else _file_batches(file, span)
        rows = _table_rows(path, batches, budget, options)
        yield from rows if span is None else _numbered_from(span.lines, rows)


def parquet_sizes(path: Path) -> list[tuple[int, int]]:
    """Return the rows and the decoded bytes of each row group, as the file declares them."""
    with _damage_as_source_error(path), pq.ParquetFile(str(path)) as file:
        groups = [file.metadata.row_group(number) for number in range(file.num_row_groups)]
        return [(group.num_rows, group.total_byte_size) for group in groups]


def arrow_sizes(path: Path) -> list[tuple[int, int]]:
    """Return the rows and the bytes of each record batch; one entry for a stream, which can only be read whole."""
    with _damage_as_source_error(path), pa.memory_map(str(path)) as file:
        if is_stream(file) or any(size for _, size in decoded_sizes(file)):  # compressed: a batch may be any size
            return [(0, path.stat().st_size)]
        file.seek(0)
        reader = pa.ipc.open_file(file)
        batches = (reader.get_batch(number) for number in range(reader.num_record_batches))
        return [(batch.num_rows, batch.nbytes) for batch in batches]


def _numbered_from(lines: int, rows: Iterator[SourceRow]) -> Iterator[SourceRow]:
    return (replace(row, line=lines + (row.line or 0)) for row in rows)


def _parquet_batches(
    file: pq.ParquetFile, data: mmap.mmap, budget: Budget, selection: Selection, groups: range
) -> Batches:
    rows = 0
    total = sum(file.metadata.row_group(number).num_rows for number in groups)
    names = sorted(selection.names)
    for number in groups:
        batch_rows = BATCH_ROWS
        if budget.is_limited:
            size = measure_row_group(data, file, number, selection.names)
            least = size.of(1)
            budget.check_at_once(least)
            while batch_rows > 1 and size.of(batch_rows) > least + MAX_ROW_BYTES:
                batch_rows //= 2
        for batch in file.iter_batches(  # pyright: ignore[reportUnknownMemberType]
            batch_rows, row_groups=[number], columns=names
        ):
            rows += batch.num_rows
            yield batch, rows / total


def _check_messages(file: pa.MemoryMappedFile, budget: Budget) -> None:
    dictionaries = 0  # which stay in memory beside every batch
    for is_dictionary, size in decoded_sizes(file):
        budget.check_at_once(dictionaries + size)
        dictionaries += size if is_dictionary else 0


def _file_batches(file: pa.MemoryMappedFile, span: Span | None) -> Batches:
    reader = pa.ipc.open_file(file)
    numbers = range(reader.num_record_batches) if span is None else range(span.start, span.stop)
    for number in numbers:
        batch = reader.get_batch(number)
        batch.validate(full=True)  # Arrow itself follows damaged offsets to wherever they lead
        yield batch, (number + 1 - numbers.start) / len(numbers)


def _stream_batches(file: pa.MemoryMappedFile) -> Batches:
    for batch in pa.ipc.open_stream(file):
        batch.validate(full=True)
        yield batch, file.tell() / file.size()


def _table_rows(
    path: Path, batches: Batches, budget: Budget, options: SourceOptions, *, schema: pa.Schema | None = None
) -> Iterator[SourceRow]:
    """The rows of batches. ``schema`` is that of the file, where the batches have only some of its columns."""
    line, before, note = 0, 0.0, ""
    for batch, after in batches:
        if line == 0:
            schema = batch.schema if schema is None else schema
            check_table(path, schema.names, options)
            note = select_columns(schema, options).note
        columns = _columns(batch, options)
        for row in range(batch.num_rows):
            line += 1
            values: Mapping[str, object] = {}
            problem = ""
            meter = RowMeter()
            try:
                values = {name: _cell(column[row], meter, is_text=is_text) for name, column, is_text in columns}
            except (ValueError, OverflowError, KeyError) as error:
                problem = f"a value cannot be read: {error}"
            budget.spend(meter.bytes)
            fraction = before + (after - before) * (row + 1) / batch.num_rows
            yield SourceRow(str(path), line, fraction, values, problem, note=note, unit="row")
            note = ""
        before = after


def _columns(batch: pa.RecordBatch, options: SourceOptions) -> list[tuple[str, "pa.Array[Any]", bool]]:
    """The name and the values of every column that is read, and whether they are ids, titles or texts."""
    selection, roles = select_columns(batch.schema, options), role_columns(options, batch.schema.names)
    arrays = cast("list[pa.Array[Any]]", batch.columns)  # pyright: ignore[reportUnknownMemberType]
    return [
        (name, _whole_microseconds(array), name in roles)
        for name, array in zip(batch.schema.names, arrays, strict=True)
        if name in selection.names
    ]


def _cell(cell: Any, meter: RowMeter, *, is_text: bool) -> object:  # noqa: ANN401
    if is_text and cell.is_valid and issubclass(type(cell), pa.BinaryScalar):  # as some programs write texts
        meter.add(cell.as_buffer().size)
        value: object = cell.as_py()
        return value.decode() if isinstance(value, bytes) else value
    return _python(cell, meter)


_WRAPPERS = (pa.DictionaryScalar, pa.RunEndEncodedScalar, pa.UnionScalar)
_NESTED = (*_WRAPPERS, pa.ListScalar, pa.StructScalar)


def _python(cell: Any, meter: RowMeter) -> object:  # noqa: ANN401 - a scalar of whatever type the file has
    """The JSON value of a cell. What is in it is counted before it is made, for it may repeat one value endlessly."""
    if not cell.is_valid:
        meter.add(0)
        return None
    # Not isinstance, which would narrow Any to types that PyArrow's stubs leave half unknown.
    kind = cast("type[object]", type(cell))
    if issubclass(kind, _WRAPPERS) or (issubclass(kind, pa.ExtensionScalar) and issubclass(type(cell.value), _NESTED)):
        return _python(cell.value, meter)
    meter.add(cell.as_buffer().size if issubclass(kind, pa.BinaryScalar) else 0)  # strings are binary as well
    if issubclass(kind, pa.MapScalar):
        return _mapping((str(_python(item[0], meter)), _python(item[1], meter)) for item in cell.values)
    if issubclass(kind, pa.ListScalar):  # the parent of all kinds of lists
        return [_python(item, meter) for item in cell.values]
    if issubclass(kind, pa.StructScalar):
        return _mapping((name, _python(item, meter)) for name, item in cell.items())
    return _json_value(cell.as_py())


def _mapping(items: Iterable[tuple[str, object]]) -> Mapping[str, object]:
    values: dict[str, object] = {}
    for name, value in items:
        if name in values:
            raise ValueError(f"the key {name!r} is there twice")
        values[name] = value
    return values


def _json_value(value: object) -> object:
    match value:
        case float():
            return value if isfinite(value) else None  # pandas writes a missing number as NaN; JSON has none of them
        case date() | time():  # a datetime is a date
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case UUID():
            return str(value)
        case Decimal() | None | bool() | int() | str():
            return value
        case _:
            raise ValueError(f"{type(value).__name__} is not a JSON value: {value!r:.80}")


def _whole_microseconds(column: "pa.Array[Any]") -> "pa.Array[Any]":
    """Timestamps without their nanoseconds, which Python's datetime has no room for."""
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        return column.cast(pa.timestamp("us", column.type.tz), safe=False)
    return column


@contextmanager
def _damage_as_source_error(path: Path) -> Generator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, IndexError, struct.error) as error:
        if isinstance(error, OSError) and error.errno is not None:  # from the system, for example no permission
            raise
        raise SourceError(f"{path} is damaged, or not what its name says: {error}; write or copy it again") from error
