"""Computes the decoded size of a Parquet file from its page headers, without decoding it.

The footer's sizes are for information: nothing breaks where they are wrong. A page header's sizes are what the decoder
allocates and checks, so they hold. PyArrow does not show them. They are structs in Thrift's compact protocol.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Protocol, cast

import pyarrow.parquet as pq

_DATA, _DICTIONARY, _DATA_V2 = 0, 2, 3  # the types of pages, which are the fields of their headers as well, from 5
# Encodings for which the decoder makes all the lengths of a page at once. Delta strings share their beginnings.
_DELTA_LENGTHS, _DELTA_STRINGS = 6, 7


class Bytes(Protocol):
    """A memory map, or bytes."""

    def __getitem__(self, index: int, /) -> int: ...
    def __len__(self) -> int: ...


class RowGroupSize:
    """An upper limit for the bytes that some neighbouring rows of a row group decode to."""

    def __init__(self) -> None:
        self._columns: list[_Column] = []
        self._lists = 0

    def of(self, rows: int) -> int:
        """The limit for that many rows, whichever of the row group they are."""
        return self._lists + sum(column.of(rows) for column in self._columns)

    def add_column(self, pages: Iterable["_Page"]) -> None:
        """Count a column of single values."""
        column = _Column()
        for page in pages:
            column.add(page)
        self._columns.append(column)

    def add_lists(self, pages: Iterable["_Page"], width: int) -> None:
        """Count a column of lists. One list may be the whole row group's, so that fewer rows may be no less."""
        # Repetitions of one value take no room in the file. Strings are read as references to a dictionary.
        self._lists += sum(page.bytes + (8 + width) * page.values for page in pages)


def measure_row_group(
    data: Bytes, file: pq.ParquetFile, number: int, names: Collection[str] | None = None
) -> RowGroupSize:
    """Compute what decoding a row group may take.

    Args:
        data: The file.
        file: The same, opened by PyArrow.
        number: That of the row group.
        names: The columns that are to be decoded; None: all.

    Raises:
        ValueError: Its pages are damaged.
        IndexError: Likewise.
    """
    size = RowGroupSize()
    group = file.metadata.row_group(number)
    for index in range(group.num_columns):
        column = file.schema.column(index)
        if names is not None and not _is_among(column.path, names):
            continue
        pages = _pages(data, group.column(index))
        if column.max_repetition_level:
            size.add_lists(pages, max(0, column.length or 0))
        else:
            size.add_column(pages)
    return size


def _is_among(path: str, names: Collection[str]) -> bool:
    """Whether a path, whose parts dots separate, begins with a name, which may have dots as well."""
    return any(prefix in names for prefix in accumulate(path.split("."), "{}.{}".format))


def list_columns(file: pq.ParquetFile) -> list[str]:
    """The paths of the columns that hold lists of strings."""
    columns = (file.schema.column(index) for index in range(len(file.schema)))
    return [c.path for c in columns if c.max_repetition_level and c.physical_type == "BYTE_ARRAY"]


@dataclass(frozen=True, slots=True)
class _Page:
    bytes: int
    values: int = 0
    repeats: bool = False  # whether a byte of it may be in many values


class _Column:
    """No value is larger than the page that it is from. Unless its page repeats, no two have the same bytes of it."""

    def __init__(self) -> None:
        self._repeating = self._largest = self._pages = 0
        self._least = self._last = 2**31  # the values of a page, the last page aside

    def add(self, page: _Page) -> None:
        if page.repeats:
            self._repeating = max(self._repeating, page.bytes)
        elif page.values:
            self._largest = max(self._largest, page.bytes)
            self._pages += 1
            self._least, self._last = min(self._least, self._last), page.values

    def of(self, rows: int) -> int:
        touched = min(rows, self._pages, 2 + rows // self._least)
        return rows * self._repeating + touched * self._largest


def _pages(data: Bytes, chunk: pq.ColumnChunkMetaData) -> Iterator[_Page]:
    """The pages that the decoder will read: those from the chunk's start until it has the chunk's number of values."""
    position, dictionary = chunk.data_page_offset, chunk.dictionary_page_offset
    if dictionary is not None and 0 < dictionary < position:
        position = dictionary
    values_read, end = 0, position + chunk.total_compressed_size
    while values_read < chunk.num_values and position < end:
        thrift = _Compact(data, position)
        header = thrift.struct()
        kind, decoded, stored = (_number(header, field) for field in (1, 2, 3))
        position = thrift.position + stored
        if kind == _DICTIONARY:
            yield _Page(decoded, repeats=True)
        elif kind in (_DATA, _DATA_V2):
            inner = header.get(kind + 5)
            if not isinstance(inner, dict):
                raise ValueError("a page header is damaged")
            fields = cast("dict[int, object]", inner)
            values = _number(fields, 1)
            values_read += values
            encoding = _number(fields, 2 if kind == _DATA else 4)
            lengths = 4 * values if encoding in (_DELTA_LENGTHS, _DELTA_STRINGS) else 0
            yield _Page(decoded + lengths, values, encoding == _DELTA_STRINGS)


def _number(fields: dict[int, object], key: int) -> int:
    value = fields.get(key)
    if not isinstance(value, int) or value < 0:
        raise ValueError("a page header is damaged")
    return value


class _Compact:
    """Reads structs in Thrift's compact protocol. Strings are passed over; lists, which no page header has, refused."""

    def __init__(self, data: Bytes, position: int) -> None:
        self.position = position
        self._data = data
        if position < 0:
            raise ValueError("a page starts before the file")

    def struct(self, depth: int = 0) -> dict[int, object]:
        if depth > 8:
            raise ValueError("a page header is nested too deeply")
        fields: dict[int, object] = {}
        number = 0
        while byte := self._byte():
            step, kind = byte >> 4, byte & 15
            number = number + step if step else self._integer()
            fields[number] = self.struct(depth + 1) if kind == 12 else self._value(kind)
        return fields

    def _value(self, kind: int) -> object:
        match kind:
            case 1 | 2:  # the type itself says true or false
                return kind == 1
            case 3:
                return self._byte()
            case 4 | 5 | 6:
                return self._integer()
            case 7:
                self.position += 8
                return None
            case 8:
                length = self._unsigned()  # moves the position as well
                self.position += length
                return None
            case _:
                raise ValueError("a page header is damaged")

    def _byte(self) -> int:
        byte = self._data[self.position]
        self.position += 1
        return byte

    def _unsigned(self) -> int:
        """Seven bits a byte, the lowest first; the eighth says that more follow."""
        value = 0
        for shift in range(0, 70, 7):
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
        raise ValueError("a page header is damaged")

    def _integer(self) -> int:
        """Zigzag: 0, -1, 1, -2 and so on."""
        value = self._unsigned()
        return (value >> 1) ^ -(value & 1)
