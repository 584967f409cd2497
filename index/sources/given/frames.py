"""Reads tables in memory by Arrow's protocol, so that neither pandas nor polars is imported."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

import pyarrow as pa

from ....errors import DocumentError

_INDEX = "__index_level_0__"
"""What pandas calls an index that has no name: it is not a column that the user made."""

_AS_TABLES = ("columns", "column_names", "schema")
_ROWS = 1024
"""Rows that are Python values at a time."""


def is_frame(values: object) -> bool:
    """Whether a value is a table: it can be read as Arrow, and has columns, which an array has not."""
    return hasattr(values, "__arrow_c_stream__") and any(hasattr(values, name) for name in _AS_TABLES)


def frame_rows(frame: Any) -> Iterator[Mapping[str, object]]:  # noqa: ANN401 - any table that has the protocol
    """Yield the rows of a table, as dicts.

    Raises:
        DocumentError: The table cannot be read as Arrow.
    """
    try:
        reader = pa.RecordBatchReader.from_stream(_with_named_index(frame))
        names = [name for name in reader.schema.names if name != _INDEX]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise DocumentError(f"the table has more than one column named {twice!r}; rename one of them")
        for batch in reader:
            readable = _whole_microseconds(batch.select(names))
            for start in range(0, readable.num_rows, _ROWS):
                rows = readable.slice(start, _ROWS).to_pylist(maps_as_pydicts="strict")
                yield from cast("list[dict[str, object]]", rows)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        reason = " ".join(str(error).split())
        raise DocumentError(f"the table cannot be read as Arrow: {reason}; give each column one type") from error


def _with_named_index(frame: Any) -> Any:  # noqa: ANN401
    """Return a table of pandas whose index has a name with that index as a column, for Arrow gets the columns alone."""
    names = getattr(getattr(frame, "index", None), "names", None) or ()
    return frame.reset_index() if any(name is not None for name in names) else frame


def _whole_microseconds(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the batch with timestamps without their nanoseconds, which Python's datetime has no room for."""
    fields: list[Any] = list(batch.schema)
    if not any(str(field.type).startswith("timestamp[ns") for field in fields):
        return batch
    whole = [
        field.with_type(pa.timestamp("us", field.type.tz)) if str(field.type).startswith("timestamp[ns") else field
        for field in fields
    ]
    return batch.cast(pa.schema(whole), safe=False)
