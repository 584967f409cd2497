"""Divides sources into parts of about the same size: large files between rows, small files together.

JSON Lines are cut after a line, Parquet files between row groups, and Arrow files between record batches. Other files
are read whole: those that are compressed, for what comes before must be unpacked, and CSV files, for the types of
their columns follow from all rows.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import xxhash

from ....errors import SourceError
from ..encodings import encoding_of
from ..json_files import is_array
from ..options import SourceOptions
from ..places import SPAN_READERS, NamedSource, NotRead, SourceFile, rows_of
from ..readers import DocumentReader
from ..row_documents import lacks_id
from ..rows import Span
from ..tables import arrow_sizes, parquet_sizes
from .source_part import SourcePart

LEAST_BYTES = 2 * 2**20
MOST_BYTES = 256 * 2**20
MOST_PARTS = 1000
"""Of a source of up to 256 GB. A part becomes a segment of an index, which works best with fewer than a thousand."""
_BLOCK = 2**20


def part_size(total: int) -> int:
    """Return the bytes of a part: a power of two, so that a source that grows a little keeps most of its parts.

    Args:
        total: The bytes of the whole source.
    """
    size = LEAST_BYTES
    while size < MOST_BYTES and size * MOST_PARTS < total:
        size *= 2
    return size


def parts_of(reader: DocumentReader, *, part_bytes: int | None = None) -> list[SourcePart]:
    """Divide the sources of a reader into parts, in order. Every byte is read, for the hashes of the parts.

    Args:
        reader: What ``read_documents`` returned.
        part_bytes: About how many bytes a part has; None: as ``part_size`` says.

    Raises:
        SourceError: A file is damaged.
    """
    listed = [(source, source.entries()) for source in reader.named_sources]
    total = sum(entry.size for _, entries in listed for entry in entries if isinstance(entry, SourceFile))
    size = part_size(total) if part_bytes is None else part_bytes
    parts: list[SourcePart] = []
    for source, entries in listed:
        group = _Group(source)
        for entry in entries:
            spans = _spans(entry, reader.options, size) if isinstance(entry, SourceFile) else None
            if spans is None:
                group.add(entry)
                if group.bytes >= size:
                    parts.append(group.part())
                    group = _Group(source)
                continue
            if group.entries:
                parts.append(group.part())
                group = _Group(source)
            assert isinstance(entry, SourceFile)
            parts += _told_apart(spans, source, entry)
        if group.entries:
            parts.append(group.part())
    return parts


class _Group:
    """Neighbouring files that are read whole."""

    def __init__(self, source: NamedSource) -> None:
        self.entries: list[SourceFile | NotRead] = []
        self.bytes = 0
        self._source = source
        self._hash = xxhash.xxh3_128()

    def add(self, entry: SourceFile | NotRead) -> None:
        """Take one more entry of the source."""
        self.entries.append(entry)
        self._hash.update(f"{type(entry).__name__}\0{entry.name}\0".encode("utf-8", "surrogateescape"))
        if isinstance(entry, SourceFile):
            self.bytes += entry.size
            self._hash.update(f"{entry.ending}\0{_digest(entry.path)}\0".encode())

    def part(self) -> SourcePart:
        """Return what was taken."""
        files = [entry for entry in self.entries if isinstance(entry, SourceFile)]
        shown = files[0].shown if files else self._source.name
        if len(files) > 1:
            shown += f" to {files[-1].shown}"
        return SourcePart(
            shown,
            self._source.name,
            is_folder=self._source.is_folder,
            entries=tuple(self.entries),
            bytes=self.bytes,
            identity=self._hash.hexdigest(),
        )


def _told_apart(pieces: Sequence["_Piece"], source: NamedSource, file: SourceFile) -> Iterator[SourcePart]:
    """Yield pieces as parts; of those with the same bytes each is another part."""
    seen: dict[str, int] = {}
    for piece in pieces:
        seen[piece.digest] = number = seen.get(piece.digest, 0) + 1
        yield piece.part(source, file, number)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of the rows of a file, with a hash of its content."""

    span: Span
    rows: int
    bytes: int
    digest: str
    unit: str

    def part(self, source: NamedSource, file: SourceFile, number: int) -> SourcePart:
        """Return it as a part of a source: the first, second, ... of the file with these bytes."""
        shown = f"{file.shown}, {self.unit} {self.span.lines + 1} to {self.span.lines + self.rows}"
        described = f"{file.name}\0{file.ending}\0{self.digest}\0{number}\0{self.span.makes_ids}"
        identity = xxhash.xxh3_128_hexdigest(described.encode("utf-8", "surrogateescape"))
        read = replace(file, size=self.bytes, span=self.span)
        return SourcePart(
            shown, source.name, is_folder=source.is_folder, entries=(read,), bytes=self.bytes, identity=identity
        )


