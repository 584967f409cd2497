"""FieldInfo: what the live documents of an index have in each field."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc

from ..metadata import ARROW_TYPES, Kind
from .fields import NUMBERS, IndexField, IndexFields

MAX_TEXT = 80
MAX_VALUES = 24
ROWS_AT_ONCE = 50_000
_ARROW: Any = pc  # the stubs know no kernel that takes an array of any type


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """One field of the metadata.

    Attributes:
        name: Its name.
        kinds: How many documents have a value of each kind: ``{"integers": 299, "texts": 1}``.
        missing: How many documents have no value.
        off: How many have a value that is not of the kind of most.
        minimum: The least value of that kind, where it has an order; long texts are cut.
        maximum: The greatest.
        values: Its texts, or those in its lists of texts, sorted, where they are of that kind, few and short.
    """

    name: str
    kinds: Mapping[str, int]
    missing: int
    off: int
    minimum: str | int | float | None
    maximum: str | int | float | None
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FieldEnds:
    """What some segments have of a field beside the numbers of its values.

    Attributes:
        minimum: The least value of the kind of most; None where it has none, or no order.
        maximum: The greatest.
        values: Its different texts, or those in its lists of texts; None where they are too many or too long.
    """

    minimum: Any
    maximum: Any
    values: frozenset[str] | None


def describe_fields(fields: IndexFields, documents: int) -> tuple[FieldInfo, ...]:
    """Describe the fields that live documents have, by name.

    Args:
        fields: The fields of an index.
        documents: How many documents live.
    """
    all_fields = (fields.field(name) for name in fields.names())
    return tuple(describe_field(field, documents, [ends_of(field)]) for field in all_fields if field.counts)


def ends_of(field: IndexField) -> FieldEnds:
    """Return what the segments of a field have of it."""
    extremes = list(_extremes(field))
    return FieldEnds(min(extremes, default=None), max(extremes, default=None), _values(field))


def describe_field(field: IndexField, documents: int, ends: Sequence[FieldEnds]) -> FieldInfo:
    """Describe a field.

    Args:
        field: The field in all segments.
        documents: How many documents live.
        ends: What the segments have of it, those of a part of them together.
    """
    kinds = {str(kind): count for kind, count in field.counts.items()}
    return FieldInfo(
        field.name,
        kinds,
        documents - field.live_values,
        field.off(field.main_kinds) if field.main_kinds else 0,
        _shown(min((end.minimum for end in ends if end.minimum is not None), default=None)),
        _shown(max((end.maximum for end in ends if end.maximum is not None), default=None)),
        _few([end.values for end in ends]),
    )


def _few(values: Sequence[frozenset[str] | None]) -> tuple[str, ...]:
    """The different texts of all parts, sorted; none where they are too many."""
    union = set[str]()
    for of_part in values:
        if of_part is None:
            return ()
        union |= of_part
    return tuple(sorted(union)) if len(union) <= MAX_VALUES else ()


def _extremes(field: IndexField) -> Iterator[Any]:
    """The least and the greatest value of each segment."""
    kinds = field.main_kinds
    if kinds not in (NUMBERS, (Kind.TEXTS,)):
        return
    for number, part in enumerate(field.parts):
        column = field.numbers(number) if kinds == NUMBERS else part.column(Kind.TEXTS, ARROW_TYPES[Kind.TEXTS])
        ends = _ARROW.min_max(column.filter(part.rows_of_live)).as_py()
        if ends["min"] is not None:
            yield from (ends["min"], ends["max"])


def _values(field: IndexField) -> frozenset[str] | None:
    """The different texts of a field; None where they are too many or too long. It stops as soon as that is known."""
    kinds, values = field.main_kinds, set[str]()
    if kinds not in ((Kind.TEXTS,), (Kind.TEXT_LISTS,)):
        return frozenset()
    [kind] = kinds
    for part in field.parts:
        column, live = part.column(kind, ARROW_TYPES[kind]), part.rows_of_live
        for start in range(0, part.rows, ROWS_AT_ONCE):
            rows = column.slice(start, ROWS_AT_ONCE).filter(live.slice(start, ROWS_AT_ONCE)).drop_null()
            texts = _ARROW.list_flatten(rows) if kind is Kind.TEXT_LISTS else rows
            unique = _ARROW.unique(texts).drop_null()
            values.update(unique.slice(0, MAX_VALUES + 1).to_pylist())
            if len(values) > MAX_VALUES or any(len(value) > MAX_TEXT for value in values):
                return None
    return frozenset(values)


def _shown(value: Any) -> Any:  # noqa: ANN401 - a text, a number or None
    return value if not isinstance(value, str) or len(value) <= MAX_TEXT else f"{value[:MAX_TEXT]}..."
