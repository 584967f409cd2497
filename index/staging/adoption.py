"""Makes chunks that many processes have written a part of an index, in one commit by one process.

All of them are checked first: that they are there and whole, that their files have the checksums of their seals, that
they store what the index stores, and that no id is in two of them. Until the commit they stay where they are, so after
an error or a kill nothing of them has to be made again.
"""

import dataclasses
import logging
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import BicrossError, DocumentError, IndexCorrupt, IndexModelMismatch, IndexStoreError
from ...errors.arguments import checked_flag, checked_instance, checked_path
from ..files import Filesystem, link_or_copy, writing
from ..manifest import COLUMN_NAMES, Manifest, SegmentEntry, checked_settings
from ..reading import Snapshot, View
from ..segments import TOMBSTONES, Segment, template, write_tombstones
from ..vectors import VectorIndex
from ..writing import (
    BUILDING,
    GRACE_SECONDS,
    STAGING,
    collect_garbage,
    commit,
    compact,
    kinds_of_index,
    make_missing_folders,
    new_segment,
    prepare_folders,
    read_manifest,
    require_free,
    rewrite,
    segments_to_merge,
    wants_another_layout,
)
from .duplicates import duplicates
from .plan import NAME_DIGITS, ChunkSettings
from .seals import SealedChunk, checked_names, damaged, read_seal

logger = logging.getLogger("bicross")


@dataclass(frozen=True, slots=True)
class Adopted:
    """What a commit has made of chunks.

    Attributes:
        documents: How many documents the chunks have brought.
        copies: How many documents were dropped, because a chunk before has the same one, and its id was made.
        generation: The number of the new generation.
    """

    documents: int
    copies: int
    generation: int


def adopt_new(
    path: str | Path,
    names: Sequence[str],
    settings: ChunkSettings,
    *,
    stored: Mapping[str, object] | None = None,
    overwrite: bool = False,
    filesystem: Filesystem | None = None,
) -> Adopted:
    """Commit chunks as a new index.

    The layout of the vectors is chosen, trained and measured as ``Index.build`` does it: here, by this process.

    Args:
        path: The folder of the index, in which the chunks are staged.
        names: The chunks, in the order of their documents.
        settings: What they have in common.
        stored: As for ``Index.set_settings``; None stores none.
        overwrite: Replace an index that exists at ``path``.
        filesystem: Writes the files; a test passes another one.

    Raises:
        IndexStoreError: A chunk is not sealed.
        IndexCorrupt: A chunk is damaged.
        IndexModelMismatch: A chunk was written by another version of bicross.
        DocumentError: Two documents have the same id. The message says where both are.
        IndexExists: An index or another file is at ``path``.
        IndexLocked: Another process writes.
    """
    path, filesystem = checked_path(path), filesystem or Filesystem()
    names = checked_names(names)
    checked_instance(settings, ChunkSettings, "settings")
    checked_flag(overwrite, "overwrite")
    new = dataclasses.replace(settings.manifest(), settings=checked_settings({} if stored is None else stored))
    require_free(path, overwrite=overwrite, resume=True)
    prepare_folders(path, filesystem)
    with writing(path, filesystem):
        require_free(path, overwrite=overwrite, resume=True)
        chosen = _Chunks(path, names, settings, VectorIndex(new.model.dimension))
        copies = chosen.drop_copies(())
        kinds_of_index(view.segment for view in chosen.views)
        entries = [view.entry for view in chosen.views]
        manifest, created = dataclasses.replace(new, segments=tuple(entries)), list[Path]()
        try:
            if wants_another_layout(manifest):
                rewritten = rewrite(path, filesystem, manifest, chosen.views, created=created)
                assert rewritten is not None
                segments = tuple(merged.entry for merged in rewritten.merged)
                manifest = dataclasses.replace(manifest, vectors=rewritten.layout, segments=segments)
            else:
                manifest = dataclasses.replace(manifest, segments=_linked(path, chosen.views, filesystem, created))
            created.clear()  # from here on the new manifest may list them, even after an error
            committed = commit(path, manifest, filesystem, reason="build")
        finally:
            _remove(created, filesystem)
        filesystem.remove_file(path / BUILDING)
        collect_garbage(path, filesystem, grace=GRACE_SECONDS, compacted=True)
    return _finished(path, chosen, committed, copies, filesystem)


