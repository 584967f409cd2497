"""Splits texts of any script into words, and scripts that are written without spaces into pairs of characters.

A word is what Unicode's rules for word boundaries (UAX #29) call one, but simpler: letters, digits and ``_``, with the
marks that belong to them, such as the vowel signs of Devanagari. Chinese, Japanese, Korean, Thai, Lao, Khmer and
Burmese are not split into words, which would need a dictionary: each pair of neighbouring characters is a term, and so
is each Chinese character.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache

_HAN = "\u2e80-\u2fdf\u3005\u3007\u3021-\u3029\u3038-\u303b\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_UNSPACED = (
    f"{_HAN}\u3041-\u30ff\u3100-\u312f\u31a0-\u31bf\u31f0-\u31ff\U0001aff0-\U0001b16f"  # kana and bopomofo
    "\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff"  # Hangul, whose particles are joined to the words
    "\u0e00-\u0eff\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\uaa80-\uaadf"  # Thai, Lao, Khmer and Tai
    "\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f"  # Burmese
)
_IGNORED = dict.fromkeys(map(ord, "\u00ad\u200c\u200d\u2060\ufeff"))
"""What joins, or hides between, the characters of a word without being part of it."""
_RUN = re.compile(r"[^\w\s\x00-\u02ff]{31,}")
_MOST_MARKS = 30
"""In a row on one character, as in the stream-safe text of UAX #15."""


def composed(text: str) -> str:
    """Return the text in NFC, where é is one character and not two.

    Marks in a row beyond thirty are left out: no language has them, and Python takes quadratic time to sort them.
    """
    return unicodedata.normalize("NFC", _RUN.sub(_fewer_marks, text))


def folded(text: str) -> str:
    """Return the text without differences of case and encoding: NFKC, casefolded; marks are as for ``composed``."""
    text = _RUN.sub(_fewer_marks, text.translate(_IGNORED)).replace("İ", "i")
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def segmented(text: str) -> list[str]:
    """Return the terms of a folded text in order: words, and pairs of characters where words are not separated."""
    terms: list[str] = []
    word, unit, han = _patterns()
    for match in word.finditer(text):
        if match.lastgroup == "unspaced":
            terms.extend(_pairs(unit.findall(match.group()), han))
        elif len(match.group()) > 1 or not (match.group().islower() or match.group() in "0123456789_"):
            terms.append(match.group())
    return terms


def _pairs(units: Sequence[str], han: re.Pattern[str]) -> Iterator[str]:
    if len(units) == 1 and not han.match(units[0]):
        yield units[0]
    for number, unit in enumerate(units):
        if han.match(unit):
            yield unit
        if number + 1 < len(units):
            yield unit + units[number + 1]


def _fewer_marks(match: re.Match[str]) -> str:
    characters: list[str] = []
    marks = 0
    for character in match.group():
        marks = marks + 1 if unicodedata.category(character)[0] == "M" else 0
        if marks <= _MOST_MARKS:
            characters.append(character)
    return "".join(characters)


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    """A word of either kind; a character with its marks; and a Chinese character."""
    marks = _class_of_marks()
    unit = rf"[{_UNSPACED}](?<=\w|[{marks}])[{marks}]*+"
    spaced = rf"(?:(?![{_UNSPACED}])[\w{marks}])++"
    return re.compile(rf"(?P<unspaced>(?:{unit})++)|(?P<spaced>{spaced})"), re.compile(unit), re.compile(f"[{_HAN}]")


def _class_of_marks() -> str:
    """The marks of all scripts, as ranges in a class of a regular expression; no word character of ``re`` is one."""
    ranges: list[list[int]] = []
    for code in (*range(0x300, 0x20000), *range(0xE0100, 0xE01F0)):
        if unicodedata.category(chr(code))[0] == "M":
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)
