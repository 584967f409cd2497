"""Compaction: merges small segments and drops deleted documents.

It runs beside readers and, until it commits, beside a writer. Documents that are deleted meanwhile are deleted in the
result too; documents that are added meanwhile stay in their segments.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import IndexLocked
from ..files import Filesystem, compacting, writing
from ..manifest import MOST_SEGMENTS, Manifest, SegmentEntry, VectorLayout
from ..reading import SEGMENTS, Snapshot, View
from ..segments import (
    TOMBSTONES,
    VECTORS,
    SegmentWriter,
    read_tombstones,
    template,
    write_tombstones,
)
from ..vectors import VectorIndex
from .batches import kinds_of_index
from .generations import collect_garbage, commit, make_missing_folders, read_manifest
from .quantiser_training import MERGED_PASSAGES, measured, train, wants_another_layout
from .writer import new_segment

BATCH_DOCUMENTS = 1024
PATIENCE_SECONDS = 60.0
"""How long a compaction that is ready to commit waits for a writer."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of documents in one view, ascending."""

    view: int
    rows: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Merged:
    """A new segment, and the batches that it was made of, in order."""

    entry: SegmentEntry
    batches: Sequence[Batch]


@dataclass(slots=True)
class Rewritten:
    """The result of ``rewrite``.

    Attributes:
        layout: The layout of the vectors.
        empty: An index of that layout without rows.
        merged: The new segments.
    """

    layout: VectorLayout
    empty: VectorIndex
    merged: list[Merged] = field(default_factory=list[Merged])


def compact(
    path: Path,
    filesystem: Filesystem,
    *,
    grace: float,
    choose: Callable[[Manifest], Sequence[SegmentEntry]] | None = None,
) -> None:
    """Rewrite segments without their deleted documents, in one commit.

    Args:
        path: The folder of the index.
        filesystem: Writes the files.
        grace: Seconds after which a generation that was replaced may be deleted.
        choose: Chooses the segments; None rewrites all.

    Raises:
        IndexLocked: Another compaction runs, or a writer does not finish within a minute.
    """
    with compacting(path, filesystem):
        manifest = read_manifest(path)
        chosen = manifest.segments if choose is None else choose(manifest)
        if choose is None or chosen:
            make_missing_folders(path, filesystem)
        if choose is None and len(chosen) > MOST_SEGMENTS:
            # They have more memory maps than a process may: a part of them after the other.
            for first in range(0, len(chosen), MOST_SEGMENTS):
                part = {entry.name for entry in chosen[first : first + MOST_SEGMENTS]}
                _rewrite(path, filesystem, read_manifest(path), part)
            manifest = read_manifest(path)
            chosen = manifest.segments
        if chosen:
            _rewrite(path, filesystem, manifest, {entry.name for entry in chosen})
    with writing(path, filesystem, patience=PATIENCE_SECONDS):
        collect_garbage(path, filesystem, grace=grace, compacted=True)


def _rewrite(path: Path, filesystem: Filesystem, manifest: Manifest, names: set[str]) -> None:
    chosen = tuple(entry for entry in manifest.segments if entry.name in names)
    snapshot = Snapshot.open(path, dataclasses.replace(manifest, segments=chosen))
    views = list(snapshot.views)
    created: list[Path] = []
    try:
        rewritten = rewrite(path, filesystem, manifest, views, created=created)
        if rewritten is None:
            return
        with writing(path, filesystem, patience=PATIENCE_SECONDS):
            newest = read_manifest(path)
            merged = list(rewritten.merged)
            if rewritten.layout != manifest.vectors:
                # Segments that were added meanwhile must be rewritten too: all segments share one quantiser.
                current = Snapshot.open(path, newest, opened_views=snapshot.views)
                added = [view for view in current.views if view.entry.name not in names]
                merged += _merge(path, filesystem, added, rewritten, created=created, first_view=len(views))
                views += added
            segments = _replaced(path, newest, views, merged, filesystem)
            created.clear()
            changed = dataclasses.replace(newest, segments=segments, vectors=rewritten.layout)
            commit(path, changed, filesystem, reason="compact")
    finally:
        with suppress(OSError):
            for folder in created:
                filesystem.remove_folder(folder)


