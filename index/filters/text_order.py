"""Whether texts may be compared letter by letter: not where they are numbers or dates in notations of their own."""

from functools import cached_property
from typing import Any

import pyarrow as pa

from ...errors import ArgumentError
from ..metadata import Kind, arrow_values
from .dates import Dates, read_dates
from .fields import IndexField
from .notations import begins_with_day_or_month, looks_like_a_local_date, looks_like_a_number


class TextLiteral:
    """A text that a person wrote in a filter."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._array: Any = arrow_values([text], pa.large_utf8())

    @cached_property
    def dates(self) -> Dates:
        """The text as a date."""
        return read_dates(self._array)

    @property
    def is_date(self) -> bool:
        """Whether it is a date; four digits are a year."""
        return bool(self.dates.valid[0])

    @cached_property
    def is_number(self) -> bool:
        """Whether it looks like a number, and not like a year."""
        return bool(looks_like_a_number(self._array)[0])

    @cached_property
    def is_local_date(self) -> bool:
        """Whether it looks like a date that is not written as in ISO 8601."""
        return not self.is_date and bool(looks_like_a_local_date(self._array)[0])

    @property
    def begins_with_day_or_month(self) -> bool:
        """Whether it looks like a date whose day or month comes first."""
        return bool(begins_with_day_or_month(self._array)[0])


def by_date(field: IndexField, symbol: str, literal: TextLiteral) -> bool:
    """Whether an order comparison of a field's texts with a text is one of dates.

    Raises:
        ArgumentError: Texts that look like numbers, or dates and a text that is not one, would be ordered by letter.
    """
    if _has_dates_for(field, literal):
        return True
    is_amount = literal.is_date or literal.is_number
    if is_amount and field.live_numbers_in_texts:
        raise alphabetical(field, symbol, repr(literal.text))
    if literal.is_number and field.live_years:
        raise alphabetical(field, symbol, repr(literal.text))
    if is_amount and field.live_local_dates:
        raise not_iso(field, symbol, repr(literal.text))
    if literal.begins_with_day_or_month:
        raise _local(field, symbol, literal, ", by the day or month first")
    if field.live_dates and not literal.is_date and not field.not_dates:
        raise ArgumentError(
            f"the field {field.name!r:.200} holds dates and cannot be compared ({symbol}) with {literal.text!r:.200}, "
            "which is not a date: write dates like 2024, 2024-05, 2024-05-17 or 2024-05-17T15:30"
        )
    if literal.is_local_date:
        raise _local(field, symbol, literal)
    if is_amount and field.live_amounts:
        raise alphabetical(field, symbol, repr(literal.text))
    return False


def equal_by_date(field: IndexField, literal: TextLiteral) -> bool:
    """Whether equal dates are equal values; the ids of documents are equal letter by letter only."""
    return not field.is_id and _has_dates_for(field, literal)


def other_notation(field: IndexField, literal: TextLiteral) -> str:
    """Return why a field's texts that may mean the same as a text are not equal to it; "" where nothing shows that."""
    if field.is_id or not field.has(Kind.TEXTS):
        return ""
    if literal.is_date and field.live_local_dates:
        return f"{_dates_held(field)}. {_dates_remedy(field)}"
    if (
        literal.is_local_date
        and (field.live_dates or field.live_local_dates)
        and not field.facts.has_text(literal.text)
    ):
        return "" if field.live_local_dates else "it holds dates like 2024-05-17: write the date like that"
    if literal.is_number and field.live_numbers_in_texts and not field.facts.has_text(literal.text):
        return f"{_numbers_held(field)}. {_numbers_remedy(field)}"
    return ""


def hint_for_number(field: IndexField, symbol: str, number: int | float) -> str:
    """Return what to do where a field of texts cannot be compared with a number."""
    if not field.has(Kind.TEXTS):
        return ""
    if field.live_dates and 1000 <= number <= 9999 and number == int(number):
        return f": dates are written in quotes, as in {field.name:.200} {symbol} '{int(number)}'"
    if field.live_local_dates:
        return f": {_dates_held(field)}. {_dates_remedy(field)}, and write the date in quotes"
    if field.live_amounts or field.live_years:
        odd = field.facts.example("odd_texts")
        other = f", and others such as {odd!r}" if odd else ""
        return f": {_numbers_held(field)}{other}. {_numbers_remedy(field)}"
    return f", with texts such as {field.facts.example('texts')!r}"


def alphabetical(field: IndexField, symbol: str, other: str) -> ArgumentError:
    """The error that numbers in texts would be ordered by their letters."""
    return ArgumentError(
        f"the field {field.name!r:.200} {_numbers_held(field)}, and comparing them ({symbol}) with "
        f"{other:.200} would be alphabetical: '9' comes after '10'. {_numbers_remedy(field)}, and compare with a "
        "number that has no quotes"
    )


def not_iso(field: IndexField, symbol: str, other: str) -> ArgumentError:
    """The error that dates which are not in ISO 8601 would be ordered by their letters."""
    return ArgumentError(
        f"the field {field.name!r:.200} {_dates_held(field)}, and comparing them ({symbol})"
        f" with {other:.200} would be alphabetical. {_dates_remedy(field)}"
    )


def _local(field: IndexField, symbol: str, literal: TextLiteral, how: str = "") -> ArgumentError:
    return ArgumentError(
        f"comparing ({symbol}) the field {field.name!r:.200} with {literal.text!r:.200} would be alphabetical{how}. "
        f"{_dates_remedy(field)}, and write them like that"
    )


def _has_dates_for(field: IndexField, literal: TextLiteral) -> bool:
    """Whether a text is a date that the dates of a field are compared with; beside numbers, four digits are not."""
    if not literal.is_date or not field.live_dates:
        return False
    return literal.dates.precision[0] > 0 or not field.live_numbers_in_texts


def _dates_held(field: IndexField) -> str:
    return f"holds dates that are not written like 2024-05-17, such as {_local_date(field)!r}"


def _local_date(field: IndexField) -> str:
    return field.facts.example("local_dates")


def _numbers_held(field: IndexField) -> str:
    return f"holds texts that look like numbers, such as {_number(field)!r}"


def _number(field: IndexField) -> str:
    return field.facts.example("amounts") or field.facts.example("dates")


def _dates_remedy(field: IndexField) -> str:
    return f"Index dates as 2024-05-17 (for CSV: --types {field.name:.200}=day-first or =month-first)"


def _numbers_remedy(field: IndexField) -> str:
    if _number(field).rstrip(" )")[-1:] in ("%", "\u2030"):
        return "Index them as numbers, without the sign of percent"
    return f"Index them as numbers (for CSV: --types {field.name:.200}=float, or =decimal-comma for 1.234,50)"
