"""Reads the lines of a text file, unpacked where it is gzip, within a budget of bytes."""

import os
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from gzip import BadGzipFile, GzipFile
from io import BufferedReader, FileIO, RawIOBase, TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from ...errors import SourceError
from .budget import MAX_ROW_BYTES, VALUE_BYTES, Budget
from .encodings import ON_ERROR, check_decoded, encoding_of, is_utf8
from .options import SourceOptions
from .rows import Span

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class RowTooLarge(ValueError):
    """A row is larger than what is read as one document."""

    def __init__(self) -> None:
        super().__init__(f"the row is longer than {MAX_ROW_BYTES} characters, or has too many values")


def memory_of(line: str, separators: str) -> int:
    """Return what the values of a line take, about: much more for many short values than for a long one.

    Args:
        line: The line, or a part of a text.
        separators: The characters of which there is one for each value.
    """
    return len(line) + VALUE_BYTES * sum(map(line.count, separators))


class Lines(Iterator[str]):
    """The lines of a text file, with their ends. A line that is too long is a ``RowTooLarge``; the next ones follow.

    Attributes:
        source: The file.
        encoding: How it is decoded.
        number: The number of the line that was read last, from 1.
    """

    def __init__(self, file: TextIO, decoded: "_Decoded", source: str, *, ends: tuple[str, ...]) -> None:
        """``ends`` are what ends a line."""
        self.source = source
        self.encoding = file.encoding
        self.number = 0
        self._file = file
        self._decoded = decoded
        self._ends = ends

    @property
    def fraction(self) -> float:
        """The share of the file that is read."""
        return self._decoded.fraction

    def check_decoded(self, text: str) -> None:
        """Raise ``ValueError`` where a byte of a line could not be decoded."""
        check_decoded(text, self.encoding)

    def read(self, characters: int) -> str:
        """Return that many of the next characters, without regard to lines; fewer at the end of the file."""
        return self._file.read(characters)

    def __next__(self) -> str:
        line = self._file.readline(MAX_ROW_BYTES + 1)
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) > MAX_ROW_BYTES:
            while line and not line.endswith(self._ends):
                line = self._file.readline(2**20)
            raise RowTooLarge
        return line


@contextmanager
def open_lines(path: Path, options: SourceOptions, *, newline: str, span: Span | None = None) -> Generator[Lines]:
    """Open a text file for reading its lines.

    Args:
        path: The file.
        options: Of which the encoding and max_bytes count here.
        newline: What ends a line, as for ``open``; "" is every kind of line end.
        span: Which bytes are read, of a file that is not compressed; None: all.
    """
    with path.open("rb", buffering=0) as file:
        decoded = _Decoded(file, Budget(path, path.stat().st_size, options.max_bytes), span)
        buffered = BufferedReader(decoded)
        encoding = encoding_of(buffered.peek(4)[:4], _encoding_meant(path, options))
        with TextIOWrapper(buffered, encoding, ON_ERROR, newline) as text:
            lines = Lines(text, decoded, str(path), ends=(newline,) if newline else ("\n", "\r"))
            lines.number = 0 if span is None else span.lines
            yield lines


def _encoding_meant(path: Path, options: SourceOptions) -> str | None:
    """The encoding that the user has named, unless the file is UTF-8; None without one."""
    if options.encoding is None or not path.is_file():  # a pipe can be read once
        return options.encoding
    with path.open("rb", buffering=0) as file:
        decoded = _Decoded(file, Budget(path, path.stat().st_size, options.max_bytes))
        blocks = iter(lambda: decoded.read(2**20) or b"", b"")
        return "utf-8" if is_utf8(blocks, options.encoding) else options.encoding


class _Decoded(RawIOBase):
    """The bytes of a file, unpacked where they are gzip, whatever the file's name says. The budget counts them."""

    def __init__(self, file: FileIO, budget: Budget, span: Span | None = None) -> None:
        self._file = file
        self._start = 0 if span is None else span.start
        self._stop = os.fstat(file.fileno()).st_size if span is None else span.stop
        self._budget = budget
        self._is_part = span is not None
        if span is not None:
            file.seek(span.start)
            self._bytes = file
            return
        is_gzip = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        self._bytes = GzipFile(fileobj=file) if is_gzip else file

    @property
    def fraction(self) -> float:
        return min(1.0, (self._file.tell() - self._start) / max(1, self._stop - self._start))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        try:
            view = memoryview(buffer)
            if self._is_part:
                view = view[: max(0, self._stop - self._file.tell())]
            count = self._bytes.readinto(view) or 0
        except (EOFError, zlib.error, BadGzipFile) as error:
            raise SourceError(f"{self._file.name} is damaged: {error}; write or copy it again") from error
        self._budget.spend(count)
        return count
