"""Index: a folder of documents and vectors that is created, opened, changed and searched."""

import dataclasses
import logging
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from ..errors import BicrossError, IndexModelMismatch
from ..errors.arguments import checked_count, checked_path
from .arguments import checked_batches, checked_ids, checked_seconds
from .files import Filesystem, writing
from .filters import Predicate
from .manifest import COLUMN_NAMES, Manifest, VectorLayout, checked_settings
from .newest import open_newest
from .reading import Snapshot
from .segments import EmbeddedBatch, template
from .stored_columns import IndexOfColumns
from .stores import origin_of, require_no_copy
from .writing import (
    GRACE_SECONDS,
    IndexWriter,
    Verification,
    collect_garbage,
    commit,
    compact,
    make_missing_folders,
    read_generation,
    read_manifest,
    require_few_segments,
    require_own_model,
    segments_to_merge,
)
from .writing import verify as verify_index

logger = logging.getLogger("bicross")


class Index(IndexOfColumns):
    """One committed generation of an index, open for reading and changing.

    The index stays on its generation while others write. ``refresh`` moves it to the newest one; so does each change
    made through it. Any number of threads may search it.

    Example:
        >>> index = Index.open("my-index")
        >>> [document.id for document in index.documents()]
    """

    @property
    def layout(self) -> VectorLayout:
        """How vectors are stored and searched."""
        return self._manifest.vectors

    @contextmanager
    def writer(self) -> Generator[IndexWriter]:
        """Yield a writer on the newest generation: change it, then call its ``commit``. The writer holds the lock.

        After the block this index moves to the newest generation, and is compacted if it needs that.

        Raises:
            IndexLocked: Another process writes.
            IndexModelMismatch: The index was replaced by one of another model, tokenizer or analyzer.
            IndexReadOnly: The index was opened by a URL.
            IndexStoreError: The index has as many segments as it can have.
        """
        with self._changing(new_segments=1) as writer:
            yield writer

    @contextmanager
    def _changing(self, *, new_segments: int) -> Generator[IndexWriter]:
        self.require_changeable()
        with writing(self.path, self._filesystem):
            newest = read_manifest(self.path)
            require_few_segments(self.path, len(newest.segments) + new_segments)
            make_missing_folders(self.path, self._filesystem)
            collect_garbage(self.path, self._filesystem, grace=GRACE_SECONDS, compacted=False)
            self._require_unreplaced(newest)
            base = Snapshot.open(self.path, newest, opened_views=self._snapshot.views)
            empty = template(self.path, newest)
            with IndexWriter(self.path, base, self._filesystem, template=empty) as writer:
                yield writer
        self.refresh()
        self._compact_quietly()

    def add(self, batches: Iterable[EmbeddedBatch]) -> int:
        """Add documents in one commit. After an error nothing is added.

        Args:
            batches: The documents with all that is stored of them; may be a generator.

        Returns:
            How many documents were added.

        Raises:
            DocumentError: The index already has a document with one of the ids.
            IndexLocked: Another process writes.
            IndexModelMismatch: As for ``writer``.
        """
        batches = checked_batches(batches)
        with self.writer() as writer:
            added = sum(writer.add(batch) for batch in batches)
            writer.commit(reason="add")
        return added

    def upsert(self, batches: Iterable[EmbeddedBatch]) -> int:
        """Add documents in one commit; each replaces the one with its id.

        Args:
            batches: As for ``add``.

        Returns:
            How many documents were written.

        Raises:
            IndexLocked: Another process writes.
            IndexModelMismatch: As for ``writer``.
        """
        batches = checked_batches(batches)
        with self.writer() as writer:
            written = sum(writer.upsert(batch) for batch in batches)
            writer.commit(reason="upsert")
        return written

    def delete(self, ids: Iterable[str] = (), *, where: Predicate | None = None) -> int:
        """Delete documents by id, by a filter on their metadata, or both, in one commit.

        Args:
            ids: Ids of documents; unknown ones are ignored.
            where: As for ``search``.

        Returns:
            How many documents were deleted.

        Raises:
            ArgumentError: ``ids`` is a string, or ``where`` is not valid.
            IndexLocked: Another process writes.
            IndexModelMismatch: As for ``writer``.
        """
        checked = checked_ids(ids)
        with self._changing(new_segments=0) as writer:
            deleted = writer.delete(checked)
            if where is not None:
                deleted += writer.delete_where(where)
            writer.commit(reason="delete")
        return deleted

    def compact(self, *, grace: float = GRACE_SECONDS) -> None:
        """Merge all segments into few, without deleted documents. Readers and one writer may continue meanwhile.

        Args:
            grace: Seconds after which a generation that was replaced may be deleted.

        Raises:
            IndexLocked: Another compaction runs.
        """
        self.require_changeable()
        compact(self.path, self._filesystem, grace=checked_seconds(grace, "grace"))
        self.refresh()

    @classmethod
    def compacted(cls, path: str | Path, *, grace: float = GRACE_SECONDS) -> Self:
        """Compact an index and open it. This merges more segments than an index can be opened with, too.

        Args:
            path: The folder of the index.
            grace: As for ``compact``.

        Raises:
            IndexNotFound: There is no index at ``path``.
            IndexLocked: Another compaction runs.
            IndexReadOnly: The folder is the copy of an index that was opened by a URL.
        """
        path = checked_path(path)
        require_no_copy(origin_of(path))
        read_manifest(path)  # nothing is made where there is no index
        compact(path, Filesystem(), grace=checked_seconds(grace, "grace"))
        return cls.open(path, verify="size")  # each checksum was verified, or made, a moment ago

    def rollback(self, generation: int) -> None:
        """Commit an older generation again, as the newest one.

        Args:
            generation: The number of the generation; ``info().older_generations`` lists them.

        Raises:
            ArgumentError: The index no longer has this generation.
            IndexCorrupt: A file of the generation is missing or damaged.
            IndexLocked: Another process writes.
        """
        self.require_changeable()
        with writing(self.path, self._filesystem):
            self._require_unreplaced(read_manifest(self.path))
            older = read_generation(self.path, checked_count(generation, "generation", least=-(2**63)))
            require_own_model(self.path, older, self.model)
            make_missing_folders(self.path, self._filesystem)
            # Opens every file, so that a damaged generation is an error before it becomes the newest one.
            Snapshot.open(self.path, older, opened_views=self._snapshot.views)
            commit(self.path, older, self._filesystem, reason=f"rollback to {generation}")
        with self._moving:
            self._snapshot = open_newest(self.path, verify="full", open_views=self._snapshot.views)

    def set_settings(self, settings: Mapping[str, object]) -> None:
        """Replace the settings, in one commit that changes nothing else.

        Settings are for the programs that search the index. Every change keeps them; a rollback restores its own.

        Args:
            settings: A JSON object of at most 64 KiB.

        Raises:
            ArgumentError: The settings are not such an object.
            IndexLocked: Another process writes.
            IndexModelMismatch: The index was replaced by one of another model.
        """
        self.require_changeable()
        checked = checked_settings(settings)
        with writing(self.path, self._filesystem):
            newest = read_manifest(self.path)
            newest.model.require_same(self.model)  # settings are for a model
            make_missing_folders(self.path, self._filesystem)
            collect_garbage(self.path, self._filesystem, grace=GRACE_SECONDS, compacted=False)
            commit(self.path, dataclasses.replace(newest, settings=checked), self._filesystem, reason="settings")
        self.refresh()

    @staticmethod
    def verify(path: str | Path) -> Verification:
        """Check every file of every generation at ``path``, and that the files agree.

        Damage is reported in ``Verification.problems``, not raised.

        Raises:
            IndexNotFound: There is no index at ``path``.
            IndexCorrupt: The manifest cannot be read.
        """
        return verify_index(checked_path(path))

    def _require_unreplaced(self, newest: Manifest) -> None:
        newest.model.require_same(self.model)
        for names in COLUMN_NAMES:
            if newest.maker(names) != self._manifest.maker(names):
                raise IndexModelMismatch(
                    f"{self.path} now stores {names.values} of {names.described(newest.maker(names))}, and of "
                    f"{names.described(self._manifest.maker(names))} when it was opened; refresh it, or open it again"
                )

    def _compact_quietly(self) -> None:
        """Compact the index if it needs that. A failure is only logged, because the requested change is committed."""
        try:
            if segments_to_merge(self._manifest):
                compact(self.path, self._filesystem, grace=GRACE_SECONDS, choose=segments_to_merge)
                self.refresh()
        except (OSError, MemoryError, BicrossError) as error:  # such as an ArgumentError: the layout cannot be had
            logger.warning("%s was not compacted: %s", self.path, error)
