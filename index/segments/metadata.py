"""The metadata of a segment's documents as typed Arrow columns.

The record batch has a row per document. Its first column, named ``ROWS`` and of Arrow's null type, takes no space and
counts the rows where no field can be filtered by; a user's field of that name is refused. The other columns are the
fields, sorted by name; a document without the field, or with ``None`` in it, is a null there. What cannot be a column
is in the schema's metadata under ``UNFILTERABLE``: a JSON object that gives the reason for each name.
"""

import json
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any, cast

import pyarrow as pa

from ...errors import IndexCorrupt
from ..files import File

ROWS = ""
UNFILTERABLE = b"bicross.unfilterable"
TEXT_LISTS: pa.DataType = pa.list_(pa.large_utf8())
TYPE_NAMES: dict[pa.DataType, str] = {
    pa.bool_(): "booleans",
    pa.int64(): "integers",
    pa.float64(): "numbers",
    pa.large_utf8(): "texts",
    TEXT_LISTS: "lists of texts",
}
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1

# Metadata comes from anywhere: these bound what it can take of memory, of the segment and of an error message.
MAX_COLUMNS = 256
MAX_UNFILTERABLE = 1000  # names that are recorded
MAX_NAME = 1000  # characters; a field with a longer name is passed over
MAX_COLUMN_BYTES = 256 << 20
CHUNK_DOCUMENTS = 4096
CHUNK_CHARACTERS = 16 << 20

_TYPES: dict[type, pa.DataType] = {
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
    str: pa.large_utf8(),
    list: TEXT_LISTS,
}
_OBJECT: dict[str, object] = {}  # stands for every value that is nested
_NUMBERS = frozenset({int, float, bool})
_ITEMS = frozenset({str, type(None)})
_MIXED_LIST = ()  # stands for every list with items that are not texts
_NESTED: dict[type, str] = {dict: "objects", tuple: "lists of other items than texts"}


class MetadataColumns:
    """Collects the metadata of the documents of a segment while it is being written, in chunks of compact columns.

    The first ``MAX_COLUMNS`` fields that have a value become columns: booleans, int64, float64 (integers and floats
    mixed; an integer beyond 2**53 is rounded there), texts, and lists of texts, whose null items are not items. A field
    becomes unfilterable, with all its values, where they are of several types, nested, integers beyond int64, not valid
    Unicode, or take more than ``MAX_COLUMN_BYTES``.
    """

    def __init__(self) -> None:
        self._columns: dict[str, _Column] = {}
        self._refused: dict[str, str] = {}
        self._pending: list[dict[str, object]] = []
        self._characters = 0  # in the texts that are pending
        self._flushed = 0  # documents in the chunks

    def __len__(self) -> int:
        return self._flushed + len(self._pending)

    def append(self, metadata: Mapping[str, object]) -> None:
        """Add the next document's metadata, which may change afterwards: its values are copied."""
        plain_values: dict[str, object] = {}
        for name, value in metadata.items():
            if value is None:
                continue
            kind: type = type(value)
            if kind in _NUMBERS:
                plain_values[name] = value
                continue
            plain = _plain(value)
            if kind is str:
                self._characters += len(plain)
            elif kind is list:
                self._characters += sum(map(len, filter(None, cast("list[str]", plain))))
            plain_values[name] = plain
        self._pending.append(plain_values)
        if len(self._pending) >= CHUNK_DOCUMENTS or self._characters >= CHUNK_CHARACTERS:
            self._flush()

    def to_record_batch(self) -> pa.RecordBatch:
        """One row per appended document; the columns and the schema's metadata are described at the top."""
        self._flush()
        arrays: list[Any] = [pa.nulls(len(self))]
        fields: list[Any] = [pa.field(ROWS, pa.null())]
        unfilterable = dict(self._refused)
        for name, column in sorted(self._columns.items()):
            if column.reason is not None:
                unfilterable[name] = column.reason
            elif column.type is not None:
                fields.append(pa.field(name, column.type))
                arrays.append(column.array(len(self)))
        record = json.dumps(unfilterable, sort_keys=True)  # ASCII: a name may hold a lone surrogate
        schema = pa.schema(fields, metadata={UNFILTERABLE: record.encode()})
        return cast(Any, pa.RecordBatch).from_arrays(arrays, schema=schema)

    def _flush(self) -> None:
        # A dict and not a set: which fields come first must not change from run to run.
        for name in dict.fromkeys(chain.from_iterable(self._pending)):
            column = self._columns.get(name)
            if column is None:
                if len(name) > MAX_NAME:
                    continue
                if len(self._columns) >= MAX_COLUMNS:
                    if len(self._refused) < MAX_UNFILTERABLE - MAX_COLUMNS:
                        self._refused[name] = f"it is not among the first {MAX_COLUMNS} fields"
                    continue
                column = self._columns[name] = _Column(name)
            if column.reason is None:
                column.add(self._flushed, [metadata.get(name) for metadata in self._pending])
        self._flushed += len(self._pending)
        self._pending = []
        self._characters = 0


