"""Copies files of rows without some of their rows."""

import gzip
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError

_KINDS = {"jsonl": "jsonl", "ndjson": "jsonl", "csv": "csv", "tsv": "tsv", "parquet": "parquet"}
_ANY_END = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_WIDE = (b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")
_ROWS_AT_ONCE = 10_000


def kind_of(source: Path, target: Path, format: str | None) -> str:  # noqa: A002 - the word that every user knows
    """Return what a file is, and check that a copy of it has a name that says the same.

    Raises:
        ArgumentError: It is of a kind that is not copied, the names differ in kind, or it cannot be copied by lines.
    """
    kind = _KINDS.get(_ending(source) if format is None else format.lower().removeprefix("."), "")
    if not source.is_file():
        raise ArgumentError(f"{source} is not a file: only a file of JSONL, CSV, TSV or Parquet is written anew")
    if not kind:
        raise ArgumentError(
            f"{source} is not written without its duplicates: only JSONL, CSV, TSV and Parquet are; for others, "
            "`bicross duplicates` lists them"
        )
    if _KINDS.get(_ending(target)) != kind:
        raise ArgumentError(f"{target} must end in .{kind}: {source} is {kind}, and rows are copied as they are")
    if kind == "parquet":
        return kind
    with _opened(source) as file:
        start = file.read(4096)
    if start.startswith(_WIDE) or b"\0" in start[:4]:
        raise ArgumentError(f"{source} is UTF-16 or UTF-32, whose lines are not copied: save it as UTF-8 first")
    if kind == "jsonl" and start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"["):
        raise ArgumentError(f"{source} is one JSON array, which is not copied by lines: save it as JSON Lines first")
    return kind


def copy_lines(source: Path, target: Path, left_out: NDArray[np.int64], *, any_end: bool) -> int:
    """Copy a text file without some lines, and return how many were left out.

    Args:
        source: A file, which may be gzip.
        target: The copy, which is gzip where its name has .gz.
        left_out: The numbers of lines, from 1, in rising order.
        any_end: Whether a carriage return alone ends a line too.
    """
    numbers = iter(cast("list[int]", left_out.tolist()))
    next_out, count = next(numbers, 0), 0
    with _opened(source) as file, _created(target) as copy:
        for number, line in enumerate(_lines(file, any_end=any_end), start=1):
            if number == next_out:
                next_out, count = next(numbers, 0), count + 1
            else:
                copy.write(line)
    return count


def copy_parquet(source: Path, target: Path, left_out: NDArray[np.int64]) -> int:
    """Copy a Parquet file without some rows, and return how many were left out.

    Args:
        source: A file.
        target: The copy, with the schema, the metadata and the compression of the file.
        left_out: The numbers of rows, from 1, in rising order.
    """
    import pyarrow as pa  # not for files of lines
    import pyarrow.parquet as pq

    with pq.ParquetFile(source) as file:
        metadata = file.metadata
        has_columns = metadata.num_row_groups > 0 and metadata.num_columns > 0
        packed: Any = metadata.row_group(0).column(0).compression if has_columns else "SNAPPY"
        packed = "NONE" if packed == "UNCOMPRESSED" else packed
        schema = file.schema_arrow
        done = count = 0
        with pq.ParquetWriter(target, schema, compression=packed) as copy:
            for batch in cast("Iterator[pa.RecordBatch]", cast("Any", file).iter_batches(_ROWS_AT_ONCE)):
                begin, end = np.searchsorted(left_out, [done + 1, done + batch.num_rows + 1]).tolist()
                is_kept = np.ones(batch.num_rows, np.bool_)
                is_kept[left_out[begin:end] - 1 - done] = False
                copy.write_batch(batch.filter(pa.array(is_kept)))
                done, count = done + batch.num_rows, count + end - begin
    return count


def _ending(path: Path) -> str:
    name = path.name.lower().removesuffix(".gz")
    return name.rpartition(".")[2]


def _lines(file: IO[bytes], *, any_end: bool) -> Iterator[bytes]:
    if not any_end:
        yield from file
        return
    for line in file:
        yield from _ANY_END.findall(line)


@contextmanager
def _opened(path: Path) -> Generator[IO[bytes]]:
    """Open a file, unpacked where it is gzip, whatever its name says."""
    with path.open("rb") as file:
        is_gzip = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        if not is_gzip:
            yield file
            return
        with gzip.GzipFile(fileobj=file) as unpacked:
            yield cast("IO[bytes]", unpacked)


@contextmanager
def _created(path: Path) -> Generator[IO[bytes]]:
    """Create a file, packed where its name has .gz before what marks it as a part."""
    with path.open("wb") as file:
        if ".gz" not in path.suffixes:
            yield file
            return
        with gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as packed:
            yield cast("IO[bytes]", packed)
