"""Numbers as spreadsheets write them for people: decimal commas, grouped thousands, currencies, brackets."""

import re
import unicodedata
from typing import Literal

from ...metadata import CURRENCY

SpreadsheetKind = Literal["decimal comma", "grouped", "comma"]
"""What one cell can be. "comma" is ``1,234``, which is 1234 or 1.234."""

_WHOLE = r"(?:0|[1-9][0-9]*)"
_COMMA = re.compile(r"-?[1-9][0-9]{0,2},[0-9]{3}")
_DECIMAL_COMMA = re.compile(rf"-?(?:[1-9][0-9]{{0,2}}(?:\.[0-9]{{3}})+|{_WHOLE}),[0-9]+")
_DOTTED = re.compile(r"-?[1-9][0-9]{0,2}(?:\.[0-9]{3})+")
_GROUPED = re.compile(r"-?[1-9][0-9]{0,2}(?:(?:,[0-9]{3})+\.[0-9]+|(?:,[0-9]{3}){2,})")
_BLANKS = " \u00a0\u2009\u202f"
_MARKED = re.compile(rf"([+-]?[0-9]{{1,3}})((?:([{_BLANKS}'\u2019])[0-9]{{3}})(?:\3[0-9]{{3}})*)([.,][0-9]+)?")
_BEFORE = re.compile(rf"{CURRENCY}[{_BLANKS}]*(?=[-+0-9.\u2212])", re.IGNORECASE)
_AFTER = re.compile(rf"(.*[0-9][.,]?)[{_BLANKS}]*{CURRENCY}", re.IGNORECASE)


def spreadsheet_kind(cell: str) -> SpreadsheetKind | None:
    """Return what a cell is; None for a text, and for what is a number in the usual form."""
    if _COMMA.fullmatch(cell):
        return "comma"
    if _DECIMAL_COMMA.fullmatch(cell):
        return "decimal comma"
    return "grouped" if _GROUPED.fullmatch(cell) else None


def is_dotted(cell: str) -> bool:
    """Whether a cell is ``1.234``, which is 1234 in a column with decimal commas."""
    return _DOTTED.fullmatch(cell) is not None


def without_groups(cell: str) -> str:
    """Return ``1,234.5`` as ``1234.5``; other cells as they are."""
    return cell.replace(",", "") if _GROUPED.fullmatch(cell) or _COMMA.fullmatch(cell) else cell


def bare_amount(cell: str) -> str:
    """Return an amount as digits with commas and dots: ``EUR 12.00`` as ``12.00``, ``(3.50)`` as ``-3.50``.

    One sign, code or word of a currency before or after it goes, and so do blanks and apostrophes between thousands.
    """
    if len(cell) > 2 and cell[0] == "(" and cell[-1] == ")" and cell[1] != "(":
        inner = bare_amount(cell[1:-1].strip(_BLANKS))
        return f"-{inner}" if inner[:1].isdigit() else cell
    cell = cell.replace("\u2212", "-")
    sign = "-" if cell[:1] == "-" and cell[1:2] and unicodedata.category(cell[1]) == "Sc" else ""
    amount = sign + _without_currency(cell[len(sign) :])
    if re.fullmatch(r"[0-9][0-9.,]*-", amount):  # as accounting writes what is owed
        amount = f"-{amount[:-1]}"
    match = _MARKED.fullmatch(amount)
    return amount if match is None else re.sub(rf"[{_BLANKS}'\u2019]", "", amount)


def _without_currency(cell: str) -> str:
    if cell and unicodedata.category(cell[0]) == "Sc":
        return cell[1:].lstrip()
    if cell and unicodedata.category(cell[-1]) == "Sc":
        return cell[:-1].rstrip()
    match = _BEFORE.match(cell)
    if match is not None:
        return cell[match.end() :]
    match = _AFTER.fullmatch(cell)
    return cell if match is None else match[1]


def decimal_comma(cell: str) -> float:
    """Return the number that a cell such as ``1.234,50`` is.

    Raises:
        ValueError: It is not one.
    """
    if not (_DECIMAL_COMMA.fullmatch(cell) or is_dotted(cell) or re.fullmatch(rf"-?{_WHOLE}", cell)):
        raise ValueError(cell)
    return float(cell.replace(".", "").replace(",", "."))
