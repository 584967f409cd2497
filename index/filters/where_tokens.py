"""Splits the text of a predicate into tokens, and checks it before the parser sees it.

What is let through is a subset of Python's tokens, in which nothing nests deeply and no text joins another.
"""

import keyword
import re
from bisect import bisect_left
from collections.abc import Iterator
from typing import NamedTuple

from ...errors import ArgumentError

MAX_CHARACTERS = 4096
MAX_NESTING = 50
EXAMPLE = "year >= 2020 and ('heart' in tags or journal == 'Nature')"

_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<text>'(?:[^'\\\n]|\\.)*' | "(?:[^"\\\n]|\\.)*")
      | (?P<number>(?:[0-9]++\.?[0-9]*+|\.[0-9]++)(?:[eE][+-]?[0-9]++)?(?!\w))
      | (?P<word>[^\W\d]\w*)
      | (?P<dot>\.(?=[^\W\d]))
      | (?P<sign>[=!<>]= | <(?!>) | > | = | [()\[\],-])""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"""\\(?![\\'"nrt]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})""")
_WORDS = {
    **{word.upper(): word for word in ("and", "or", "not", "in", "is")},
    **dict.fromkeys(("TRUE", "true"), "True"),
    **dict.fromkeys(("FALSE", "false"), "False"),
    **dict.fromkeys(("NULL", "null", "NONE"), "None"),
}
_ALLOWED = frozenset({"and", "or", "not", "in", "is", "True", "False", "None"})
NAME_HINT = 'a field whose name is not just letters, digits and _ is written field("the name")'
_HINTS = {
    "<>": "write != instead of <>",
    "&": "write and instead of &",
    "|": "write or instead of |",
    "!": "write not instead of !",
    "~": "write not instead of ~",
    "'": "this text has no end",
    '"': "this text has no end",
    ".": NAME_HINT,
    ":": NAME_HINT,
    "/": NAME_HINT,
    "`": NAME_HINT,
    "$": NAME_HINT,
}
QUOTES_HINT = "a date or a text is written in quotes, as in date >= '2024-05-17' or journal == 'Nature'"
_UNQUOTED_DATE = re.compile(
    r"(?:[0-9]{4}([./-])[0-9]{1,2}\1[0-9]{1,2}|[0-9]{1,2}([./-])[0-9]{1,2}\2(?:[0-9]{4}|[0-9]{2}))(?![0-9])"
)
_DECIMAL_COMMA = re.compile(r"[0-9]+,[0-9]+(?![0-9])")


class PythonSource(NamedTuple):
    """A filter as Python has it, and where a character was added to what a person wrote."""

    text: str
    added: list[int]

    def position(self, offset: int) -> int:
        """Where a character of this text stands in what the person wrote."""
        return offset - bisect_left(self.added, offset)


def python_source(text: str) -> PythonSource:
    """The text as Python has it: ``AND`` is ``and``, a line break is a space, ``=`` is ``==``.

    Raises ``ArgumentError`` for a text that is blank or longer than ``MAX_CHARACTERS``, for a token that no predicate
    has, and for what is nested deeper than ``MAX_NESTING``.
    """
    if not text.strip():
        raise ArgumentError(f"the filter is empty; one looks like this: {EXAMPLE}")
    if len(text) > MAX_CHARACTERS:
        raise ArgumentError(f"a filter has at most {MAX_CHARACTERS} characters, not {len(text)}: {text!r:.80}")
    tokens = list(_tokens(text))
    _check_tokens(text, tokens)
    _check_nesting(text, tokens)
    parts: list[str] = []
    added: list[int] = []
    for token in tokens:
        if token.python == "=":
            added.append(token.start + len(added))
        parts.append("==" if token.python == "=" else token.python)
    return PythonSource("".join(parts), added)


def refusal(text: str, position: int, reason: str) -> ArgumentError:
    """The error that shows the text and points at the character in ``position``."""
    start = max(0, position - 60)
    part = "".join(c if c.isprintable() else "?" for c in text[start : position + 40])
    pointer = " " * (position - start) + "^"
    return ArgumentError(
        f"cannot read the filter: {reason}\n    {part}\n    {pointer}\na filter looks like this: {EXAMPLE}"
    )


class _Token(NamedTuple):
    kind: str
    start: int
    python: str  # as long as in the text


def _tokens(text: str) -> Iterator[_Token]:
    position = 0
    is_listed = False
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is not None and match.lastgroup == "number":
            _check_number(text, position, is_listed=is_listed)
        if match is None:
            reason = next((hint for sign, hint in _HINTS.items() if text.startswith(sign, position)), None)
            raise refusal(text, position, reason or "this has no meaning in a filter")
        kind, python = str(match.lastgroup), match.group()
        if kind == "space":
            python = " " * len(python)
        elif kind == "word":
            python = _WORDS.get(python, python)
        is_listed = python not in (")", "]") and (is_listed or python in ("in", "IN", "["))
        yield _Token(kind, position, python)
        position = match.end()


def _check_number(text: str, position: int, *, is_listed: bool) -> None:
    """Refuse a date without quotes and, where it is in no list, a number with a decimal comma."""
    if _UNQUOTED_DATE.match(text, position):
        raise refusal(text, position, QUOTES_HINT)
    comma = None if is_listed else _DECIMAL_COMMA.match(text, position)
    if comma is not None:
        raise refusal(text, position, f"a number has a decimal point: write {comma[0].replace(',', '.')}")


def _check_tokens(text: str, tokens: list[_Token]) -> None:
    previous = _Token("sign", 0, "")
    for token in tokens:
        if token.kind == "word" and keyword.iskeyword(token.python) and token.python not in _ALLOWED:
            reason = f'{token.python} is a word of Python\'s; a field of that name is written field("{token.python}")'
            raise refusal(text, token.start, reason)
        if token.kind == "text":
            bad = _ESCAPE.search(token.python.replace("\\\\", "__"))
            if bad is not None:
                raise refusal(text, token.start + bad.start(), "a backslash is written as two of them: \\\\")
            glued = previous.start + len(previous.python) == token.start
            if previous.kind == "text":
                # Python would join them, where someone who knows SQL means a quote.
                raise refusal(text, token.start, "two texts in a row; write a quote in a text as \\' or \\\"")
            if previous.kind == "word" and glued and previous.python not in _ALLOWED:
                raise refusal(text, previous.start, "a text has nothing in front of its quote")
        if token.kind != "space":
            previous = token


def _check_nesting(text: str, tokens: list[_Token]) -> None:
    """Keep the parser, and the reader below, from a recursion that only the stack would end."""
    levels: list[int] = []
    prefixes = 0  # in a row
    for token in tokens:
        match token.python.strip():
            case "":
                continue
            case "(" | "[":
                levels.append(1 + prefixes)
                prefixes = 0
            case ")" | "]" if levels:
                levels.pop()
            case "not" | "-":
                prefixes += 1
            case _:
                prefixes = 0
        if sum(levels) + prefixes > MAX_NESTING:
            raise refusal(text, token.start, f"this is nested more than {MAX_NESTING} deep")
