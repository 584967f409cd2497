"""Reads the lines of a text file with their numbers, and names file and line in errors."""

from collections.abc import Iterator
from pathlib import Path

from ..errors import EvaluationError


def text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the number, from 1, and the text of each line that is not blank, without its line end.

    Raises:
        EvaluationError: The file does not exist, or a line is not UTF-8.
    """
    if not path.is_file():
        raise EvaluationError(f"no such file: {path}")
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
            except UnicodeDecodeError as error:
                raise EvaluationError(f"not UTF-8 text: {error}", source=str(path), line=number) from None
            if text.strip():
                yield number, text
