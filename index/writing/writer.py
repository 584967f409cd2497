"""IndexWriter: collects additions and deletions and commits them in one step."""

import dataclasses
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain, groupby
from pathlib import Path
from typing import Self

import numpy as np

from ...errors import ArgumentError, DocumentError
from ..arguments import checked_ids
from ..document import Document, checked_documents
from ..files import Filesystem
from ..filters import Predicate
from ..manifest import Manifest, SegmentEntry
from ..reading import SEGMENTS, Comparison, Snapshot, View, has_text_of
from ..segments import (
    TOMBSTONES,
    EmbeddedBatch,
    IdEntry,
    Segment,
    SegmentWriter,
    content_hash,
    kinds_of,
    write_tombstones,
)
from ..vectors import VectorIndex
from .batches import check_batch, check_kinds, kinds_of_batch, kinds_of_index
from .generations import commit, require_few_segments
from .targets import IdOwners, Target

ROWS_TOGETHER = 1024


class IndexWriter:
    """Writes the next generation of an index. Whoever makes it holds the lock.

    Nothing is part of the index before ``commit``. Leaving the writer without a commit removes what was written.
    """

    segment_passages = 250_000
    """A new segment begins after this many passages: it bounds the memory that a writer needs."""
    segments_are_few = True

    def __init__(self, path: Path, base: Snapshot, filesystem: Filesystem, *, template: VectorIndex) -> None:
        """Begin with the segments of a generation.

        Args:
            path: The folder of the index.
            base: The generation to change.
            filesystem: Writes the files.
            template: An index without rows in the layout of the vectors, trained if the layout needs that.
        """
        self._path, self._filesystem, self._template = path, filesystem, template
        self._base, self._before = base.manifest, base
        self._views = [Target(view, changed=False) for view in base.views]
        self._old = self._asked_each = len(self._views)
        self._owners = IdOwners()  # of the views from ``_asked_each`` on
        self._segment: SegmentWriter | None = None
        self._rows: dict[str, int] = {}  # the live documents of the segment being written
        self._kinds = kinds_of_index([view.segment for view in base.views if view.entry.passages][:1])
        self._created: list[Path] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._segment is not None:
            self._segment.__exit__()
        with suppress(OSError):  # the next writer removes what cannot be removed now
            for path in self._created:
                self._filesystem.remove_folder(path)

    def holds(self, documents: Sequence[Document]) -> list[bool]:
        """Say for each document whether the index has it already, with the same title, text and metadata.

        Such a document needs no embedding and no writing.
        """
        documents = checked_documents(documents)
        ids, contents = [document.id for document in documents], [content_hash(document) for document in documents]
        held = [False] * len(documents)
        for _, number, entry in self._found(ids):
            held[number] |= entry.content == contents[number]
        return held

    def comparison(self) -> Comparison:
        """Return what compares documents with those of the index before the changes of this writer."""
        return Comparison(self._before.views)

    def add(self, batch: EmbeddedBatch) -> int:
        """Append new documents.

        Returns:
            How many documents were appended.

        Raises:
            DocumentError: The index already has one of the ids.
            ArgumentError: The parts of the batch do not fit together, or do not fit the index.
        """
        self._check(batch)
        ids = [document.id for document in batch.documents]
        taken = {ids[number] for _, number, _ in self._found(ids)}
        for id_ in ids:
            if id_ in taken or id_ in self._rows:
                raise DocumentError(f"the id {id_!r} is there already; ids must be unique in an index")
            taken.add(id_)
        self._write(batch)
        return len(ids)

    def upsert(self, batch: EmbeddedBatch) -> int:
        """Append documents; each replaces the one with its id. If two of the batch have one id, the last stays.

        Returns:
            How many documents were written.

        Raises:
            ArgumentError: As for ``add``.
        """
        self._check(batch)
        self.delete([document.id for document in batch.documents])
        self._write(batch)
        return len(batch.documents)

    def replace_metadata(self, documents: Sequence[Document]) -> int:
        """Append documents whose title and text the index has; their passages keep their vectors, token ids and terms.

        Args:
            documents: Each replaces the one with its id, which has the same title and text.

        Returns:
            How many documents were written.

        Raises:
            ArgumentError: The index had no such document before the changes of this writer, or another title or text.
        """
        new = {document.id: document for document in checked_documents(documents)}
        for target in self._views[: self._old]:
            rows = sorted(entry.row for entry in target.find(list(new)) if entry is not None)
            # Neighbours alone are read together: the vectors between them are read too.
            for _, neighbours in groupby(rows, key=lambda row: row // ROWS_TOGETHER):
                stored = target.view.segment.batch(list(neighbours))
                replacing = [new.pop(document.id) for document in stored.documents]
                for old, document in zip(stored.documents, replacing, strict=True):
                    if (old.title, old.text) != (document.title, document.text):
                        raise ArgumentError(f"document {old.id!r:.80} has another title or text: it must be embedded")
                self.upsert(dataclasses.replace(stored, documents=replacing))
        if new:
            raise ArgumentError(f"there is no document with the id {next(iter(new))!r:.200}")
        return len(documents)

    def refresh_metadata(self, documents: Sequence[Document]) -> list[bool]:
        """Replace the metadata of those whose title and text the index had before the changes of this writer.

        Each document has an id of its own. Returned is for each whether it was one of those; others must be embedded.
        """
        documents = checked_documents(documents)
        same, ids = [False] * len(documents), [document.id for document in documents]
        for target in self._views[: self._old]:
            for number, entry in enumerate(target.find(ids)):
                same[number] |= entry is not None and has_text_of(target.view.segment, entry, documents[number])
        self.replace_metadata([document for document, is_same in zip(documents, same, strict=True) if is_same])
        return same

    def delete(self, ids: Sequence[str]) -> int:
        """Delete documents by id, and return how many there were. Unknown ids are ignored."""
        ids, deleted = checked_ids(ids), 0
        for number, _, entry in self._found(list(dict.fromkeys(ids))):
            self._views[number].kill(entry.row)
            deleted += 1
        for id_ in ids:
            deleted += self._rows.pop(id_, None) is not None
        return deleted

    def delete_where(self, where: Predicate) -> int:
        """Delete the documents whose metadata match, and return how many there were."""
        self._finish_segment()
        deleted = 0
        # A misspelt name in "x is null" would delete all documents.
        masks = Snapshot(self._base, [target.view for target in self._views]).matching(where, must_exist=True)
        for target, mask in zip(self._views, masks, strict=True):
            for row in np.flatnonzero(mask).tolist():
                target.kill(row)
                deleted += 1
        return deleted

    @property
    def tokenizer_fingerprint(self) -> str:
        """The sha256 of the tokenizer whose ids every batch must have; empty if batches must have none."""
        return self._base.tokenizer_fingerprint

    @property
    def analyzer(self) -> str:
        """The name of the analyzer whose terms every batch must have; empty if batches must have none."""
        return self._base.analyzer

    @property
    def late_interaction_fingerprint(self) -> str:
        """The sha256 of the model whose token vectors every batch must have; empty if batches must have none."""
        return self._base.late_interaction_fingerprint

    @property
    def changed(self) -> bool:
        """Whether there is anything to commit."""
        return self._segment is not None or len(self._views) > self._old or any(t.changed for t in self._views)

    def commit(self, *, reason: str) -> Manifest:
        """Commit the changes. When this returns, they survive a kill and a power cut.

        Args:
            reason: What the commit does, in a word, for the manifest.

        Returns:
            The new generation, or the old one if nothing changed.
        """
        if not self.changed:
            return self._base
        manifest = dataclasses.replace(self._base, segments=self._entries())
        # From here on the files stay: if the commit fails, it is unknown whether the new manifest is in place.
        self._created = []
        return commit(self._path, manifest, self._filesystem, reason=reason)

    def _entries(self) -> tuple[SegmentEntry, ...]:
        """Bring the segments to disk and return their entries in the manifest."""
        self._finish_segment()
        entries: list[SegmentEntry] = []
        for target in self._views:
            if target.changed:
                live = target.live
                tombstones = write_tombstones(self._filesystem, self._path / TOMBSTONES, live)
                self._created.append(self._path / TOMBSTONES / tombstones.name)
                target.written(int((~live).sum()), tombstones)
            entries.append(target.view.entry)
        return tuple(entries)

    def _found(self, ids: Sequence[str]) -> Iterator[tuple[int, int, IdEntry]]:
        """Yield the live documents with these ids: the number of the view, the position of the id, and its entry.

        Only segments that are finished are looked at.
        """
        asked: Iterable[tuple[int, Sequence[int]]] = ((number, range(len(ids))) for number in range(self._asked_each))
        for number, positions in chain(asked, self._owners.of(ids)):
            entries = self._views[number].find([ids[position] for position in positions])
            yield from ((number, at, entry) for at, entry in zip(positions, entries, strict=True) if entry is not None)

    def _check(self, batch: EmbeddedBatch) -> None:
        check_batch(batch, self._base)
        check_kinds(batch, self._kinds)

    def _write(self, batch: EmbeddedBatch) -> None:
        if not batch.documents:
            return
        kinds = kinds_of(batch)
        segment = self._segment
        if segment is not None and (segment.passages >= self.segment_passages or not segment.fits(kinds)):
            self._finish_segment()
        if self._segment is None:
            if self.segments_are_few:
                require_few_segments(self._path, len(self._views) + 1)
            self._created.append(folder := new_segment(self._path))
            self._filesystem.make_folder(folder)
            self._segment = SegmentWriter(self._filesystem, folder, self._template.empty_copy(), columns=kinds)
        first = self._segment.documents
        self._segment.write(batch)
        self._kinds |= kinds_of_batch(batch)
        self._rows.update({document.id: row for row, document in enumerate(batch.documents, start=first)})

    def _finish_segment(self) -> None:
        if self._segment is None:
            return
        entry = self._segment.finish()
        self._segment = None
        folder = self._path / SEGMENTS / entry.name
        segment = Segment(folder, entry, self._template, verify="size")  # its checksums were computed a moment ago
        live = np.zeros(entry.documents, np.bool_)
        live[list(self._rows.values())] = True
        self._owners.add(len(self._views), segment.id_table.hashes)
        self._views.append(Target(View(segment, entry, None if live.all() else live), changed=not live.all()))
        self._rows = {}


def new_segment(path: Path) -> Path:
    """Return the folder of a new segment, which does not exist yet."""
    return path / SEGMENTS / uuid.uuid4().hex