def adopt_added(
    path: str | Path, names: Sequence[str], settings: ChunkSettings, *, filesystem: Filesystem | None = None
) -> Adopted:
    """Commit chunks as additions to an index.

    Args:
        path: The folder of the index, in which the chunks are staged.
        names: As for ``adopt_new``.
        settings: What they have in common; the layout is that of the index.
        filesystem: As for ``adopt_new``.

    Raises:
        IndexModelMismatch: The index is now of another model or layout than the chunks.
        DocumentError: As for ``adopt_new``, or the index has an id already.
        IndexStoreError: As for ``adopt_new``.
        IndexCorrupt: As for ``adopt_new``.
        IndexLocked: Another process writes.
    """
    path, filesystem = checked_path(path), filesystem or Filesystem()
    names = checked_names(names)
    checked_instance(settings, ChunkSettings, "settings")
    with writing(path, filesystem):
        newest = read_manifest(path)
        make_missing_folders(path, filesystem)
        collect_garbage(path, filesystem, grace=GRACE_SECONDS, compacted=False)
        _require_fitting(path, newest, settings)
        chosen = _Chunks(path, names, settings, template(path, newest))
        base = Snapshot.open(path, newest, verify="size").views
        copies = chosen.drop_copies(base)
        filled = [view for view in base if view.entry.passages]
        kinds_of_index(view.segment for view in (*filled[:1], *chosen.views))
        created: list[Path] = []
        try:
            segments = (*newest.segments, *_linked(path, chosen.views, filesystem, created))
            created.clear()
            committed = commit(path, dataclasses.replace(newest, segments=segments), filesystem, reason="add")
        finally:
            _remove(created, filesystem)
    return _finished(path, chosen, committed, copies, filesystem)


class _Chunks:
    """The chunks of a plan, opened and checked. Those without documents have no view."""

    def __init__(self, path: Path, names: Sequence[str], settings: ChunkSettings, like: VectorIndex) -> None:
        self.names = list(names)
        self.views: list[View] = []
        self._chunks: list[SealedChunk] = []
        manifest = settings.manifest()
        for name in names:
            chunk = read_seal(path, name)
            if chunk is None:
                raise IndexStoreError(f"{path} has no chunk {name}: it was not written, or its folder was deleted")
            if chunk.software != settings.software:
                raise IndexModelMismatch(
                    f"the chunk {name} was written by bicross {chunk.software}, and this is {settings.software}; run "
                    "the same version everywhere"
                )
            if chunk.entry is not None:
                self.views.append(View(_opened(path, chunk.entry, manifest, like), chunk.entry, None))
                self._chunks.append(chunk)

    @property
    def documents(self) -> int:
        """The number of live documents."""
        return sum(view.entry.documents - view.entry.deleted for view in self.views)

    def drop_copies(self, base: Sequence[View]) -> int:
        """Mark documents as deleted that are copies of others, where ids are made; another double id is an error.

        Args:
            base: The segments that the index has already.
        """
        dropped: dict[int, list[int]] = {}
        for found in duplicates([*base, *self.views]):
            first, second = found.first.segment - len(base), found.second.segment - len(base)
            if second < 0:
                continue  # both are in the index already: not the fault of these chunks
            is_made = first >= 0 and self._chunks[first].account.ids_made and self._chunks[second].account.ids_made
            if not (is_made and found.same):
                where = self._place(second, found.second.row)
                other = self._place(first, found.first.row) if first >= 0 else "the index"
                raise DocumentError(
                    f"the id {found.id!r:.200} is in {other} and in {where}; ids must be unique in an index"
                )
            dropped.setdefault(second, []).append(found.second.row)
        for number, rows in dropped.items():
            live = np.ones(self.views[number].entry.documents, np.bool_)
            live[rows] = False
            entry = dataclasses.replace(self.views[number].entry, deleted=len(rows))
            self.views[number] = View(self.views[number].segment, entry, live)
        return sum(map(len, dropped.values()))

    def _place(self, number: int, row: int) -> str:
        source = self._chunks[number].account.source or f"the chunk {self._chunks[number].name}"
        return f"{source} (document {row + 1} of that part)"


