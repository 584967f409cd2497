"""Reads and writes the Arrow files of a segment.

Files are uncompressed Arrow IPC. A row is a view into the memory-mapped file, so an index may be larger than memory.
"""

import struct
from collections.abc import Sequence
from typing import Any, cast

import pyarrow as pa
from numpy.typing import NDArray

from ...errors import IndexCorrupt
from ..metadata import array_of
from .arrow_messages import decoded_sizes
from .checksums import CheckedFile
from .mapped_files import File, MappedFile, map_file
from .memory import raise_if_out_of_memory

RecordBatch = Any  # Arrow's stubs leave most of its methods unknown


def record_batch(columns: Sequence[Any], schema: pa.Schema) -> RecordBatch:
    """Join columns into one record batch.

    Args:
        columns: Arrow arrays of equal length.
        schema: The schema of the batch.
    """
    return cast(Any, pa.RecordBatch).from_arrays(list(columns), schema=schema)


def open_batches(path: File, schema: pa.Schema | None, *, thorough: bool) -> list[RecordBatch]:
    """Return the record batches of a file, which is mapped if it is not yet.

    The checksum of the file must have been verified. The content is not trusted even so.

    Args:
        path: An Arrow IPC file.
        schema: The schema that the file must have; None accepts any.
        thorough: Validate every value, which reads the whole file.

    Raises:
        IndexCorrupt: The file is missing, is not valid Arrow, has another schema, or has compressed columns.
        MemoryError: The file cannot be mapped because memory is exhausted.
    """
    content = (path if isinstance(path, MappedFile) else map_file(path)).content
    try:
        # A compressed buffer could decode to any size: bicross writes none.
        if any(decoded for _, decoded in decoded_sizes(pa.BufferReader(content))):
            raise IndexCorrupt(f"{path} has compressed columns")
        reader = pa.ipc.open_file(content)  # a map instead of its buffer would be read by a thread of Arrow's
        if schema is not None and not reader.schema.equals(schema):
            raise IndexCorrupt(f"{path} has the columns {reader.schema.names}, not {schema.names}")
        batches: list[RecordBatch] = []
        for number in range(reader.num_record_batches):
            batch = reader.get_batch(number)
            cast(Any, batch).validate(full=thorough)
            batches.append(batch)
    except (pa.ArrowException, EOFError, OSError, ValueError, IndexError, struct.error) as error:
        raise_if_out_of_memory(error)
        if getattr(error, "errno", None) is not None:
            raise  # an error of the system, such as too many open files: the file is not damaged
        raise IndexCorrupt(f"{path} is not a valid Arrow file: {error}") from error
    return batches


def one_batch(path: File, schema: pa.Schema | None, *, rows: int, thorough: bool) -> RecordBatch:
    """Return the batch of a file that has one record batch.

    Args:
        path: An Arrow IPC file.
        schema: The schema that the file must have; None accepts any.
        rows: The number of rows that the manifest lists.
        thorough: Validate every value, which reads the whole file.

    Raises:
        IndexCorrupt: As for ``open_batches``, or the file has another number of batches or rows.
    """
    batches = open_batches(path, schema, thorough=thorough)
    if len(batches) != 1 or batches[0].num_rows != rows:
        total = sum(batch.num_rows for batch in batches)
        raise IndexCorrupt(f"{path} holds {total} rows in {len(batches)} batches, not {rows} in one")
    return batches[0]


def numbers(batch: RecordBatch, name: str, source: File) -> NDArray[Any]:
    """Return a column of numbers as an array that shares the memory of the file.

    Args:
        batch: The batch that has the column.
        name: The name of the column.
        source: The file of the batch, for messages.

    Raises:
        IndexCorrupt: The column has missing values.
    """
    column = batch.column(name)
    if column.null_count:
        raise IndexCorrupt(f"{source}: the column {name!r} has {column.null_count} missing values")
    return array_of(column)


def write_batch(file: CheckedFile, batch: RecordBatch) -> None:
    """Write one record batch as a whole Arrow file."""
    with pa.ipc.new_file(file, batch.schema) as arrow:
        cast(Any, arrow).write_batch(batch)
