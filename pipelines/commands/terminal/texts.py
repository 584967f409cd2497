"""Texts of documents for a terminal: on one line, cut between words or characters, without control characters."""

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.text import Text

SNIPPET_CHARACTERS = 240
_WORD_CHARACTERS = 40
"""A cut goes back to a blank no further than this: Chinese and Thai have none between words."""
_JOINERS = "\u200c\u200d"
"""They shape Persian and Indic words, and join emojis."""
_ZERO_WIDTH_JOINER = "\u200d"
_VIRAMA = 9
"""The combining class of the sign that joins two Indic consonants."""


def plain(text: str) -> "Text":
    """Return a text without control characters, which could move the cursor or change the terminal."""
    from rich.text import Text  # not for the messages of errors

    return Text("".join(character if character.isprintable() or character in _JOINERS else " " for character in text))


def snippet(text: str) -> str:
    """Return the beginning of a text on one line, cut between words, or else between characters as people see them."""
    line = " ".join(text.split())
    if len(line) <= SNIPPET_CHARACTERS:
        return line
    blank = line.rfind(" ", SNIPPET_CHARACTERS - _WORD_CHARACTERS, SNIPPET_CHARACTERS + 1)
    if blank > 0:
        return line[:blank] + " ..."
    end = SNIPPET_CHARACTERS
    while end > SNIPPET_CHARACTERS - _WORD_CHARACTERS and _belong_together(line, end):
        end -= 1
    return line[:end] + " ..."


def _belong_together(text: str, position: int) -> bool:
    """Whether the character at ``position`` is seen as one with the character before it."""
    before, character = text[position - 1], text[position]
    if unicodedata.category(character).startswith("M") or character in _JOINERS or before == _ZERO_WIDTH_JOINER:
        return True
    if "\U0001f3fb" <= character <= "\U0001f3ff" or "\u1160" <= character <= "\u11ff":
        return True  # the colour of a skin, and the second and third letter of a Korean syllable
    if unicodedata.combining(before) == _VIRAMA:
        return True
    return _is_regional(character) and _regional_before(text, position) % 2 == 1  # two of them are a flag


def _is_regional(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _regional_before(text: str, position: int) -> int:
    count = 0
    while position > count and _is_regional(text[position - count - 1]):
        count += 1
    return count
