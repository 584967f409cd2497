"""IndexBuilder: writes a new index segment by segment, so that an interrupted build can resume."""

import dataclasses
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError, BicrossError, IndexExists, IndexLocked
from ..document import Document
from ..files import Filesystem, writing
from ..manifest import COLUMN_NAMES, MANIFEST_NAME, Manifest, checked_settings
from ..reading import SEGMENTS, Snapshot
from ..segments import EmbeddedBatch
from ..vectors import VectorIndex
from .checkpoints import CheckpointClock
from .compaction import rewrite
from .generations import BUILDING, GRACE_SECONDS, collect_garbage, commit, prepare_folders, require_free
from .quantiser_training import check_asked
from .writer import IndexWriter


class IndexBuilder(IndexWriter):
    """Writes the first generation of an index.

    Finished segments are listed in the file ``BUILDING``. If the builder is left without ``commit``, they stay, so that
    the next build can resume. Documents of an interrupted build that do not come again, or that have changed, are
    dropped.

    What was added is on disk after every ``segment_passages``, whenever ``clock`` says so, and after an interrupt.
    Until the commit vectors are stored exactly. The commit gives them the layout that was asked for, and merges
    segments.
    """

    segment_passages = 25_000
    segments_are_few = False  # the commit merges them

    def __init__(
        self, path: Path, begun: Snapshot, filesystem: Filesystem, *, clock: CheckpointClock | None = None
    ) -> None:
        """Continue from what is on disk.

        Args:
            path: The folder of the index.
            begun: What an interrupted build left, or a generation without segments.
            filesystem: Writes the files.
            clock: Says when the added documents are to be brought to the disk.
        """
        super().__init__(path, begun, filesystem, template=VectorIndex(begun.manifest.model.dimension))
        self._asked_each = 0  # an interrupted build may have left hundreds of segments
        for number, target in enumerate(self._views):
            self._owners.add(number, target.view.segment.id_table.hashes)
        self._unseen: list[NDArray[np.bool_]] = [target.live.copy() for target in self._views]
        self._clock = clock or CheckpointClock()
        self._writing = False

    def __exit__(self, kind: object = None, error: object = None, *trace: object) -> None:
        """Leave the build; an interrupt keeps what was added, unless it came in the middle of writing it."""
        if isinstance(error, KeyboardInterrupt) and not self._writing:
            with suppress(OSError, BicrossError):  # what is on disk already stays
                self._finish_segment()
        super().__exit__(kind, error, *trace)

    def holds(self, documents: Sequence[Document]) -> list[bool]:
        """See ``IndexWriter.holds``. A document that is held counts as having come again."""
        held = super().holds(documents)
        ids = [document.id for document, is_held in zip(documents, held, strict=True) if is_held]
        for number, _, entry in self._found(ids):
            if number < len(self._unseen):
                self._unseen[number][entry.row] = False
        return held

    def add(self, batch: EmbeddedBatch) -> int:
        """See ``IndexWriter.add``. A document replaces another version of it that the interrupted build left."""
        self._check(batch)
        ids = [document.id for document in batch.documents]
        for number, _, entry in self._found(ids):
            if number < len(self._unseen) and self._unseen[number][entry.row]:
                self._views[number].kill(entry.row)
        added = super().add(batch)
        if self._clock.is_due:
            self._finish_segment()
        return added

    def commit(self, *, reason: str, settings: Mapping[str, object] | None = None) -> Manifest:
        """Commit the index. It replaces the one that existed at its path, if any.

        Args:
            reason: As for ``IndexWriter.commit``.
            settings: As for ``Index.set_settings``; None stores none.

        Raises:
            ArgumentError: The settings are not a JSON object of at most 64 KiB.
        """
        checked = checked_settings({} if settings is None else settings)
        for target, unseen in zip(self._views, self._unseen, strict=False):
            for row in np.flatnonzero(unseen & target.live).tolist():
                target.kill(row)
        entries = self._entries()
        manifest = dataclasses.replace(self._base, segments=entries, settings=checked)
        views = [target.view for target in self._views]
        rewritten = rewrite(self._path, self._filesystem, manifest, views, created=self._created)
        if rewritten is not None:
            segments = tuple(new.entry for new in rewritten.merged)
            manifest = dataclasses.replace(manifest, vectors=rewritten.layout, segments=segments)
        self._created = []
        committed = commit(self._path, manifest, self._filesystem, reason=reason)
        self._filesystem.remove_file(self._path / BUILDING)
        return committed

    def _write(self, batch: EmbeddedBatch) -> None:
        with self._uninterrupted():
            super()._write(batch)

    def _finish_segment(self) -> None:
        self._clock.reset()
        if self._segment is None:
            return
        with self._uninterrupted():
            super()._finish_segment()
            # The segments so far are on disk: a later build can continue from here.
            manifest = dataclasses.replace(self._base, segments=self._entries())
            self._filesystem.fsync_folder(self._path / SEGMENTS)
            # As with a commit: after an error it is unknown whether the file lists the new segments, so they stay.
            self._created = []
            self._filesystem.replace(self._path / BUILDING, manifest.to_bytes())

    @contextmanager
    def _uninterrupted(self) -> Generator[None]:
        """Mark that the segment is incomplete while the block runs, and after an error in it."""
        outer, self._writing = self._writing, True
        yield
        self._writing = outer


