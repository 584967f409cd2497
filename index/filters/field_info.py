"""FieldInfo: what the live documents of an index have in each field."""

from collections.abc import Iterator, Mapping
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


def describe_fields(fields: IndexFields, documents: int) -> tuple[FieldInfo, ...]:
    """Describe the fields that live documents have, by name.

    Args:
        fields: The fields of an index.
        documents: How many documents live.
    """
    all_fields = (fields.field(name) for name in fields.names())
    return tuple(_describe(field, documents) for field in all_fields if field.counts)


def _describe(field: IndexField, documents: int) -> FieldInfo:
    extremes = list(_extremes(field))
    kinds = {str(kind): count for kind, count in field.counts.items()}
    return FieldInfo(
        field.name,
        kinds,
        documents - field.live_values,
        field.off(field.main_kinds) if field.main_kinds else 0,
        _shown(min(extremes, default=None)),
        _shown(max(extremes, default=None)),
        _values(field),
    )


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


def _values(field: IndexField) -> tuple[str, ...]:
    """The different texts of a field; none where they are too many or too long. It stops as soon as that is known."""
    kinds, values = field.main_kinds, set[str]()
    if kinds not in ((Kind.TEXTS,), (Kind.TEXT_LISTS,)):
        return ()
    [kind] = kinds
    for part in field.parts:
        column, live = part.column(kind, ARROW_TYPES[kind]), part.rows_of_live
        for start in range(0, part.rows, ROWS_AT_ONCE):
            rows = column.slice(start, ROWS_AT_ONCE).filter(live.slice(start, ROWS_AT_ONCE)).drop_null()
            texts = _ARROW.list_flatten(rows) if kind is Kind.TEXT_LISTS else rows
            unique = _ARROW.unique(texts).drop_null()
            values.update(unique.slice(0, MAX_VALUES + 1).to_pylist())
            if len(values) > MAX_VALUES or any(len(value) > MAX_TEXT for value in values):
                return ()
    return tuple(sorted(values))


def _shown(value: Any) -> Any:  # noqa: ANN401 - a text, a number or None
    return value if not isinstance(value, str) or len(value) <= MAX_TEXT else f"{value[:MAX_TEXT]}..."