class _Column:
    """One field: its values so far, or the reason why there is no column of it."""

    def __init__(self, name: str) -> None:
        self.type: pa.DataType | None = None
        self.reason = _name_reason(name)
        self._chunks: list[tuple[int, Any]] = []  # the first row, and the array; rows in between have no value
        self._bytes = 0

    def add(self, first_row: int, values: list[Any]) -> None:
        """Append the values of the rows from ``first_row`` on; at least one of them is not None."""
        kinds = set(map(type, values)) - {type(None)}
        nested = next((kind for kind in _NESTED if kind in kinds), None)
        if nested is not None:
            self._refuse(f"it holds {_NESTED[nested]}")
            return
        types = {_TYPES[kind] for kind in kinds}
        all_types = types if self.type is None else types | {self.type}
        chunk_type, self.type = common_type(types), common_type(all_types)
        if chunk_type is None or self.type is None:
            self._refuse(several_types(all_types))
            return
        try:
            array = _array(values, chunk_type)
        except OverflowError:
            self._refuse("it holds an integer that does not fit into 64 bits")
        except UnicodeEncodeError:
            self._refuse("it holds a text that is not valid Unicode")
        else:
            self._chunks.append((first_row, array))
            self._bytes += array.nbytes
            if self._bytes > MAX_COLUMN_BYTES:
                self._refuse(f"its values take more than {MAX_COLUMN_BYTES >> 20} MiB in one segment")

    def array(self, rows: int) -> Any:  # noqa: ANN401 - Arrow's stubs leave it unknown
        """All values, with a null where there is none."""
        arrow: Any = pa
        parts: list[Any] = []
        end = 0
        for first_row, chunk in self._chunks:
            parts += [arrow.nulls(first_row - end, self.type), chunk.cast(self.type, safe=False)]
            end = first_row + len(chunk)
        return arrow.concat_arrays([*parts, arrow.nulls(rows - end, self.type)])

    def _refuse(self, reason: str) -> None:
        self.reason = reason
        self._chunks = []


def check_columns(columns: "pa.RecordBatch", source: File) -> None:
    """Raise ``IndexCorrupt`` where columns are not such as ``MetadataColumns`` makes."""
    schema = columns.schema
    types = zip(schema.names, schema.types, strict=True)
    has_known_types = all(type_ == pa.null() if name == ROWS else type_ in TYPE_NAMES for name, type_ in types)
    try:
        record: object = json.loads((schema.metadata or {})[UNFILTERABLE])
    except (KeyError, ValueError, RecursionError):
        record = None
    reasons = cast("dict[str, object]", record).values() if isinstance(record, dict) else [None]
    if (
        not has_known_types
        or len(set(schema.names)) < len(schema.names)
        or not all(isinstance(r, str) for r in reasons)
    ):
        raise IndexCorrupt(f"{source} has columns that bicross does not write")


def common_type(types: Iterable[pa.DataType]) -> pa.DataType | None:
    """The one type that holds the values of all of ``types``; None where there is no such type."""
    distinct = set(types)
    if len(distinct) == 1:
        return distinct.pop()
    return pa.float64() if distinct == {pa.int64(), pa.float64()} else None


def several_types(types: Iterable[pa.DataType]) -> str:
    """The reason why a field with values of these types is unfilterable."""
    names = sorted(TYPE_NAMES.get(type_, str(type_)) for type_ in set(types))
    return f"it holds values of several types ({', '.join(names)})"


def _name_reason(name: str) -> str | None:
    if name == ROWS:
        return "its name is empty"
    try:
        name.encode()
    except UnicodeEncodeError:
        return "its name is not valid Unicode"
    return None


def _plain(value: object) -> Any:  # noqa: ANN401 - what it is, only its type says
    """A value of exactly one of the types in ``_TYPES`` or ``_NESTED``, as JSON would have it."""
    if type(value) is str:
        return value
    match value:
        case list() | tuple():
            items = list(cast("list[object] | tuple[object, ...]", value))
            return items if _ITEMS.issuperset(map(type, items)) else _MIXED_LIST
        case int():
            return int(value)
        case float():
            return float(value)
        case str():
            return str.__str__(value)  # str() of an enumeration would be its name
        case _:
            return _OBJECT


def _array(values: list[Any], type_: pa.DataType) -> Any:  # noqa: ANN401 - Arrow's stubs leave it unknown
    if type_ == pa.float64():
        # Arrow refuses integers that a float cannot hold exactly, and takes some that int64 does not hold.
        if any(type(value) is int and not INT64_MIN <= value <= INT64_MAX for value in values):
            raise OverflowError
        values = [None if value is None else float(value) for value in values]
    return pa.array(values, type_)
