"""Numbers and dates as spreadsheets write them for people: decimal commas, grouped thousands, days before months."""

import re
import unicodedata
from datetime import datetime
from typing import Literal

SpreadsheetKind = Literal["decimal comma", "grouped", "comma", "day first", "month first", "day or month first"]
"""What one cell can be. "comma" is ``1,234``, which is 1234 or 1.234; ``03/04/2024`` is the third of April or March."""

_WHOLE = r"(?:0|[1-9][0-9]*)"
_COMMA = re.compile(r"-?[1-9][0-9]{0,2},[0-9]{3}")
_DECIMAL_COMMA = re.compile(rf"-?(?:[1-9][0-9]{{0,2}}(?:\.[0-9]{{3}})+|{_WHOLE}),[0-9]+")
_DOTTED = re.compile(r"-?[1-9][0-9]{0,2}(?:\.[0-9]{3})+")
_GROUPED = re.compile(r"-?[1-9][0-9]{0,2}(?:(?:,[0-9]{3})+\.[0-9]+|(?:,[0-9]{3}){2,})")
_DATE = re.compile(
    r"(?P<first>[0-9]{1,2})(?P<separator>[./-])(?P<second>[0-9]{1,2})(?P=separator)(?P<year>[0-9]{4})"
    r"(?P<time>[ T][0-9]{2}:[0-9]{2}(?::[0-9]{2})?)?"
)


def spreadsheet_kind(cell: str) -> SpreadsheetKind | None:
    """Return what a cell is; None for a text, and for what is a number or a date in the usual form."""
    if _COMMA.fullmatch(cell):
        return "comma"
    if _DECIMAL_COMMA.fullmatch(cell):
        return "decimal comma"
    if _GROUPED.fullmatch(cell):
        return "grouped"
    return _date_kind(cell)


def is_dotted(cell: str) -> bool:
    """Whether a cell is ``1.234``, which is 1234 in a column with decimal commas."""
    return _DOTTED.fullmatch(cell) is not None


def without_groups(cell: str) -> str:
    """Return ``1,234.5`` as ``1234.5``; other cells as they are."""
    return cell.replace(",", "") if _GROUPED.fullmatch(cell) or _COMMA.fullmatch(cell) else cell


def without_currency(cell: str) -> str:
    """Return a cell without one sign of a currency before or after its number."""
    if cell and unicodedata.category(cell[0]) == "Sc":
        return cell[1:].lstrip()
    if cell and unicodedata.category(cell[-1]) == "Sc":
        return cell[:-1].rstrip()
    return cell


def decimal_comma(cell: str) -> float:
    """Return the number that a cell such as ``1.234,50`` is.

    Raises:
        ValueError: It is not one.
    """
    if not (_DECIMAL_COMMA.fullmatch(cell) or is_dotted(cell) or re.fullmatch(rf"-?{_WHOLE}", cell)):
        raise ValueError(cell)
    return float(cell.replace(".", "").replace(",", "."))


def local_date(cell: str, *, day_first: bool) -> str:
    """Return a date such as ``31.12.2024`` in ISO 8601.

    Raises:
        ValueError: There is no such date.
    """
    match = _DATE.fullmatch(cell)
    if match is None:
        raise ValueError(cell)
    day, month = ("first", "second") if day_first else ("second", "first")
    parsed = datetime.fromisoformat(f"{match['year']}-{int(match[month]):02}-{int(match[day]):02}{match['time'] or ''}")
    return (parsed if match["time"] else parsed.date()).isoformat()


def _date_kind(cell: str) -> SpreadsheetKind | None:
    match = _DATE.fullmatch(cell)
    if match is None:
        return None
    by_day, by_month = (_is_date(cell, day_first=day_first) for day_first in (True, False))
    if match["separator"] == ".":  # nobody writes the month first with dots
        by_month = False
    if by_day and by_month:
        return "day or month first"
    return "day first" if by_day else "month first" if by_month else None


def _is_date(cell: str, *, day_first: bool) -> bool:
    try:
        local_date(cell, day_first=day_first)
    except ValueError:
        return False
    return True
