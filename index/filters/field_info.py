"""FieldInfo: what the live documents of an index have in each field."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc

from ..metadata import ARROW_TYPES, Kind
from .fields import NUMBERS, IndexField, IndexFields

MAX_TEXT = 80
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
    """

    name: str
    kinds: Mapping[str, int]
    missing: int
    off: int
    minimum: str | int | float | None
    maximum: str | int | float | None


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


def _shown(value: Any) -> Any:  # noqa: ANN401 - a text, a number or None
    return value if not isinstance(value, str) or len(value) <= MAX_TEXT else f"{value[:MAX_TEXT]}..."
