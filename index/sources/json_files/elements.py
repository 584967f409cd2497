"""Splits a JSON file into its values, or into the elements of its array, one after the other and in linear time."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..budget import MAX_ROW_BYTES
from ..lines import Lines, RowTooLarge
from ..rows import RowUnit

_CHARACTERS = 2**16  # that are read at a time
_BETWEEN = re.compile(r"[ \t\n\r]*")
_OUTSIDE = re.compile(r'["\[\]{},]')
_NESTED = re.compile(r'["\[\]{}]')
_INSIDE = re.compile(r'["\\\n]')  # a line break ends a string that is never closed: JSON allows none in it


@dataclass(frozen=True, slots=True)
class Element:
    """A value of a file, as text, or the problem for which it cannot be read.

    Attributes:
        number: The line where it begins; in an array its place, from 1.
        unit: What ``number`` counts.
        text: The JSON.
        problem: Why there is none, or "".
    """

    number: int
    unit: RowUnit
    text: str = ""
    problem: str = ""


def json_elements(lines: Lines) -> Iterator[Element]:
    """Yield the elements of a file that is one array, or else the values that follow each other in it."""
    scanner = _Scanner(lines)
    if scanner.next_character() == "[":
        scanner.skip()
        yield from _array(scanner)
        return
    while character := scanner.next_character():
        line = scanner.line
        yield _element(line, "line", scanner.value() if character in "{[" else scanner.rest_of_line())


def _array(scanner: "_Scanner") -> Iterator[Element]:
    count = 0
    character = scanner.next_character()
    while character and character != "]":
        count += 1
        yield _element(count, "element", scanner.value(",]"))
        character = scanner.next_character()
        if character == ",":
            scanner.skip()
            character = scanner.next_character()
            if character == "]":
                yield Element(count + 1, "element", problem="not JSON: a comma stands before the end of the array")
    if not character:
        problem = "not JSON: the file ends inside of its array; write or copy it again"
        yield Element(count + 1, "element", problem=problem)
        return
    scanner.skip()
    if scanner.next_character():
        yield Element(count + 1, "element", problem="not JSON: the file goes on after the end of its array")


def _element(number: int, unit: RowUnit, text: str | None) -> Element:
    return Element(number, unit, problem=str(RowTooLarge())) if text is None else Element(number, unit, text)


class _Scanner:
    """Reads a text from its beginning to its end, and holds no more of it than one value.

    Attributes:
        line: The number of the line that it has come to.
    """

    def __init__(self, lines: Lines) -> None:
        self.line = 1
        self._lines = lines
        self._buffer = ""
        self._at: int = 0

    def next_character(self) -> str:
        """Return the next character that is not blank, and stay before it; "" at the end."""
        while True:
            blank = _BETWEEN.match(self._buffer, self._at)
            if blank is not None:
                self.line += blank[0].count("\n")
                self._at = blank.end()
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if not self._read():
                return ""

    def skip(self) -> None:
        """Pass over one character."""
        self._at += 1

    def value(self, ends: str = "") -> str | None:
        """Return the text up to one of the characters ``ends`` that is in no string, array or object.

        Without ``ends`` it is the array or object that begins here. None where it is too large.
        """
        pieces = _Pieces()
        depth, is_inside, begin = 0, False, self._at
        while True:
            pattern = _INSIDE if is_inside else _NESTED if depth else _OUTSIDE
            match = pattern.search(self._buffer, self._at)
            if match is None:
                pieces.add(self._buffer[begin:])
                begin = 0
                self._at = max(self._at, len(self._buffer))
                if not self._read():
                    break
                continue
            character = match[0]
            self._at = match.end()
            if is_inside:
                is_inside = character == "\\"
                self._at += is_inside  # what stands after it is no end of the string
            elif character == '"':
                is_inside = True
            elif character in "[{":
                depth += 1
            elif depth == 0 and character in ends:
                self._at -= 1
                pieces.add(self._buffer[begin : self._at])
                break
            elif character in "]}":
                depth -= 1
                if depth <= 0 and not ends:
                    pieces.add(self._buffer[begin : self._at])
                    break
                depth = max(depth, 0)
        self.line += pieces.lines
        return pieces.text()

    def rest_of_line(self) -> str | None:
        """Return the text up to the end of the line. None where it is too large."""
        pieces = _Pieces()
        while True:
            end = self._buffer.find("\n", self._at)
            pieces.add(self._buffer[self._at : end if end >= 0 else None])
            self._at = end if end >= 0 else len(self._buffer)
            if end >= 0 or not self._read():
                return pieces.text()

    def _read(self) -> bool:
        """Go on to the next part of the file. False at its end."""
        beyond = self._at - len(self._buffer)  # 1 after a backslash that ended the last part
        self._buffer = self._lines.read(_CHARACTERS)
        self._at = beyond
        return bool(self._buffer)


class _Pieces:
    """The parts of a text, as long as they are not too large together."""

    def __init__(self) -> None:
        self.lines = 0
        self._pieces: list[str] = []
        self._size = 0

    def add(self, piece: str) -> None:
        """Add a part."""
        self.lines += piece.count("\n")
        self._size += len(piece)
        if self._size > MAX_ROW_BYTES:
            self._pieces.clear()
        else:
            self._pieces.append(piece)

    def text(self) -> str | None:
        """Return the text; None where it is too large."""
        return None if self._size > MAX_ROW_BYTES else "".join(self._pieces)