def _replaced(
    path: Path, newest: Manifest, views: Sequence[View], merged: Sequence[Merged], filesystem: Filesystem
) -> tuple[SegmentEntry, ...]:
    """Return the segments of ``newest`` with the merged ones in place of their parts; deletions are kept."""
    entries = {entry.name: entry for entry in newest.segments}
    names = [view.entry.name for view in views]
    if not entries.keys() >= set(names):
        raise IndexLocked(f"{path} was replaced or rolled back while it was compacted; compact it again")
    alive = [_alive(path, entries[name]) for name in names]
    written: list[SegmentEntry] = []
    for new in merged:
        live = np.concatenate([alive[batch.view][batch.rows] for batch in new.batches])
        entry = new.entry
        if not live.all():
            tombstones = write_tombstones(filesystem, path / TOMBSTONES, live)
            entry = dataclasses.replace(entry, deleted=int((~live).sum()), tombstones=tombstones)
        written.append(entry)
    position = min((i for i, entry in enumerate(newest.segments) if entry.name in names), default=0)
    untouched = [entry for entry in newest.segments if entry.name not in names]
    return (*untouched[:position], *written, *untouched[position:])


def _alive(path: Path, entry: SegmentEntry) -> NDArray[np.bool_]:
    live = read_tombstones(path / TOMBSTONES, entry)
    return np.ones(entry.documents, np.bool_) if live is None else live


def rewrite(
    path: Path, filesystem: Filesystem, manifest: Manifest, views: Sequence[View], *, created: list[Path]
) -> Rewritten | None:
    """Write the live documents of some segments, in order, as few new segments.

    Args:
        path: The folder of the index.
        filesystem: Writes the files.
        manifest: The generation of the segments.
        views: The segments. If they are all that the generation has, the layout of the vectors is chosen anew.
        created: The new files and folders are appended. The caller removes them unless it commits.

    Returns:
        The new segments; None if the old ones need no change.
    """
    if len(views) == len(manifest.segments) and wants_another_layout(manifest):
        layout, empty = train(path, filesystem, manifest, views, created=created)
        rewritten = Rewritten(layout, empty)
        rewritten.merged += _merge(path, filesystem, views, rewritten, created=created)
        parts = [_vectors(path, new.entry, empty) for new in rewritten.merged]
        rewritten.layout = measured(layout, views, parts, dimension=manifest.model.dimension)
        return rewritten
    if len(views) < 2 and all(view.live is None for view in views):
        return None
    rewritten = Rewritten(manifest.vectors, template(path, manifest))
    rewritten.merged += _merge(path, filesystem, views, rewritten, created=created)
    return rewritten


def _merge(
    path: Path,
    filesystem: Filesystem,
    views: Sequence[View],
    into: Rewritten,
    *,
    created: list[Path],
    first_view: int = 0,
) -> list[Merged]:
    merged: list[Merged] = []
    kinds_of_index(view.segment for view in views)  # refuses segments that cannot be merged, by their names
    kinds = [view.segment.kinds() for view in views]
    columns = {column: [of_view[column] for of_view in kinds] for column in (kinds[0] if kinds else ())}
    batches = _batches(views)
    for first in batches:
        taken: list[Batch] = []
        created.append(new_segment(path))
        filesystem.make_folder(created[-1])
        vectors = into.empty.empty_copy()
        with SegmentWriter(filesystem, created[-1], vectors, columns=columns) as writer:
            batch: Batch | None = first
            while batch is not None:
                writer.write(views[batch.view].segment.batch(batch.rows.tolist()))
                taken.append(Batch(batch.view + first_view, batch.rows))
                batch = next(batches, None) if writer.passages < MERGED_PASSAGES else None
            merged.append(Merged(writer.finish(), taken))
    return merged


def _vectors(path: Path, entry: SegmentEntry, like: VectorIndex) -> VectorIndex:
    file = path / SEGMENTS / entry.name / VECTORS
    return VectorIndex.read(file, dimension=like.dimension, rows=entry.passages, like=like)


def _batches(views: Sequence[View]) -> Iterator[Batch]:
    for number, view in enumerate(views):
        rows = view.rows()
        while next_rows := list(islice(rows, BATCH_DOCUMENTS)):
            yield Batch(number, np.array(next_rows, np.int64))
