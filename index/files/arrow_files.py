"""Reads and writes the Arrow files of a segment.

Uncompressed Arrow IPC: a row is a view into the file, so an index larger than memory can be read.
"""

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...errors import IndexCorrupt
from .arrow_messages import decoded_sizes
from .checksums import CheckedFile
from .memory import raise_if_out_of_memory

RecordBatch = Any  # Arrow's stubs leave most of its methods unknown


def record_batch(columns: Sequence[Any], schema: pa.Schema) -> RecordBatch:
    """Arrays as one batch of a schema."""
    return cast(Any, pa.RecordBatch).from_arrays(list(columns), schema=schema)


def open_batches(path: Path, schema: pa.Schema | None, *, thorough: bool) -> list[RecordBatch]:
    """The batches of a file, mapped. Its checksum must have been verified, and still nothing in it is believed.

    Raises ``IndexCorrupt`` unless every batch is valid Arrow of ``schema``; None takes any. ``thorough`` looks at every
    value, which reads the whole file.
    """
    try:
        with pa.memory_map(str(path)) as source:
            # A compressed buffer could decode to any size: bicross writes none.
            if any(decoded for _, decoded in decoded_sizes(source)):
                raise IndexCorrupt(f"{path} has compressed columns")
            reader = pa.ipc.open_file(source)
            if schema is not None and not reader.schema.equals(schema):
                raise IndexCorrupt(f"{path} has the columns {reader.schema.names}, not {schema.names}")
            batches: list[RecordBatch] = []
            for number in range(reader.num_record_batches):
                batch = reader.get_batch(number)
                cast(Any, batch).validate(full=thorough)
                batches.append(batch)
    except FileNotFoundError:
        raise IndexCorrupt(f"{path} is missing, though the manifest lists it") from None
    except (pa.ArrowException, EOFError, OSError, ValueError, IndexError, struct.error) as error:
        raise_if_out_of_memory(error)
        if getattr(error, "errno", None) is not None:
            raise  # what the system says, such as that there are too many open files, is no damage
        raise IndexCorrupt(f"{path} is not a valid Arrow file: {error}") from error
    return batches


def one_batch(path: Path, schema: pa.Schema | None, *, rows: int, thorough: bool) -> RecordBatch:
    """The only batch of a file, with as many rows as the manifest says."""
    batches = open_batches(path, schema, thorough=thorough)
    if len(batches) != 1 or batches[0].num_rows != rows:
        total = sum(batch.num_rows for batch in batches)
        raise IndexCorrupt(f"{path} holds {total} rows in {len(batches)} batches, not {rows} in one")
    return batches[0]


def numbers(batch: RecordBatch, name: str, source: Path) -> NDArray[Any]:
    """A column without nulls as an array that shares the memory of the file."""
    column = batch.column(name)
    if column.null_count:
        raise IndexCorrupt(f"{source}: the column {name!r} has {column.null_count} missing values")
    return np.asarray(column.to_numpy(zero_copy_only=True))


def write_batch(file: CheckedFile, batch: RecordBatch) -> None:
    """One record batch as a whole Arrow file."""
    with pa.ipc.new_file(file, batch.schema) as arrow:
        cast(Any, arrow).write_batch(batch)
