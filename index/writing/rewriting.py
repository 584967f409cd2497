"""Makes a stored column anew, or for the first time, in one commit.

A rewrite holds the writer's lock and runs beside readers. It copies each segment, deleted documents included, and
replaces only the file of that column. Older generations keep their segments.
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
from ..manifest import SegmentEntry
from ..reading import Snapshot
from ..segments import ColumnWriter, Kind, PassageColumn, Segment
from .generations import GRACE_SECONDS, collect_garbage, commit, make_missing_folders, read_manifest
from .writer import new_segment

BATCH_DOCUMENTS = 1024

Tokenize: TypeAlias = Callable[[Sequence[str]], Sequence[NDArray[Any]]]
"""Returns the token ids of each text: a flat array of uint16 or of uint32, always of the same type."""
Analyse: TypeAlias = Callable[[Sequence[str]], Sequence[Sequence[str]]]
"""Returns the list of terms of each text."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Rewrite:
    """The column to make, the name of its maker, and the function that makes the values of some texts."""

    column: PassageColumn[Any]
    maker: str
    make: Callable[[Sequence[str]], Any]


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
        make_missing_folders(path, filesystem)
        collect_garbage(path, filesystem, grace=GRACE_SECONDS, compacted=False)
        created: list[Path] = []
        try:
            segments: list[SegmentEntry] = []
            for view in Snapshot.open(path, newest).views:
                created.append(new_segment(path))
                files = _write_copy(view.segment, created[-1], filesystem, _Rewrite(column, maker, make))
                segments.append(dataclasses.replace(view.entry, name=created[-1].name, files=files))
            created.clear()  # from here on the new manifest may list them, even after an error
            changes: dict[str, Any] = {"segments": tuple(segments), names.field: maker}
            commit(path, dataclasses.replace(newest, **changes), filesystem, reason=f"new {names.file}")
        finally:
            with suppress(OSError):
                for folder in created:
                    filesystem.remove_folder(folder)
    return True


def _write_copy(segment: Segment, folder: Path, filesystem: Filesystem, rewrite: _Rewrite) -> dict[str, FileEntry]:
    """Copy the files of a segment, write the new column, and return the files for the manifest."""
    filesystem.make_folder(folder)
    new = rewrite.column.file
    files = {name: entry for name, entry in segment.entry.files.items() if name != new}
    for name, entry in files.items():
        copy_verified(filesystem, segment.folder / name, folder / name, entry)
    with create_checked(filesystem, folder / new) as file:
        _write_column(file, segment, rewrite)
        files[new] = file.entry()
    filesystem.fsync_folder(folder)
    return files


def _write_column(file: CheckedFile, segment: Segment, rewrite: _Rewrite) -> None:
    column, names = rewrite.column, rewrite.column.names
    writer: ColumnWriter | None = None
    first: Kind = None
    for texts in _texts(segment):
        values = rewrite.make(texts)
        column.check_batch(values, passages=len(texts), maker=rewrite.maker)
        kind = column.kind_of(values)
        if writer is None:
            first, writer = kind, column.writer(file, [kind])
        elif kind != first:
            raise ArgumentError(f"the {names.values} of some texts are {first}, and of others {kind}; give one type")
        writer.write(values)
    (writer or column.writer(file, [])).close()


def _texts(segment: Segment) -> Iterator[list[str]]:
    """Yield the texts of the passages as models read them, in batches, in the order of the vectors."""
    for start in range(0, len(segment), BATCH_DOCUMENTS):
        rows = range(start, min(start + BATCH_DOCUMENTS, len(segment)))
        documents = list(segment.documents(rows))
        pairs = zip(documents, segment.passages(rows, documents), strict=True)
        yield [passage_text(document.title, passage.text) for document, passages in pairs for passage in passages]
