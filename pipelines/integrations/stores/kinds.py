"""Which kinds of values the fields of a store hold, and whether a condition can compare them."""

from collections.abc import Callable, Sequence
from enum import StrEnum

from ....errors import ArgumentError
from ....index.filters import (
    And,
    Comparison,
    Condition,
    Contains,
    Field,
    Flag,
    IsNull,
    Not,
    OneOf,
    Or,
    StartsWith,
    Value,
    date_span,
)


class Kind(StrEnum):
    """A kind of values."""

    TEXTS = "texts"
    NUMBERS = "numbers"
    BOOLEANS = "booleans"
    DATES = "dates"
    TEXT_LISTS = "lists of texts"
    NUMBER_LISTS = "lists of numbers"
    OBJECTS = "objects"
    OTHER = "values of another type"


Kinds = Sequence[Kind]
"""The kinds that a field may hold; a store that has one type for a value and a list of them names both."""


_LISTS = (Kind.TEXT_LISTS, Kind.NUMBER_LISTS)
_EQUALITIES = ("==", "!=")


def field_holding(kinds: Kinds, name: str) -> str:
    """Describe what a field holds, for messages."""
    return f"the field {name!r:.200} holds {' or '.join(kinds)}"


def require_comparable(condition: Condition, kinds_of: Callable[[Field], Kinds]) -> None:
    """Check that each comparison in a condition is of values that can be compared.

    Args:
        condition: The condition.
        kinds_of: Returns the kinds of a field, and raises ``ArgumentError`` where there is no such field.

    Raises:
        ArgumentError: One cannot be, by the rules of ``where`` on an index.
    """
    match condition:
        case And(parts) | Or(parts):
            for part in parts:
                require_comparable(part, kinds_of)
        case Not(part):
            require_comparable(part, kinds_of)
        case IsNull():
            pass
        case _:
            _require_test(condition, kinds_of)


def _require_test(test: Comparison | OneOf | Contains | StartsWith | Flag, kinds_of: Callable[[Field], Kinds]) -> None:
    kinds = kinds_of(test.field)
    match test:
        case Comparison(field, symbol, Field() as other):
            _require_both(field, symbol, other, kinds_of)
        case Comparison(field, symbol, value):
            _require(field, kinds, symbol, value)
        case OneOf(field, values):
            for value in values:
                _require(field, kinds, "==", value)
        case Contains(field, item):
            _require_in(field, kinds, item)
        case StartsWith(field, prefix):
            _require(field, kinds, "startswith", prefix)
        case Flag(field):
            if Kind.BOOLEANS not in kinds:
                held = field_holding(kinds, field.name)
                raise ArgumentError(f"{held} and is not a condition on its own: compare it with a value")


def _require(field: Field, kinds: Kinds, symbol: str, value: "Value | Field") -> None:
    match value:
        case bool():
            fits = Kind.BOOLEANS in kinds and symbol in _EQUALITIES
        case str():
            fits = Kind.TEXTS in kinds or (Kind.DATES in kinds and symbol != "startswith")
            if fits and Kind.TEXTS not in kinds and date_span(value) is None:
                raise ArgumentError(
                    f"{field_holding(kinds, field.name)} and cannot be compared ({symbol}) with {value!r:.200}, which "
                    "is not a date: write dates like 2024, 2024-05, 2024-05-17 or 2024-05-17T15:30"
                )
        case _:
            fits = Kind.NUMBERS in kinds
    if not fits:
        is_listed = symbol in _EQUALITIES and any(kind in kinds for kind in _LISTS)
        hint = f"; write {value!r:.80} in {field.name:.200}" if is_listed else ""
        raise ArgumentError(
            f"{field_holding(kinds, field.name)} and cannot be compared ({symbol}) with {value!r:.80}{hint}"
        )


def _require_in(field: Field, kinds: Kinds, item: object) -> None:
    if not any(kind in kinds for kind in _LISTS):
        raise ArgumentError(
            f"{field_holding(kinds, field.name)}; {item!r:.80} can only be in a field of lists. Compare with =="
        )
    expected = Kind.TEXT_LISTS if isinstance(item, str) else Kind.NUMBER_LISTS
    if isinstance(item, bool) or expected not in kinds:
        raise ArgumentError(f"{field_holding(kinds, field.name)}, and {item!r:.80} cannot be in one")


def _require_both(field: Field, symbol: str, other: Field, kinds_of: Callable[[Field], Kinds]) -> None:
    left, right = kinds_of(field), kinds_of(other)
    comparable = (Kind.TEXTS, Kind.NUMBERS, Kind.DATES, *((Kind.BOOLEANS,) if symbol in _EQUALITIES else ()))
    if not any(kind in left and kind in right for kind in comparable):
        raise ArgumentError(
            f"{field_holding(left, field.name)} and cannot be compared ({symbol}) with {other.name!r:.200}, which "
            f"holds {' or '.join(right)}"
        )
