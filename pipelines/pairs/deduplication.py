"""Writes a file anew without its duplicates; the rows that stay are copied as they are."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from ...errors import ArgumentError, SourceError
from ...errors.arguments import require_file_place
from ...index import Document, DocumentReader
from .records import DuplicateGroup, Duplicates
from .rows_files import copy_lines, copy_parquet, kind_of

Find = Callable[[Iterable[Document]], Duplicates]
"""Finds the duplicates among documents."""
_PART = ".part"


@dataclass(frozen=True, slots=True)
class Dropped:
    """A row that was left out.

    Attributes:
        id: The id of its document; "ID (2)" is the second of the file with that id, or with that title and text.
        line: The line of the file where it begins, or the row, from 1.
        kept: The id of the document that is kept for it.
        score: The cosine of both; 1 for equal texts.
        verified: What the reranker gave for both; None without one.
        is_equal: Whether both have the same text.
    """

    id: str
    line: int
    kept: str
    score: float
    verified: float | None
    is_equal: bool


@dataclass(frozen=True, slots=True)
class Deduplicated:
    """What was written.

    Attributes:
        documents: How many documents the file has.
        kept: How many of them were written.
        dropped: The others, in the order of the file.
    """

    documents: int
    kept: int
    dropped: tuple[Dropped, ...]


def dedupe_file(
    source: Path,
    target: Path,
    reader: DocumentReader,
    find: Find,
    *,
    format: str | None = None,  # noqa: A002 - the word that every user knows
    overwrite: bool = False,
) -> Deduplicated:
    """Write the rows of a file anew, of each group of duplicates only that of the representative.

    Rows that stay are copied byte for byte, or row by row with the schema of a Parquet file, in their order; what is no
    document, such as a header or a blank line, stays too. The new file appears when it is whole.

    Args:
        source: A file of JSON Lines, CSV, TSV or Parquet; of all but the last also with gzip.
        target: The new file, of the same kind.
        reader: Reads the documents of ``source``, with ``keep_copies=True``.
        find: Finds the duplicates, such as a ``partial`` of ``find_duplicates``.
        format: What ``source`` is, where its name does not say it.
        overwrite: Replace a file at ``target``, which may be ``source`` itself.

    Raises:
        ArgumentError: The files are of other or different kinds, or there is a file at ``target``.
        SourceError: ``source`` cannot be read, or changed meanwhile.
        DocumentError: A row is not a document.
    """
    kind = kind_of(source, target, format)
    require_writable(target, overwrite=overwrite)
    before = _state(source)
    documents = _PlacedDocuments(reader)
    dropped = sorted(_dropped(find(documents), documents), key=lambda row: row.line)
    places = [documents.places[row.id] for row in dropped]
    lines = np.array([number for line, count in places for number in range(line, line + count)], np.int64)
    part = target.with_name(target.name + _PART)
    try:
        if kind == "parquet":
            left_out = copy_parquet(source, part, lines)
        else:
            left_out = copy_lines(source, part, lines, any_end=kind != "jsonl")
        if left_out != len(lines) or _state(source) != before:
            raise SourceError(
                f"{source} was changed while its duplicates were looked for, so nothing is written; try again"
            )
        require_writable(target, overwrite=overwrite)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return Deduplicated(len(documents.places), len(documents.places) - len(dropped), tuple(dropped))


def require_writable(target: Path, *, overwrite: bool) -> None:
    """Check that a file may be written at a path.

    Raises:
        ArgumentError: There is one already, or no folder for it.
    """
    require_file_place(target, "rows")
    if target.exists() and not overwrite:
        raise ArgumentError(f"{target} exists already: choose another name, or replace it with overwrite=True")


class _PlacedDocuments(Iterable[Document]):
    """The documents of a reader, with the line of each and the number of its lines, by their ids."""

    def __init__(self, reader: DocumentReader) -> None:
        self.places: dict[str, tuple[int, int]] = {}
        self._reader = reader
        documents = self._placed()
        self._documents = chain([next(documents)], documents)  # a mistake shows before a model is loaded

    @property
    def fraction(self) -> float:
        """The share of the file that has been read."""
        return self._reader.fraction

    def __iter__(self) -> Iterator[Document]:
        return self._documents

    def _placed(self) -> Iterator[Document]:
        for document in self._reader:
            if self._reader.line is None:
                raise SourceError(f"{document.id} is a file of one document, and no row can be left out of it")
            self.places[document.id] = (self._reader.line, self._reader.lines)
            yield document


def _dropped(groups: Iterable[DuplicateGroup], documents: _PlacedDocuments) -> Iterator[Dropped]:
    for group in groups:
        # Of equal texts the first in the file stays, which may not be the one with the first id.
        equal = group.documents[: group.equal]
        kept = min(equal, key=lambda document: documents.places[document.id])
        for number, document in enumerate(group.documents):
            if document.id != kept.id:
                verified = None if group.verified is None else group.verified[number]
                line = documents.places[document.id][0]
                yield Dropped(document.id, line, kept.id, group.scores[number], verified, number < group.equal)


def _state(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns
