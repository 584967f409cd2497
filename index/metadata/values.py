"""The one rule for the values of metadata, wherever they come from.

- Text, booleans, integers, floats, None, lists and mappings are kept. Tuples and other sequences become lists, sets
  sorted lists, mappings dicts.
- NaN, infinities, and the missing values of pandas (NaT, NA) become None, because JSON has no such numbers.
- Dates, times and datetimes become text in ISO 8601. Durations become seconds.
- Decimals become numbers: integers where they have no decimal places, floats otherwise.
- UUIDs and paths become text, members of an Enum their value.
- Scalars and arrays of numpy, pandas, polars and Arrow become the Python values that they stand for.
- Everything else is an error, and so are keys that are not text, text that is not Unicode, integers that are larger
  than any float, and values that are nested more than ``MAX_DEPTH`` deep.
"""

import math
from collections.abc import Callable, Mapping, Sequence, Set
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any, cast
from uuid import UUID

import numpy as np
import pyarrow as pa

from ...errors import DocumentError
from ...errors.arguments import lone_surrogate
from .stored_json import on_a_fresh_stack, to_json

MAX_DEPTH = 64
"""How deep lists and objects may be nested in a field."""
MAX_INTEGER_BITS = 1024
"""Integers with more bits are larger than any float."""
_PLAIN = frozenset({bool, type(None)})


def plain_metadata(metadata: object, document_id: str) -> dict[str, object]:
    """Return a copy of metadata that holds only what JSON has.

    Args:
        metadata: A mapping of field names to values.
        document_id: The id of the document, for messages.

    Raises:
        DocumentError: A name or a value cannot be kept; the message names the document, the field and the remedy.
    """
    try:
        return on_a_fresh_stack(_object, metadata, "", 0)
    except DocumentError as error:
        raise DocumentError(f"document {document_id!r:.200}: {error.reason}") from None
    except RecursionError:
        raise DocumentError(f"document {document_id!r:.200}: its metadata are nested too deeply") from None


def _object(value: object, field: str, depth: int) -> dict[str, object]:
    if not isinstance(value, Mapping):
        raise DocumentError(
            f"metadata must be a mapping of field names to values, not {_described(value)}; leave it out where there "
            "is none"
        )
    pairs = cast("Mapping[object, object]", value)
    return {(name := _name(key, field)): _value(pairs[key], _inside(field, name), depth) for key in pairs}


def _value(value: object, field: str, depth: int) -> object:
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is str:
        return _text(cast("str", value), field)
    if kind is int or kind is float:
        return _number(cast("int | float", value), field)
    for types, convert in _CONVERTERS:
        if isinstance(value, types):
            return convert(value, field, depth)
    return _foreign(value, field, depth)


def _text(value: str, field: str) -> str:
    text = str.__str__(value)  # str() of an enumeration would be its name
    if not text.isascii():
        _check_unicode(text, f"the metadata field {field!r:.200}")
    return text


def _number(value: int | float, field: str) -> int | float | None:
    if isinstance(value, int):
        if value.bit_length() > MAX_INTEGER_BITS:
            raise DocumentError(
                f"the metadata field {field!r:.200} holds an integer of {value.bit_length()} bits; integers have at "
                f"most {MAX_INTEGER_BITS}, so store it as text"
            )
        return int(value)
    return float(value) if math.isfinite(value) else None


def _list(value: Any, field: str, depth: int) -> list[object]:  # noqa: ANN401 - any sequence
    _check_depth(field, depth)
    return [_value(item, field, depth + 1) for item in value]


def _set(value: Any, field: str, depth: int) -> list[object]:  # noqa: ANN401 - any set
    items = _list(value, field, depth)
    try:
        return sorted(cast("list[Any]", items))
    except TypeError:
        return sorted(items, key=to_json)


def _iso(value: date | time, field: str, depth: int) -> str | None:
    # NaT of pandas is a datetime that does not equal itself.
    return value.isoformat() if value == value else None


def _seconds(value: timedelta, field: str, depth: int) -> float | None:
    return value.total_seconds() if value == value else None


def _decimal(value: Decimal, field: str, depth: int) -> int | float | None:
    if not value.is_finite():
        return None
    exponent = value.as_tuple().exponent
    is_whole = isinstance(exponent, int) and exponent >= 0 and value.adjusted() < MAX_INTEGER_BITS
    return _number(int(value) if is_whole else float(value), field)


def _numpy_scalar(value: Any, field: str, depth: int) -> object:  # noqa: ANN401 - any numpy scalar
    match str(value.dtype.kind):
        case "M" | "m" if np.isnat(value):
            return None
        case "M":
            return _numpy_date(value)
        case "m":
            return float(value / np.timedelta64(1, "s"))
        case "f":
            return _number(float(value), field)
        case "b" | "i" | "u":
            return _value(value.item(), field, depth)
        case "U":
            return _text(value, field)
        case _:
            raise _refusal(value, field)


