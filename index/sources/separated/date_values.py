"""Dates as people and spreadsheets write them: with names of months, two-digit years, and times of day."""

import re
from datetime import datetime
from typing import Literal

DateKind = Literal["other date", "short date", "day first", "month first", "day or month first", "short numbers"]
"""What one cell can be, besides a date in ISO 8601.

"other date" has one reading, as ``2024/3/5`` and ``March 5, 2024``. "short date" has a name and a year of two digits,
or dots as the version of a program. "short numbers" is ``05.03.24``: the user has to say what comes first.
"""

_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    "(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    "|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_DAY = "(?P<day>[0-9]{1,2})(?:st|nd|rd|th)?"
_YEAR = "['\u2019]?(?P<year>[0-9]{4}|[0-9]{2})"
_TIME = re.compile(
    r"(?:[T ]|, )(?P<hour>[0-9]{1,2}):(?P<rest>[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,6})?)?)"
    r"(?: ?(?P<half>[AaPp])\.?[Mm]\.?)?(?: ?(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2}))?"
)
_FORMS = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        r"(?P<year>[0-9]{4})(?P<mark>[./-])(?P<month>[0-9]{1,2})(?P=mark)(?P<day>[0-9]{1,2})",
        rf"(?P<year>[0-9]{{4}})[ -]{_MONTH}[ -]{_DAY}",
        rf"(?:[a-z]{{3,9}},? )?{_DAY}(?: of | |\. |[-./]|){_MONTH}(?:[.,]? |[-./]|){_YEAR}",
        rf"(?:[a-z]{{3,9}},? )?{_MONTH}(?:\.? |-){_DAY}(?:,? |-){_YEAR}",
        rf"{_MONTH}\.? (?P<year>[0-9]{{4}})",
    )
)
_NUMBERS = re.compile(
    r"(?P<first>[0-9]{1,2})(?P<mark>[./-]) ?(?P<second>[0-9]{1,2})(?P=mark) ?(?P<year>[0-9]{4}|[0-9]{2})"
)
_PIVOT = 69


def read_date(cell: str, *, day_first: bool | None = None) -> str:
    """Return a date in ISO 8601.

    Args:
        cell: The date. A year of two digits is one from 1969 to 2068.
        day_first: What comes first in dates of numbers such as ``03/04/2024``; None refuses them.

    Raises:
        ValueError: There is no such date.
    """
    day, time = _split(cell)
    for form in _FORMS:
        match = form.fullmatch(day)
        if match is not None:
            parts = match.groupdict()
            month = parts["month"].lower()
            number = int(month) if month.isdigit() else _NAMES.index(month[:3]) + 1
            return _written(parts["year"], number, parts.get("day"), time)
    match = _NUMBERS.fullmatch(day)
    if match is None or day_first is None:
        raise ValueError(cell)
    of_day, of_month = ("first", "second") if day_first else ("second", "first")
    return _written(match["year"], int(match[of_month]), match[of_day], time)


def date_kind(cell: str) -> DateKind | None:
    """Return what a cell is; None for what is no date, and for one in ISO 8601."""
    day = _split(cell)[0]
    match = _NUMBERS.fullmatch(day)
    if match is None:
        if not _is_date(cell, None):
            return None
        match = next(match for form in _FORMS if (match := form.fullmatch(day)) is not None)
        is_open = len(match["year"]) == 2 or match.groupdict().get("mark") == "."
        return "short date" if is_open else "other date"
    by_day, by_month = (_is_date(cell, day_first) for day_first in (True, False))
    if match["mark"] == ".":  # nobody writes the month first with dots
        by_month = False
    if len(match["year"]) == 2:
        return "short numbers" if by_day or by_month else None
    if by_day and by_month:
        return "day or month first"
    return "day first" if by_day else "month first" if by_month else None


def _split(cell: str) -> tuple[str, re.Match[str] | None]:
    """The day and the time of day of a cell."""
    start = re.search("[T ,][ ]?[0-9]{1,2}:", cell)
    time = _TIME.fullmatch(cell, start.start()) if start is not None else None
    return (cell[: time.start()], time) if time is not None else (cell, None)


def _written(year: str, month: int, day: str | None, time: re.Match[str] | None) -> str:
    if len(year) == 2:
        year = f"{19 if int(year) >= _PIVOT else 20}{year}"
    if day is None:
        if time is not None:
            raise ValueError(year)
        return f"{year}-{month:02}"
    text = f"{year}-{month:02}-{int(day):02}"
    if time is None:
        return datetime.fromisoformat(text).date().isoformat()
    hour = int(time["hour"])
    if time["half"]:
        if not 1 <= hour <= 12:
            raise ValueError(text)
        hour = hour % 12 + (12 if time["half"] in "Pp" else 0)
    return datetime.fromisoformat(f"{text}T{hour:02}:{time['rest'].replace(',', '.')}{time['zone'] or ''}").isoformat()


def _is_date(cell: str, day_first: bool | None) -> bool:  # noqa: FBT001 - as in read_date
    try:
        read_date(cell, day_first=day_first)
    except ValueError:
        return False
    return True
