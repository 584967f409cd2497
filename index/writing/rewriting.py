"""Makes a stored column anew, or for the first time, or drops it, in one commit.

A rewrite holds the writer's lock and runs beside readers. It copies each segment, deleted documents included, and
replaces, or leaves out, only the file of that column. Older generations keep their segments.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

from numpy.typing import NDArray

from ...errors import ArgumentError
from ..document import passage_text
from ..files import CheckedFile, FileEntry, Filesystem, copy_verified, create_checked, writing
from ..manifest import Manifest, SegmentEntry
from ..reading import Snapshot
from ..segments import ColumnWriter, Kind, PassageColumn, Segment, TokenVectors
from .generations import GRACE_SECONDS, collect_garbage, commit, make_missing_folders, read_manifest
from .writer import new_segment

BATCH_DOCUMENTS = 1024
BATCH_PASSAGES = 1024

Tokenize: TypeAlias = Callable[[Sequence[str]], Sequence[NDArray[Any]]]
"""Returns the token ids of each text: a flat array of uint16 or of uint32, always of the same type."""
Analyse: TypeAlias = Callable[[Sequence[str]], Sequence[Sequence[str]]]
"""Returns the list of terms of each text."""
EncodeTokens: TypeAlias = Callable[[Sequence[str]], Sequence[TokenVectors]]
"""Returns the token vectors of each text: int8 of shape (tokens, dim), always of the same ``dim``."""


class _Maker:
    """Makes the values of a column, all of one kind."""

    def __init__(self, column: PassageColumn[Any], name: str, make: Callable[[Sequence[str]], Any]) -> None:
        self._column, self._name, self._make = column, name, make
        self._kinds: list[Kind] = []

    def write(self, file: CheckedFile, segment: Segment) -> None:
        """Write the file of a segment."""
        column = self._column
        writer: ColumnWriter | None = None
        for texts in _texts(segment):
            values = self._make(texts)
            column.check_batch(values, passages=len(texts), maker=self._name)
            self._require_one_kind(column.kind_of(values))
            writer = writer or column.writer(file, self._kinds)
            writer.write(values)
        (writer or column.writer(file, [])).close()

    def _require_one_kind(self, kind: Kind) -> None:
        self._kinds = self._kinds or [kind]
        if kind != self._kinds[0]:
            first, other = map(self._column.described, (self._kinds[0], kind))
            raise ArgumentError(
                f"the {self._column.names.values} of some texts are {first}, and of others {other}; give one type"
            )


def replace_column(
    path: Path,
    filesystem: Filesystem,
    column: PassageColumn[Any],
    *,
    maker: str,
    make: Callable[[Sequence[str]], Any],
) -> bool:
    """Store a column for every passage of an index, in one commit.

    Args:
        path: The folder of the index.
        filesystem: Writes the files.
        column: The column to make.
        maker: The name of what makes it, for the manifest.
        make: Returns the values of some passages, given their texts.

    Returns:
        False if the index already stores this column of this maker; then nothing is written.

    Raises:
        ArgumentError: ``maker`` is not a valid name, or ``make`` returned values that cannot be stored.
        IndexLocked: Another process writes.
    """
    names = column.names
    names.check_maker(maker)
    if not maker:
        raise ArgumentError(f"name the {names.maker} of the {names.values}: it must be {names.form}")
    with writing(path, filesystem):
        newest = read_manifest(path)
        if newest.maker(names) == maker:
            return False
        write = _Maker(column, maker, make).write
        _rewrite(path, filesystem, newest, column, maker=maker, write=write)
    return True


def drop_column(path: Path, filesystem: Filesystem, column: PassageColumn[Any]) -> bool:
    """Store a column for no passage any more, in one commit.

    Args:
        path: The folder of the index.
        filesystem: Writes the files.
        column: The column to drop.

    Returns:
        False if the index does not store it; then nothing is written.

    Raises:
        IndexLocked: Another process writes.
    """
    with writing(path, filesystem):
        newest = read_manifest(path)
        if not newest.maker(column.names):
            return False
        _rewrite(path, filesystem, newest, column)
    return True


def _rewrite(
    path: Path,
    filesystem: Filesystem,
    newest: Manifest,
    column: PassageColumn[Any],
    *,
    maker: str = "",
    write: Callable[[CheckedFile, Segment], None] | None = None,
) -> None:
    """Commit copies of all segments, with what ``write`` writes as the file of the column; None drops it."""
    make_missing_folders(path, filesystem)
    collect_garbage(path, filesystem, grace=GRACE_SECONDS, compacted=False)
    names = column.names
    created: list[Path] = []
    try:
        segments: list[SegmentEntry] = []
        for view in Snapshot.open(path, newest).views:
            folder = new_segment(path)
            created.append(folder)
            files = _copied(view.segment, folder, filesystem, without=names.file)
            if write is not None:
                with create_checked(filesystem, folder / names.file) as file:
                    write(file, view.segment)
                    files[names.file] = file.entry()
            filesystem.fsync_folder(folder)
            segments.append(dataclasses.replace(view.entry, name=folder.name, files=files))
        created.clear()  # from here on the new manifest may list them, even after an error
        changes: dict[str, Any] = {"segments": tuple(segments), names.field: maker}
        reason = f"new {names.file}" if maker else f"no {names.file}"
        commit(path, dataclasses.replace(newest, **changes), filesystem, reason=reason)
    finally:
        with suppress(OSError):
            for folder in created:
                filesystem.remove_folder(folder)


def _copied(segment: Segment, folder: Path, filesystem: Filesystem, *, without: str) -> dict[str, FileEntry]:
    """Copy the files of a segment but one to a new folder, and return them for the manifest."""
    filesystem.make_folder(folder)
    files = {name: entry for name, entry in segment.entry.files.items() if name != without}
    for name, entry in files.items():
        copy_verified(filesystem, segment.folder / name, folder / name, entry)
    return files


def _texts(segment: Segment) -> Iterator[list[str]]:
    """Yield the texts of the passages as models read them, in batches, in the order of the vectors."""
    for start in range(0, len(segment), BATCH_DOCUMENTS):
        rows = range(start, min(start + BATCH_DOCUMENTS, len(segment)))
        documents = list(segment.documents(rows))
        pairs = zip(documents, segment.passages(rows, documents), strict=True)
        texts = [passage_text(document.title, passage.text) for document, passages in pairs for passage in passages]
        for first in range(0, len(texts), BATCH_PASSAGES):  # what is made of one text may be 30 KB
            yield texts[first : first + BATCH_PASSAGES]