def _spans(file: SourceFile, options: SourceOptions, size: int) -> list[_Piece] | None:
    """Divide the rows of a file; None where it is read whole."""
    if file.ending not in SPAN_READERS or file.size <= size or not file.path.is_file():
        return None
    if file.ending in (".jsonl", ".ndjson"):
        if not _is_plain(file.path, options) or is_array(file.path, options):
            return None
        return list(_lines(file.path, size, makes_ids=_makes_ids(file, options)))
    sizes = parquet_sizes if file.ending == ".parquet" else arrow_sizes
    try:
        return _tables(file, size, sizes, makes_ids=_makes_ids(file, options))
    except SourceError:
        return None  # whoever reads it says what is wrong with it


def _makes_ids(file: SourceFile, options: SourceOptions) -> bool:
    """Whether the rows come without ids: the first good one decides, as where the file is read whole."""
    row = next((row for row in rows_of(file, options) if not row.problem), None)
    return row is not None and lacks_id(row.values, options)


def _is_plain(path: Path, options: SourceOptions) -> bool:
    """Whether a byte that looks like the end of a line is one: not in UTF-16, nor in gzip whatever its name."""
    with path.open("rb") as file:
        start = file.read(4)
    return not start.startswith(b"\x1f\x8b") and options.encoding is None and encoding_of(start).startswith("utf-8")


def _lines(path: Path, size: int, *, makes_ids: bool) -> Iterator[_Piece]:
    """Cut a file after the first line that brings a part to its size."""
    start = position = first = lines = 0
    digest = xxhash.xxh3_128()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            at = 0
            while at < len(block):
                missing = start + size - position
                cut = block.find(b"\n", at + max(0, missing - 1))
                stop = len(block) if cut < 0 else cut + 1
                digest.update(block[at:stop])
                lines += block.count(b"\n", at, stop)
                position += stop - at
                at = stop
                if cut >= 0:
                    span = Span(start, position, first, makes_ids)
                    yield _Piece(span, lines - first, position - start, digest.hexdigest(), "lines")
                    start, first, digest = position, lines, xxhash.xxh3_128()
    if position > start:
        rows = max(1, lines - first)
        yield _Piece(Span(start, position, first, makes_ids), rows, position - start, digest.hexdigest(), "lines")


def _tables(
    file: SourceFile, size: int, sizes: Callable[[Path], list[tuple[int, int]]], *, makes_ids: bool
) -> list[_Piece] | None:
    """Take neighbouring groups of rows together until they have the size of a part."""
    groups = sizes(file.path)
    if len(groups) < 2:
        return None
    digest = _digest(file.path)  # of the whole file: row groups share its dictionaries and schema
    pieces: list[_Piece] = []
    start = lines = rows = held = 0
    for number, (group_rows, group_bytes) in enumerate(groups, 1):
        rows, held = rows + group_rows, held + group_bytes
        if held >= size or number == len(groups):
            span = Span(start, number, lines, makes_ids)
            pieces.append(_Piece(span, rows, held, f"{digest} {start} {number}", "rows"))
            start, lines, rows, held = number, lines + rows, 0, 0
    return pieces


def _digest(path: Path) -> str:
    digest = xxhash.xxh3_128()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except OSError as error:
        return f"cannot be read: {error.errno}"  # whoever reads it says so
    return digest.hexdigest()
