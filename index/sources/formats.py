"""Reads lines of JSON or CSV as rows.

Every generator streams: what it holds at a time is one row. A row that cannot be read is yielded as well, with the
problem in place of its values, so that the caller can decide to go on.
"""

import codecs
import csv
import json
import os
import zlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from gzip import BadGzipFile, GzipFile
from io import BufferedReader, FileIO, RawIOBase, TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeAlias, cast

from ...errors import SourceError
from .budget import MAX_ROW_BYTES, VALUE_BYTES, Budget, MaxBytes
from .options import SourceOptions
from .rows import SourceRow

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

TextFile: TypeAlias = "TextIOWrapper[BufferedReader]"

_UNDECODABLE = "\udcff"  # stands where bytes could not be decoded; no decoder yields a lone surrogate by itself


def read_json_lines(path: Path, options: SourceOptions) -> Iterator[SourceRow]:
    """One JSON object a line; blank lines are passed over."""
    with _open_lines(path, options.max_bytes, newline="\n") as lines:
        yield from _rows(lines, map(_json_object, filter(lines.end_record, lines)))


def read_csv(path: Path, options: SourceOptions) -> Iterator[SourceRow]:
    """Comma-separated values, or tab-separated ones in a ``.tsv`` file, with the names of the columns in a header."""
    # The limit belongs to the whole process; without one, a quote that is never closed would load the rest of the file.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_ROW_BYTES))
    delimiter = "\t" if path.name.lower().removesuffix(".gz").endswith(".tsv") else ","
    with _open_lines(path, options.max_bytes, newline="") as lines:
        # Strict, because the lenient mode ends a quote that is never closed at the end of the file, without a word.
        records = filter(lines.end_record, csv.reader(lines, delimiter=delimiter, strict=True))
        try:
            header = next(records, list[str]())
            _check_decoded(*header)
        except (csv.Error, ValueError) as error:
            raise SourceError(f"{path} has no readable header: {error}; its first line must name the columns") from None
        check_names(path, header)
        yield from _rows(lines, map(partial(_named, header), records))


@contextmanager
def open_text(path: Path) -> Generator[TextFile]:
    """Open a text file in the encoding that its byte order mark tells, or else in UTF-8."""
    with path.open("rb") as file, TextIOWrapper(file, _encoding(file.peek(4)[:4])) as text:
        yield text


def _encoding(start: bytes) -> str:
    if start in (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE):  # first, because one begins like UTF-16
        return "utf-32"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return "utf-8-sig" if start.startswith(codecs.BOM_UTF8) else "utf-8"


# Lines of JSON or CSV


class _Decoded(RawIOBase):
    """The bytes of a file, unpacked where they are gzip, whatever the file's name says. The budget counts them."""

    def __init__(self, file: FileIO, budget: Budget) -> None:
        self._file = file
        self._size = os.fstat(file.fileno()).st_size
        self._budget = budget
        is_gzip = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        self._bytes = GzipFile(fileobj=file) if is_gzip else file

    @property
    def fraction(self) -> float:
        return min(1.0, self._file.tell() / max(1, self._size))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        try:
            count = self._bytes.readinto(buffer) or 0
        except (EOFError, zlib.error, BadGzipFile) as error:
            raise SourceError(f"{self._file.name} is damaged: {error}; write or copy it again") from error
        self._budget.spend(count)
        return count


class _Lines(Iterator[str]):
    """The lines of a text file. One that makes its record too large is a ``ValueError``, after which they go on."""

    def __init__(self, file: TextIO, decoded: _Decoded, source: str) -> None:
        self.source = source
        self.number = 0
        self._file = file
        self._decoded = decoded
        self._record = 0  # the size of the lines since the last record

    @property
    def fraction(self) -> float:
        return self._decoded.fraction

    def end_record(self, record: str | Sequence[str]) -> bool:
        """Make room for the next record. False if this one is blank."""
        self._record = 0
        return bool(record.strip() if isinstance(record, str) else record)

    def __next__(self) -> str:
        line = self._file.readline(MAX_ROW_BYTES + 1)
        if not line:
            raise StopIteration
        self.number += 1
        # Python takes much more memory for many short values than for a long one.
        self._record += len(line) + VALUE_BYTES * sum(map(line.count, ",\t[{"))
        if self._record > MAX_ROW_BYTES:
            self._record = 0
            while line and not line.endswith("\n"):
                line = self._file.readline(2**20)
            raise ValueError(f"the row is longer than {MAX_ROW_BYTES} characters, or has too many values")
        return line


@contextmanager
def _open_lines(path: Path, max_bytes: MaxBytes, *, newline: str) -> Generator[_Lines]:
    with path.open("rb", buffering=0) as file:
        decoded = _Decoded(file, Budget(path, path.stat().st_size, max_bytes))
        buffered = BufferedReader(decoded)
        with TextIOWrapper(buffered, _encoding(buffered.peek(4)[:4]), "bicross.mark", newline) as text:
            yield _Lines(text, decoded, str(path))


def _rows(lines: _Lines, records: Iterator[Mapping[str, object]]) -> Iterator[SourceRow]:
    """A row for each of the records made from ``lines``. Neither map, filter nor csv.reader ends at an error."""
    while True:
        lines.end_record("")  # for the one before may have ended in an error
        values: Mapping[str, object] = {}
        problem = ""
        try:
            values = next(records)
        except StopIteration:
            return
        except csv.Error as error:
            problem = f"not CSV: {error}"
        except ValueError as error:
            problem = str(error)
        yield SourceRow(lines.source, lines.number, lines.fraction, values, problem)


def _json_object(line: str) -> Mapping[str, object]:
    _check_decoded(line)
    try:
        value = _DECODER.decode(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at column {error.colno}") from None
    except RecursionError:
        raise ValueError("not JSON that can be read: it is nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError(f"not a JSON object, but {value!r:.80}")  # noqa: TRY004 (what is wrong is the row)
    values = cast("dict[str, object]", value)
    metadata = values.get("metadata")
    if not isinstance(metadata, dict | None):
        raise ValueError(f"metadata must be an object, not {metadata!r:.80}")  # noqa: TRY004
    return values


def _named(header: Sequence[str], fields: Sequence[str]) -> Mapping[str, object]:
    _check_decoded(*fields)
    if len(fields) != len(header):
        raise ValueError(f"the row has {len(fields)} fields, but the header names {len(header)}")
    return dict(zip(header, fields, strict=True))


_DECODER = json.JSONDecoder(parse_constant=lambda name: None)
"""NaN and the infinities, which some programs write, are null as in every other format."""


def _mark_undecodable(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return _UNDECODABLE, error.end


codecs.register_error("bicross.mark", _mark_undecodable)


def _check_decoded(*texts: str) -> None:
    if any(_UNDECODABLE in text for text in texts):
        raise ValueError("there are bytes that cannot be decoded; save the file as UTF-8")


def check_names(path: Path, names: Sequence[str]) -> None:
    """Raise ``SourceError`` where two columns have one name."""
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise SourceError(f"{path} has more than one column named {twice!r}; rename one of them")
