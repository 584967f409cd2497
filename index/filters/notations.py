"""Notations in which people write numbers, amounts and dates as texts: their order of letters is not their own order.

They are recognised and never read: what a text means may be open, as in ``03/04/2024`` or ``1,234``.
"""

from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..metadata import CURRENCY, mask_of

_ARROW: Any = pc  # the stubs know no kernel that takes an array of any type

_BLANK = "[\\s\u00a0\u2009\u202f]"
_MINUS = "\u2212"
_DASH = "\u2013"
_APOSTROPHES = "'\u2019"
_GROUP = "[.,'\u2019\u02bc_ \u00a0\u2009\u202f]"
# Ranges, because every class of Unicode takes Arrow milliseconds to compile: Latin, Arabic, Persian, Devanagari.
_DIGIT = "[0-9\u0660-\u0669\u06f0-\u06f9\u0966-\u096f]"
_DIGITS = (
    rf"(?:{_DIGIT}{{1,3}}(?:{_GROUP}{_DIGIT}{{3}})+"
    rf"|{_DIGIT}{{1,2}}(?:,{_DIGIT}{{2}})+,{_DIGIT}{{3}}|{_DIGIT}(?:{_DIGIT}|[,_])*)"
)
_PLAIN = rf"(?:{_DIGITS}(?:[.,\x{{66b}}]{_DIGIT}*)?|[.,]{_DIGIT}+)(?:[eE][+-]?{_DIGIT}+)?"
_SIGN = "[+\\-\u2212\u2013]?"
_MARK = rf"(?:\p{{Sc}}|{CURRENCY}|[%\x{{2030}}])"
_UNIT = r"(?:[kmc\x{b5}]?[gmlws]|[kmgt]i?b(?:/s)?|k?wh|[km]?hz|\x{b0}[cf]?|min|h)"  # right behind a number
_SIGNED = rf"(?:{_SIGN}{_BLANK}*{_PLAIN}{_BLANK}*[-{_MINUS}]?|\({_BLANK}*{_PLAIN}{_BLANK}*\))"
_WORD = r"[^\s0-9\x{21}-\x{40}\x{a0}][^\s0-9,;:()\x{a0}]{0,15}"
_NUMBER = (
    rf"(?i)^{_BLANK}*{_SIGN}\(?{_BLANK}*(?:{_MARK}{_BLANK}*){{0,2}}{_SIGNED}{_BLANK}*(?:{_MARK}{_BLANK}*){{0,2}}"
    rf"(?:[-{_DASH}]|,-|\.-)?\)?\s*$"
)
_AMOUNT = (
    rf"(?i)^{_BLANK}*(?:{_WORD}:?{_BLANK}+)?(?:{_MARK}{_BLANK}*)?{_SIGNED}"
    rf"(?:{_UNIT}|{_BLANK}*{_MARK})?(?:{_BLANK}+{_WORD}){{0,3}}{_BLANK}*$"
)
_YEAR = r"^[0-9]{4}$"

_MONTH = (
    "(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    "|nov(?:ember)?|dec(?:ember)?)"
)
_YEARS = rf"[{_APOSTROPHES}]?[0-9]{{2}}(?:[0-9]{{2}})?"
_NUMBERS = r"[0-9]{1,2}(?:st|nd|rd|th)?"
_BETWEEN = r"[\s.,/-]{1,3}"
_WEEKDAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6}[.,]?\s+)?"
_CLOCK = r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?(?:\s?[ap]\.?m\.?)?"
_DAY_OR_MONTH_FIRST = (
    rf"[0-9]{{1,2}}\s?[./-]\s?[0-9]{{1,2}}\s?[./-]\s?[{_APOSTROPHES}]?[0-9]{{2,4}}"
    rf"|{_NUMBERS}(?:\s+of\s+|{_BETWEEN}|){_MONTH}(?:{_BETWEEN}{_YEARS}|[0-9]{{2}}(?:[0-9]{{2}})?)?"
    rf"|{_MONTH}{_BETWEEN}{_NUMBERS}(?:{_BETWEEN}(?:{_CLOCK}\s+)?{_YEARS})?"
    rf"|{_MONTH}{_BETWEEN}{_YEARS}"
    # Day, month and year with the word of another language, as in "5. Mai 2024" and "5 de mayo de 2024".
    r"|[0-9]{1,2}\.?\s(?:de\s)?[^\s\x{21}-\x{40}\x{a0}]{3,12}\.?\s(?:de\s)?[0-9]{4}"
    r"|[0-9]{1,2}/[0-9]{4}|[0-9]{1,2}-[0-9]{4}"
)
_YEAR_FIRST = (
    r"[0-9]{4}\s?[./-]\s?[0-9]{1,2}\s?[./-]\s?[0-9]{1,2}\.?"
    rf"|[0-9]{{4}}{_BETWEEN}{_MONTH}(?:{_BETWEEN}{_NUMBERS})?"
    r"|[0-9]{4}/[0-9]{1,2}|[0-9]{4}-[0-9]"
    r"|[0-9]{4}\s?[年년]\s?[0-9]{1,2}\s?[月월](?:\s?[0-9]{1,2}\s?[日일])?"
)
_ISO = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?$"
)
_QUARTERS = rf"[0-9]{{4}}[\s/-]?[QHW][0-9]{{1,2}}|[QH][1-4][\s/-]{{0,3}}[{_APOSTROPHES}]?[0-9]{{2,4}}"
_REST = r"\.?(?:[ ,T年].*)?\s*$"
_BEGINNING = rf"(?i)^\s*{_WEEKDAY}(?:{_CLOCK},?\s+)?"
_LOCAL_DATE = rf"{_BEGINNING}(?:{_DAY_OR_MONTH_FIRST}|{_YEAR_FIRST}|{_QUARTERS}){_REST}"
_DAY_OR_MONTH_FIRST_DATE = rf"{_BEGINNING}(?:{_DAY_OR_MONTH_FIRST}){_REST}"


def looks_like_a_number(texts: Any) -> NDArray[np.bool_]:  # noqa: ANN401 - an Arrow array of texts
    """Which texts look like a number or a price; four digits alone do not count, they are rather a year."""
    return _matches(texts, _NUMBER) & ~_matches(texts, _YEAR)


def looks_like_an_amount(texts: Any) -> NDArray[np.bool_]:  # noqa: ANN401 - an Arrow array of texts
    """Which texts look like a number, alone or beside a word, such as ``12 kg``; four digits alone do not count."""
    return (_matches(texts, _NUMBER) | _matches(texts, _AMOUNT)) & ~_matches(texts, _YEAR)


def looks_like_a_local_date(texts: Any) -> NDArray[np.bool_]:  # noqa: ANN401 - an Arrow array of texts
    """Which texts look like a date in a notation other than that of ISO 8601."""
    return _matches(texts, _LOCAL_DATE) & ~_matches(texts, _ISO)


def begins_with_day_or_month(texts: Any) -> NDArray[np.bool_]:  # noqa: ANN401 - an Arrow array of texts
    """Which texts look like a date that begins with its day or month."""
    return _matches(texts, _DAY_OR_MONTH_FIRST_DATE)


def _matches(texts: Any, pattern: str) -> NDArray[np.bool_]:  # noqa: ANN401 - an Arrow array of texts
    return mask_of(_ARROW.match_substring_regex(texts, pattern))
