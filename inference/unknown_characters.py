"""Measures how much of a text a tokenizer does not know: what is unknown to it, and what it can only spell out.

The vocabulary of an English model holds the letters of many scripts, but no words of them: it gives a token to every
letter of a Russian, Arabic or Korean text, where a model that has learned the language has one for several letters.
"""

import re
import unicodedata
from typing import Any, NamedTuple

_FEW, _MANY = 6, 24
"""Fewer letters tell nothing, because a rare name is spelled out too; many have words of all kinds among them."""
_SURE = 1.1
"""How many times the usual threshold a text of few letters must reach."""
_OF_BYTES = 0.45
"""Tokens per byte from which on a byte-level tokenizer spells a text out; where it knows the language it has half."""


class _Script(NamedTuple):
    """A group of scripts, and from how many tokens per letter on a text in it is spelled out."""

    pattern: re.Pattern[str]
    threshold: float


# Single letters, as in the formulas of an English text, are in none of these: three and more make a word. Chinese
# characters are a token each in most vocabularies, and those that are not known there are unknown tokens.
_SCRIPTS = (
    _Script(re.compile("[\u0370-\u10ff\u1200-\u1cff\u1f00-\u1fff\u2de0-\u2dff\ua640-\ua69f\ua8e0-\uabff]{3,}"), 0.7),
    _Script(re.compile("[\u3040-\u30ff]{3,}"), 0.9),
    _Script(re.compile("[\u1100-\u11ff\uac00-\ud7af]{2,}"), 1.2),
)


def unknown_share(text: str, encoding: Any, unknown: int | None) -> float:  # noqa: ANN401 - tokenizers has no types
    """Return the share of the characters of a text that a tokenizer does not know, from 0 to 1.

    Args:
        text: The text.
        encoding: What the tokenizer made of it, without special tokens.
        unknown: The id of the unknown token; None where every byte has a token.
    """
    tokens = [0] * len(text)  # that begin or stand in each character
    is_unknown = [False] * len(text)
    for (start, end), token in zip(encoding.offsets, encoding.ids, strict=True):
        for position in range(start, min(end, len(text))):
            is_unknown[position] = is_unknown[position] or token == unknown
        if start < len(text):
            tokens[start] += 1
    for script in _SCRIPTS:
        positions = [
            position
            for match in script.pattern.finditer(text)
            for position in range(match.start(), match.end())
            if _is_letter(text[position])
        ]
        if _is_spelled_out(text, positions, tokens, is_unknown, script.threshold, by_bytes=unknown is None):
            for position in positions:
                is_unknown[position] = True
    counted = [flag for flag, character in zip(is_unknown, text, strict=True) if not character.isspace()]
    return sum(counted) / max(1, len(counted))


def _is_spelled_out(
    text: str, positions: list[int], tokens: list[int], is_unknown: list[bool], threshold: float, *, by_bytes: bool
) -> bool:
    if len(positions) < _FEW:
        return False
    if by_bytes:
        size, least = sum(len(text[position].encode()) for position in positions), _OF_BYTES
        pieces = sum(tokens[position] for position in positions)
    else:
        size, least = len(positions), threshold
        pieces = sum(max(tokens[position], is_unknown[position]) for position in positions)
    return pieces >= size * least * (_SURE if len(positions) < _MANY else 1)


def _is_letter(character: str) -> bool:
    return character.isalpha() or unicodedata.category(character).startswith("M")