@contextmanager
def building(
    path: Path, new: Manifest, filesystem: Filesystem, *, overwrite: bool, resume: bool
) -> Generator[IndexBuilder]:
    """Hold the lock and yield the builder of a new index; see ``Index.build``.

    Args:
        path: The folder of the index.
        new: The generation to write, without segments.
        filesystem: Writes the files.
        overwrite: Replace an index that exists at ``path``.
        resume: Continue an interrupted build.

    Raises:
        IndexExists: An index or another file is at ``path``.
        IndexLocked: Another process writes.
        IndexModelMismatch: The interrupted build used another model.
        ArgumentError: The layout cannot be built, or the interrupted build had other settings.
    """
    # Errors that can be foreseen are raised before anything is written.
    require_free(path, overwrite=overwrite, resume=resume)
    check_asked(new.vectors, new.model.dimension)
    new_folder = not path.exists()
    try:
        prepare_folders(path, filesystem)
        with writing(path, filesystem):
            require_free(path, overwrite=overwrite, resume=resume)
            begun = _begun(path, new) if resume else Snapshot(new, ())
            if not resume:
                filesystem.remove_file(path / BUILDING)
            with IndexBuilder(path, begun, filesystem) as builder:
                yield builder
            collect_garbage(path, filesystem, grace=GRACE_SECONDS, compacted=True)
    except (IndexExists, IndexLocked):
        raise  # another writer was faster, and owns the folder
    except BaseException:
        if new_folder and not (path / BUILDING).exists() and not (path / MANIFEST_NAME).exists():
            with suppress(OSError):
                filesystem.remove_folder(path)
        raise


def _begun(path: Path, new: Manifest) -> Snapshot:
    """Return what an interrupted build of the same index left."""
    building_file = path / BUILDING
    try:
        begun = Manifest.from_bytes(building_file.read_bytes(), source=str(building_file))
    except FileNotFoundError:
        return Snapshot(new, ())
    begun.model.require_same(new.model)
    if begun.chunking != new.chunking:
        raise ArgumentError(
            f"the interrupted build split documents by {begun.chunking}, not by {new.chunking}; "
            "continue it with the same settings, or start again with overwrite=True"
        )
    for names in COLUMN_NAMES:
        if begun.maker(names) != new.maker(names):
            raise ArgumentError(
                f"the interrupted build stored {names.values} of {names.described(begun.maker(names))}, not of "
                f"{names.described(new.maker(names))}; continue it with the same {names.maker}, or start again with "
                "overwrite=True"
            )
    return Snapshot.open(path, dataclasses.replace(begun, vectors=new.vectors))