def _numpy_date(value: Any) -> str:  # noqa: ANN401 - numpy's stubs leave units unknown
    """The text that Python has for the same date, and numpy's own for what Python's types do not hold."""
    is_date = np.datetime_data(value.dtype)[0] in ("Y", "M", "W", "D")
    rounded = value.astype("datetime64[D]" if is_date else "datetime64[us]")
    item = rounded.item()
    return item.isoformat() if rounded == value and isinstance(item, date) else str(value)


def _numpy_array(value: Any, field: str, depth: int) -> object:  # noqa: ANN401 - any array
    if value.ndim == 0:
        item = value.tolist() if isinstance(value, np.ma.MaskedArray) else value[()]
        return _value(item, field, depth)
    if value.dtype.kind in "mM":
        return _list(value, field, depth)  # tolist() would make integers of nanoseconds
    return _value(value.tolist(), field, depth)


_CONVERTERS: tuple[tuple[Any, Callable[[Any, str, int], object]], ...] = (
    (Enum, lambda value, where, depth: _value(value.value, where, depth)),
    (np.ndarray, _numpy_array),
    (np.generic, lambda value, where, depth: _numpy_scalar(value, where, depth)),
    (str, lambda value, where, depth: _text(value, where)),
    ((int, float), lambda value, where, depth: _number(value, where)),
    (Mapping, lambda value, where, depth: _nested(value, where, depth)),
    ((bytes, bytearray, memoryview), lambda value, where, depth: _refuse_bytes(value, where)),
    (Set, _set),
    (Sequence, _list),
    ((date, time), _iso),
    (timedelta, _seconds),
    (Decimal, _decimal),
    ((UUID, PurePath), lambda value, where, depth: _text(str(value), where)),
    (pa.Scalar, lambda value, where, depth: _value(value.as_py(), where, depth)),
)
"""Types that are not plain, in the order in which they are tried: many of them are subclasses of a later one."""


def _nested(value: object, field: str, depth: int) -> dict[str, object]:
    _check_depth(field, depth)
    return _object(value, field, depth + 1)


def _foreign(value: object, field: str, depth: int) -> object:
    """A column, a scalar or a missing value of pandas, polars or Arrow, told by its methods: none is imported here."""
    if type(value).__name__ == "NAType":
        return None
    for method in ("to_pylist", "tolist", "to_list"):
        make_list = getattr(value, method, None)
        if callable(make_list) and not isinstance(value, type):
            items = make_list()  # of an array without dimensions it is the item
            return _list(items, field, depth) if isinstance(items, list) else _value(items, field, depth)
    raise _refusal(value, field)


def _name(key: object, field: str) -> str:
    owner = f"the metadata field {field!r:.200}" if field else "metadata"
    if not isinstance(key, str):
        raise DocumentError(
            f"{owner} has the key {key!r:.80}, which is {_article(key)} and not text; write it as {str(key)!r:.80}"
        )
    text = str.__str__(key)
    if not text.isascii():
        _check_unicode(text, f"the key {text!r:.80} of {owner}")
    return text


def _check_unicode(text: str, owner: str) -> None:
    if surrogate := lone_surrogate(text):
        code, position = surrogate
        raise DocumentError(
            f"{owner} has a lone surrogate {code} at character {position}; replace it by a valid character"
        )


def _refuse_bytes(value: object, field: str) -> object:
    raise DocumentError(
        f"the metadata field {field!r:.200} holds {_described(value)}; decode it to text, or leave the field out"
    )


def _refusal(value: object, field: str) -> DocumentError:
    return DocumentError(
        f"the metadata field {field!r:.200} holds {_described(value)}, which JSON does not have; convert it to text, "
        "a number, a list or a dict, or leave the field out"
    )


def _described(value: object) -> str:
    try:
        shown = " ".join(repr(value).split())
    except Exception:  # noqa: BLE001 - the repr of a foreign object may do anything
        return f"a {type(value).__name__}"
    return f"{shown:.80} ({type(value).__name__})"


def _article(value: object) -> str:
    name = type(value).__name__
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"


def _check_depth(field: str, depth: int) -> None:
    if depth >= MAX_DEPTH:
        name = field.split(".", 1)[0]
        raise DocumentError(
            f"the metadata field {name!r:.200} is nested more than {MAX_DEPTH} deep; store it flatter, or as text"
        )


def _inside(field: str, name: str) -> str:
    return f"{field}.{name}" if field else name
