"""Types of the columns of a CSV or TSV file: told from all of their values, and applied to each.

A column has a type if all of its values have it, so that none changes its meaning: one with a leading zero, such as a
postal code, makes its column text, and so does an integer that is larger than 64 bits. Empty cells are null, and so are
the words that programs write for a missing value, where the others are numbers, booleans or dates.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from math import isfinite
from operator import itemgetter

from ..options import ColumnType
from .cell_words import BOOLEAN_WORDS, BOOLEANS, DASHES, MISSING, MORE_BOOLEANS
from .date_values import date_kind, read_date
from .spreadsheet_values import bare_amount, decimal_comma, is_dotted, spreadsheet_kind, without_groups

_INTEGER = re.compile(r"-?(?:[1-9][0-9]{0,18}|0)")
_DIGITS = re.compile(r"-?[0-9]+")
_FLOAT = re.compile(r"-?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_DATE = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_SMALL = 2**53  # from here on, a float does not hold every integer
_LARGEST = 2**63
_LONGEST = 400  # characters of a number or a date; longer ones are text, and are not looked at
_MOST = 0.5  # of the values of a column: so many of one type make it worth to say that the others are not
_FEW = 2


class ColumnGuess:
    """Finds the type of a column from its cells, one after the other.

    ``dot_may_group`` tells that the file may come from where commas are decimal: then ``1.299`` alone is open.
    """

    def __init__(self, *, dot_may_group: bool = False) -> None:
        self.filled = 0
        self._open: frozenset[str] = frozenset({"dotted"}) if dot_may_group else frozenset()
        self._counts = Counter[str]()
        self._first: dict[str, tuple[str, int]] = {}

    def add(self, cell: str, line: int) -> None:
        """Look at a cell, which stands in that line."""
        cell = cell.strip()
        if not cell:
            return
        self.filled += 1
        kind = _kind(cell)
        self._counts[kind] += 1
        if kind not in self._first:
            self._first[kind] = (cell, line)

    @property
    def type(self) -> ColumnType:
        """The type of the column."""
        values = self.filled - self._counts["missing"]
        for kind in _KINDS:
            if 0 < self._fitting(kind) == values:
                return kind
        return "text"

    def note(self, name: str) -> str:
        """Return why a column of mostly numbers, booleans or dates is text; "" where it is not so."""
        values = self.filled - self._counts["missing"]
        if self.type != "text":
            return ""
        for kind, ambiguity in _AMBIGUOUS.items():
            if (
                self._counts[kind]
                and self._counts[kind] + sum(map(self._counts.__getitem__, ambiguity.beside)) == values
            ):
                return ambiguity.note(name, *self._first[kind])
        kind = max(_ACCEPTED, key=self._accepted)
        fitting = self._accepted(kind)
        if values < _FEW or fitting < _MOST * values or not fitting:
            return ""
        odd = [first for other, first in self._first.items() if other not in _ACCEPTED[kind] | {"dash", "missing"}]
        if not odd:
            cell, line = min(
                (self._first[part] for part in self._first if part not in _KINDS[kind] and part != "missing"),
                key=itemgetter(1),
            )
            return (
                f"the column {name!r} is kept as text, because of values such as {cell!r:.40} in line {line}; to "
                f"filter by it, say types (--types {name}={kind})"
            )
        cell, line = min(odd, key=itemgetter(1))
        return (
            f"the column {name!r} is kept as text, because {values - fitting} of its {values} values are not of type "
            f"{kind} ({cell!r:.40} in line {line}); to leave such rows out instead, say types (--types {name}={kind})"
        )

    def _accepted(self, kind: ColumnType) -> int:
        """The number of cells that have the type if the user says so."""
        return sum(self._counts[part] for part in _ACCEPTED[kind])

    def _fitting(self, kind: ColumnType) -> int:
        """The number of cells that have the type, if one of them can have no other."""
        counts = self._counts
        is_shown = any(counts[part] for part in _DECISIVE[kind] - self._open)
        return sum(counts[part] for part in _KINDS[kind]) if is_shown else 0


# What the cells of a column of each type are, and those of them that show the type; the first type that fits is taken.
# A wide integer is in no column of floats, which would not keep its last digits.
_KINDS: dict[ColumnType, frozenset[str]] = {
    "integer": frozenset({"integer", "wide"}),
    "float": frozenset({"integer", "float", "dotted", "grouped", "comma"}),
    "decimal-comma": frozenset({"integer", "decimal comma", "dotted"}),
    "boolean": frozenset({"boolean"}),
    "date": frozenset({"date", "other date"}),
    "day-first": frozenset({"day first", "day or month first"}),
    "month-first": frozenset({"month first", "day or month first"}),
}
_OPEN_MONEY = frozenset({"comma", "whole money", "money of one mark"})
# What each type takes where the user says it.
_ACCEPTED: dict[ColumnType, frozenset[str]] = {
    "integer": _KINDS["integer"],
    "float": _KINDS["float"] | {"wide", "money"} | _OPEN_MONEY,
    "decimal-comma": _KINDS["decimal-comma"] | {"money with a decimal comma"} | _OPEN_MONEY,
    "boolean": frozenset({"boolean", "word"}),
    "date": _KINDS["date"] | {"short date"},
    "day-first": _KINDS["date"] | _KINDS["day-first"] | {"short date", "short numbers"},
    "month-first": _KINDS["date"] | _KINDS["month-first"] | {"short date", "short numbers"},
}
_DECISIVE: dict[ColumnType, frozenset[str]] = {
    **_KINDS,
    "float": frozenset({"float", "dotted", "grouped"}),
    "decimal-comma": frozenset({"decimal comma"}),
    "day-first": frozenset({"day first"}),
    "month-first": frozenset({"month first"}),
}


@dataclass(frozen=True, slots=True)
class _Ambiguity:
    """What a kind of cells may be, and what else may stand in its column; a percentage is not a type at all."""

    remedies: tuple[ColumnType, ...]
    beside: tuple[str, ...] = ("integer",)

    def note(self, name: str, cell: str, line: int) -> str:
        reason = f"the column {name!r} is kept as text, because {cell!r:.40} in line {line}"
        if not self.remedies:
            return f"{reason} is a percentage: to filter by it as a number, write its numbers without %"
        options = " or ".join(f"--types {name}={remedy}" for remedy in self.remedies)
        return f"{reason} can be read as {' and as '.join(self.remedies)}: say so with types ({options})"


# Of a column with several of these kinds the first counts.
_AMBIGUOUS: dict[str, _Ambiguity] = {
    "comma": _Ambiguity(("float", "decimal-comma")),
    "day or month first": _Ambiguity(
        ("day-first", "month-first"), ("short numbers", "other date", "short date", "date")
    ),
    "short numbers": _Ambiguity(("day-first", "month-first"), ("other date", "short date", "date")),
    "money": _Ambiguity(
        ("float",), ("money of one mark", "whole money", "integer", "float", "dotted", "grouped", "comma")
    ),
    "money with a decimal comma": _Ambiguity(
        ("decimal-comma",), ("money of one mark", "whole money", "integer", "decimal comma", "dotted", "comma")
    ),
    "money of one mark": _Ambiguity(("float", "decimal-comma"), ("whole money", "integer", "dotted", "comma")),
    "dotted": _Ambiguity(("float", "decimal-comma")),
    "whole money": _Ambiguity(("float",)),
    "percent": _Ambiguity((), ("integer", "float", "dotted", "grouped", "comma", "decimal comma")),
}


_EXACT = dict.fromkeys(MISSING, "missing") | dict.fromkeys(DASHES, "dash") | dict.fromkeys(BOOLEANS, "boolean")


def _kind(cell: str) -> str:
    if len(cell) > _LONGEST:
        return "text"
    if cell in _EXACT:
        return _EXACT[cell]
    if cell[0] in "-.0123456789":
        kind = _plain_kind(cell) or spreadsheet_kind(cell) or date_kind(cell)
        if kind is not None:
            return kind
    if not cell[-1].isalpha() and (kind := date_kind(cell)) is not None:
        return kind
    if cell.lower() in BOOLEAN_WORDS:
        return "word"
    if cell.endswith("%"):
        return "percent" if _kind(cell[:-1].rstrip()) in _AMBIGUOUS["percent"].beside else "text"
    amount = bare_amount(cell)
    if amount == cell or not amount or amount[0] not in "-.0123456789":
        return "text"
    return _MONEY.get(_plain_kind(amount) or spreadsheet_kind(amount) or "text", "text")


_MONEY = {
    "integer": "whole money",
    **dict.fromkeys(("float", "grouped"), "money"),
    **dict.fromkeys(("dotted", "comma"), "money of one mark"),
    "decimal comma": "money with a decimal comma",
}


def _plain_kind(cell: str) -> str | None:
    """What a number or date in the usual form is; None for everything else."""
    if _INTEGER.fullmatch(cell):
        number = int(cell)
        return "large" if not -_LARGEST <= number < _LARGEST else "integer" if abs(number) <= _SMALL else "wide"
    if _DIGITS.fullmatch(cell):
        return "text"  # with a leading zero, or larger than any integer of 64 bits
    if _FLOAT.fullmatch(cell):
        return "dotted" if is_dotted(cell) else "float" if isfinite(float(cell)) else "text"
    return "date" if _DATE.fullmatch(cell) and _parses(cell) else None


def _parses(cell: str) -> bool:
    try:
        datetime.fromisoformat(cell)
    except ValueError:
        return False
    return True


def _integer(cell: str) -> object:
    if not re.fullmatch(r"[+-]?[0-9]{1,4000}", cell):
        raise ValueError
    return int(cell)


def _float(cell: str) -> object:
    cell = without_groups(bare_amount(cell))
    if not re.fullmatch(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?", cell):
        raise ValueError
    value = float(cell)
    if not isfinite(value):
        raise ValueError
    return value


def _boolean(cell: str) -> object:
    value = BOOLEANS.get(cell, MORE_BOOLEANS.get(cell.lower()))
    if value is None:
        raise ValueError
    return value


def _date(cell: str, *, day_first: bool | None = None) -> object:
    """In ISO 8601, as the dates of every other format are written; the digits after microseconds are cut."""
    if not _DATE.fullmatch(cell):
        return read_date(cell, day_first=day_first)
    parsed = datetime.fromisoformat(cell)
    return (parsed if len(cell) > len("2000-01-01") else parsed.date()).isoformat()


_CONVERTERS: Mapping[ColumnType, Callable[[str], object]] = {
    "integer": _integer,
    "float": _float,
    "decimal-comma": lambda cell: decimal_comma(bare_amount(cell)),
    "day-first": partial(_date, day_first=True),
    "month-first": partial(_date, day_first=False),
    "boolean": _boolean,
    "date": _date,
}


def typed_value(name: str, cell: str, kind: ColumnType) -> object:
    """Return the value of a cell; null for an empty one.

    Raises:
        ValueError: The cell does not fit the type.
    """
    stripped = cell.strip()
    if not stripped:
        return None
    if kind == "text":
        return cell
    if stripped in MISSING or stripped in DASHES:
        return None
    try:
        return _CONVERTERS[kind](stripped)
    except ValueError:
        raise ValueError(f"the column {name!r} holds {_DESCRIPTIONS[kind]}, and {cell!r:.80} is not one") from None


_DESCRIPTIONS: Mapping[ColumnType, str] = {
    "integer": "integers",
    "float": "numbers",
    "decimal-comma": "numbers with a decimal comma",
    "boolean": "booleans",
    "date": "dates like 2024-05-17, 2024/5/17 or May 17, 2024",
    "day-first": "dates with the day first",
    "month-first": "dates with the month first",
}
