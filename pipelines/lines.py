"""Reads the lines of a text file with their numbers, unpacked where it is gzip, and names file and line in errors."""

import json
import re
import sys
import zlib
from collections import Counter
from collections.abc import Iterator
from gzip import BadGzipFile, GzipFile
from pathlib import Path

from ..errors import EvaluationError

STANDARD_INPUT = Path("-")
"""The path that stands for standard input, which is read once and is not unpacked."""


def text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the number, from 1, and the text of each line that is not blank, without its line end.

    Raises:
        EvaluationError: The file does not exist or is damaged, or a line is not UTF-8.
    """
    for number, line in whole_lines(path):
        text = line.rstrip("\r\n")
        if text.strip():
            yield number, text


def whole_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the number, from 1, and the text of each line, with its line end and also where it is blank.

    Raises:
        EvaluationError: The file does not exist or is damaged, or a line is not UTF-8.
    """
    number = 0
    try:
        for number, line in enumerate(_lines(path), start=1):
            yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise EvaluationError(f"not UTF-8 text: {error}", source=str(path), line=number) from None
    except (EOFError, zlib.error, BadGzipFile) as error:
        raise EvaluationError(f"damaged: {error}; write or copy it again", source=str(path), line=number + 1) from error


def json_value(text: str) -> object:
    """Return the value of a JSON text.

    Raises:
        ValueError: It is not JSON, or has a key twice in one object, of which one value would be lost.
    """
    try:
        return json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error}") from None
    except RecursionError:
        raise ValueError("not JSON that can be read: it is nested too deeply") from None


def json_elements(text: str) -> Iterator[tuple[int, object]]:
    """Yield the line, from 1, and the value of each element of a JSON array, or of JSON values that follow each other.

    Raises:
        ValueError: It is not JSON, or has a key twice in one object; the message names the line.
    """
    position, line, is_array, is_first = _begin(text, 0), 1, False, True
    if text[position : position + 1] == "[":
        is_array, position = True, _begin(text, position + 1)
    line += text.count("\n", 0, position)
    while position < len(text) and not (is_array and text[position] == "]"):
        if is_array and not is_first:
            if text[position] != ",":
                raise ValueError(f"not JSON: a comma is missing before line {line}")
            position = _begin(text, begin := position + 1)
            line += text.count("\n", begin, position)
        value, end = _value_at(text, position, line)
        yield line, value
        is_first, begin, position = False, position, _begin(text, end)
        line += text.count("\n", begin, position)
    if is_array and text[position:].strip() != "]":
        raise ValueError(f"not JSON: the array does not end in line {line}, where it or the file should")


def _value_at(text: str, position: int, line: int) -> tuple[object, int]:
    try:
        return _DECODER.raw_decode(text, position)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error}") from None
    except RecursionError:
        raise ValueError(f"not JSON that can be read: line {line} is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"{error} (line {line})") from None


def _begin(text: str, position: int) -> int:
    """Return the position of the next character that is not blank."""
    blank = _BLANK.match(text, position)
    return blank.end() if blank else position


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    values = dict(pairs)
    if len(values) < len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(f"the key {twice!r:.80} is there twice in one object; keep one of them")
    return values


_DECODER = json.JSONDecoder(object_pairs_hook=_object)
_BLANK = re.compile(r"[ \t\r\n]*")


def without_gz(path: Path) -> Path:
    """Return a path without the ending of a file that is packed."""
    return path.with_suffix("") if path.suffix == ".gz" else path


def _lines(path: Path) -> Iterator[bytes]:
    if path == STANDARD_INPUT:
        yield from sys.stdin.buffer
        return
    try:
        is_file = path.is_file()
    except OSError as error:
        raise EvaluationError(f"no file can have the name {str(path)!r:.200}: {error.strerror}") from None
    if not is_file:
        raise EvaluationError(f"no such file: {path}")
    with path.open("rb") as file:
        is_gzip = file.read(2) == b"\x1f\x8b"  # whatever the file's name says
        file.seek(0)
        yield from GzipFile(fileobj=file) if is_gzip else file