def _opened(path: Path, entry: SegmentEntry, manifest: Manifest, like: VectorIndex) -> Segment:
    """Open a chunk, of which every byte is verified."""
    for names in COLUMN_NAMES:
        if (names.file in entry.files) != bool(manifest.maker(names)):
            raise damaged(path, entry.name, f"{names.file} is there and should not be, or the other way round")
    try:
        return Segment(path / STAGING / entry.name, entry, like, verify="full")
    except IndexCorrupt as error:
        raise damaged(path, entry.name, str(error)) from error


def _require_fitting(path: Path, newest: Manifest, settings: ChunkSettings) -> None:
    newest.model.require_same(settings.model)
    planned = settings.manifest()
    differing = [names.values for names in COLUMN_NAMES if newest.maker(names) != planned.maker(names)]
    if newest.chunking != planned.chunking:
        differing.append("passages")
    if (newest.vectors.factory, newest.vectors.quantiser) != (planned.vectors.factory, planned.vectors.quantiser):
        differing.append("layout of vectors")
    if differing:
        raise IndexModelMismatch(
            f"{path} now has another {' and '.join(differing)} than when the chunks were planned; run the same command "
            "again"
        )


def _linked(path: Path, views: Sequence[View], filesystem: Filesystem, created: list[Path]) -> tuple[SegmentEntry, ...]:
    """Give the files of chunks names among the segments of the index, and return their entries."""
    entries: list[SegmentEntry] = []
    for view in views:
        folder = new_segment(path)
        created.append(folder)
        filesystem.make_folder(folder)
        for name, entry in view.entry.files.items():
            link_or_copy(filesystem, view.segment.folder / name, folder / name, entry)
        filesystem.fsync_folder(folder)
        listed = dataclasses.replace(view.entry, name=folder.name)
        if view.live is not None:
            tombstones = write_tombstones(filesystem, path / TOMBSTONES, view.live)
            created.append(path / TOMBSTONES / tombstones.name)
            listed = dataclasses.replace(listed, tombstones=tombstones)
        entries.append(listed)
    return tuple(entries)


def _remove(created: Sequence[Path], filesystem: Filesystem) -> None:
    with suppress(OSError):
        for path in created:
            filesystem.remove_folder(path)


def _finished(path: Path, chunks: _Chunks, committed: Manifest, copies: int, filesystem: Filesystem) -> Adopted:
    """Clean up after the commit. What fails now is tried again by the next writer, or deleted when it is old."""
    documents = chunks.documents
    chunks.views.clear()
    with suppress(OSError):
        own, staging = set(chunks.names), path / STAGING
        attempts = [entry for entry in staging.iterdir() if entry.name.rpartition("-")[0] in own]
        # They lose their names at once: half a chunk must not be taken for one, and a worker that was overtaken and
        # still writes must not find its attempt again.
        for entry in [*(staging / name for name in chunks.names), *attempts]:
            nameless = staging / f"{entry.name[:NAME_DIGITS]}-{uuid.uuid4().hex}"
            filesystem.move(entry, nameless)
            filesystem.remove_folder(nameless)
        if not any((path / STAGING).iterdir()):
            filesystem.rmdir(path / STAGING)
    try:
        if segments_to_merge(committed):
            compact(path, filesystem, grace=GRACE_SECONDS, choose=segments_to_merge)
    except (OSError, MemoryError, BicrossError) as error:
        logger.warning("%s was not compacted: %s", path, error)
    return Adopted(documents, copies, committed.generation)
