"""FieldColumns: the values of one field of a segment's documents, a column for each kind of value.

A field may hold values of several kinds: an integer in one document and a text in another. A condition looks at the
columns of the kinds that it can compare, and the other values are unknown to it.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from .arrow_arrays import arrow_rows, arrow_scalar, arrow_values, mask_of

MAX_COLUMN_BYTES = 256 << 20
"""The most bytes of the values of a field in one segment that a filter looks at."""
MAX_PARTS = 64
"""The most parts, separated by dots, of a name that is looked up in nested objects."""
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
_ARROW: Any = pc  # the stubs know no kernel that takes an array of any type


class Kind(StrEnum):
    """What a value is, in words for messages."""

    BOOLEANS = "booleans"
    INTEGERS = "integers"
    NUMBERS = "numbers"
    TEXTS = "texts"
    TEXT_LISTS = "lists of texts"
    INTEGER_LISTS = "lists of integers"
    NUMBER_LISTS = "lists of numbers"
    OBJECTS = "objects"
    OTHER_LISTS = "lists of other items"
    LARGE = "integers beyond 64 bits"
    NO_UNICODE = "texts that are not valid Unicode"
    TOO_MUCH = f"more than {MAX_COLUMN_BYTES >> 20} MiB of values in one segment"


LISTS = (Kind.TEXT_LISTS, Kind.INTEGER_LISTS, Kind.NUMBER_LISTS)
COMPARABLE = (Kind.BOOLEANS, Kind.INTEGERS, Kind.NUMBERS, Kind.TEXTS, *LISTS)
ARROW_TYPES: Mapping[Kind, pa.DataType] = {
    Kind.BOOLEANS: pa.bool_(),
    Kind.INTEGERS: pa.int64(),
    Kind.NUMBERS: pa.float64(),
    Kind.TEXTS: pa.large_utf8(),
    Kind.TEXT_LISTS: pa.list_(pa.large_utf8()),
    Kind.INTEGER_LISTS: pa.list_(pa.int64()),
    Kind.NUMBER_LISTS: pa.list_(pa.float64()),
}


@dataclass(frozen=True, eq=False)
class FieldColumns:
    """The values of a field, row by row.

    Attributes:
        rows: How many rows there are.
        columns: An Arrow array of that many rows for each kind that occurs, null where the row has no such value. Of
            kinds that are not comparable, the array says only where there is one.
    """

    rows: int
    columns: Mapping[Kind, Any]

    def present(self) -> NDArray[np.bool_]:
        """For each row whether it has a value of whatever kind: bool of shape (rows,)."""
        present = np.zeros(self.rows, np.bool_)
        for column in self.columns.values():
            present |= mask_of(column.is_valid())
        return present


def columns_of_array(column: Any) -> FieldColumns:  # noqa: ANN401 - any Arrow array
    """Return a stored column as the only one of its field. NaN and infinities, which JSON does not have, are null."""
    if column.type == pa.float64():
        column = _ARROW.if_else(_ARROW.is_finite(column), column, arrow_scalar(None, pa.float64()))
    kind = next(kind for kind, type_ in ARROW_TYPES.items() if type_ == column.type)
    return FieldColumns(len(column), {kind: column} if column.null_count < len(column) else {})


def columns_of_values(numbered: Iterable[tuple[int, object]], rows: int, *, keep: bool = True) -> FieldColumns:
    """Sort the values of a field by kind.

    Args:
        numbered: The rows that may have a value, with it; None is no value.
        rows: How many rows there are.
        keep: False only notes where there is a value.
    """
    by_kind: dict[Kind, tuple[list[int], list[object]]] = {}
    size = 0
    for row, value in numbered:
        for kind, plain in _sorted(value):
            rows_of_kind, values = by_kind.setdefault(kind, ([], []))
            rows_of_kind.append(row)
            values.append(plain)
            size += 8 + (len(cast("Sequence[object]", plain)) if isinstance(plain, str | list) else 0)
            if size > MAX_COLUMN_BYTES:
                keep = False
        if not keep:
            by_kind = {Kind.TOO_MUCH: _merged(by_kind)} if by_kind else by_kind
    return FieldColumns(rows, {kind: _scattered(*by_kind[kind], kind, rows) for kind in Kind if kind in by_kind})


def member(metadata: Mapping[str, object], name: str) -> object:
    """Return the value of a field; None where there is none.

    ``author.name`` is the key of that name, or else the member ``name`` of the object ``author``. Of a list of objects
    it is the list of their members.
    """
    value = metadata.get(name)
    if value is not None:
        return value
    parts = name.split(".")
    return _inside(metadata, parts) if 1 < len(parts) <= MAX_PARTS else None


def first_keys(name: str) -> list[str]:
    """The keys of metadata under which the value of a field can stand."""
    parts = name.split(".")
    if len(parts) > MAX_PARTS:
        return [name]
    return [".".join(parts[:count]) for count in range(len(parts), 0, -1)]


def _inside(value: object, parts: Sequence[str]) -> object:
    if not parts:
        return value
    if isinstance(value, list):
        items = cast("list[object]", value)
        members_of_items = [_inside(cast("object", item), parts) for item in items if isinstance(item, dict)]
        joined: list[object] = []
        for item in members_of_items:
            joined += cast("list[object]", item) if isinstance(item, list) else [item]
        return joined if any(item is not None for item in members_of_items) else None
    if not isinstance(value, dict):
        return None
    members = cast("dict[str, object]", value)
    for count in range(len(parts), 0, -1):
        key = ".".join(parts[:count])
        if members.get(key) is not None:
            member_value = _inside(members[key], parts[count:])
            if member_value is not None:
                return member_value
    return None


def _sorted(value: object) -> Iterable[tuple[Kind, object]]:
    """A value with its kind; the items of a list are sorted in the same way."""
    match value:
        case None:
            return ()
        case bool():
            return ((Kind.BOOLEANS, value),)
        case int():
            return ((Kind.INTEGERS, value) if INT64_MIN <= value <= INT64_MAX else (Kind.LARGE, True),)
        case float():
            return ((Kind.NUMBERS, value),) if math.isfinite(value) else ()
        case str():
            return ((Kind.TEXTS, value) if _is_unicode(value) else (Kind.NO_UNICODE, True),)
        case list():
            return _sorted_list(cast("list[object]", value))
        case _:
            return ((Kind.OBJECTS, True),)


def _sorted_list(items: list[object]) -> Iterable[tuple[Kind, object]]:
    lists: dict[Kind, list[object]] = {}
    for item in items:
        for kind, value in _sorted(item) if not isinstance(item, list | dict) else ():
            lists.setdefault(kind, []).append(value)
    by_kind = [(kind, lists[of]) for of, kind in _LIST_OF.items() if of in lists]
    if by_kind or not any(item is not None for item in items):
        return by_kind or ((Kind.TEXT_LISTS, []),)
    return ((Kind.OTHER_LISTS, True),)


_LIST_OF = {
    Kind.TEXTS: Kind.TEXT_LISTS,
    Kind.INTEGERS: Kind.INTEGER_LISTS,
    Kind.NUMBERS: Kind.NUMBER_LISTS,
}


def _is_unicode(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _merged(by_kind: Mapping[Kind, tuple[list[int], list[object]]]) -> tuple[list[int], list[object]]:
    filled = sorted({row for rows, _ in by_kind.values() for row in rows})
    return filled, [True] * len(filled)


def _scattered(filled: list[int], values: list[object], kind: Kind, rows: int) -> Any:  # noqa: ANN401 - an Arrow array
    index = np.full(rows, -1)
    index[filled] = np.arange(len(filled))
    return arrow_values(values, ARROW_TYPES.get(kind, pa.bool_())).take(arrow_rows(index, valid=index >= 0))
