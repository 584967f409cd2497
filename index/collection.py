"""Index: a folder of documents and vectors that is created, opened, changed and searched."""

import dataclasses
import logging
import threading
import uuid
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..errors import ArgumentError, BicrossError, IndexCorrupt, IndexModelMismatch
from .chunking import Chunking
from .files import Filesystem, writing
from .filters import Predicate
from .manifest import COLUMN_NAMES, Manifest, ModelFingerprint, VectorLayout, checked_settings
from .reader import IndexReader
from .reading import Snapshot, View
from .segments import POSTINGS, TOKEN_IDS, EmbeddedBatch, Verify, template
from .writing import (
    GRACE_SECONDS,
    Analyse,
    IndexBuilder,
    IndexWriter,
    Tokenize,
    Verification,
    building,
    collect_garbage,
    commit,
    compact,
    make_missing_folders,
    read_generation,
    read_manifest,
    replace_column,
    segments_to_merge,
)
from .writing import verify as verify_index

logger = logging.getLogger("bicross")


class Index(IndexReader):
    """One committed generation of an index, opened for reading.

    It stays what it is while others write; ``refresh`` moves to the newest generation, and so does each of its own
    changes. Any number of threads may read.
    """

    def __init__(self, path: Path, snapshot: Snapshot, filesystem: Filesystem) -> None:
        """Not called directly: see ``create`` and ``open``."""
        super().__init__(path, snapshot)
        self._filesystem = filesystem
        self._moving = threading.Lock()
        """Of two threads that refresh, the slower one may not take the index back."""

    @classmethod
    def create(  # noqa: PLR0913 - each argument has a default
        cls,
        path: str | Path,
        model: ModelFingerprint,
        *,
        batches: Iterable[EmbeddedBatch] = (),
        chunking: Chunking | None = None,
        layout: VectorLayout | None = None,
        tokenizer_fingerprint: str = "",
        analyzer: str = "",
        overwrite: bool = False,
        filesystem: Filesystem | None = None,
    ) -> "Index":
        """Make an index of ``batches``, which may be a generator, in one commit; see ``build``."""
        with cls.build(
            path,
            model,
            chunking=chunking,
            layout=layout,
            tokenizer_fingerprint=tokenizer_fingerprint,
            analyzer=analyzer,
            overwrite=overwrite,
            filesystem=filesystem,
        ) as builder:
            for batch in batches:
                builder.add(batch)
            builder.commit(reason="build")
        return cls.open(path, verify="size", filesystem=filesystem)

    @classmethod
    @contextmanager
    def build(  # noqa: PLR0913 - each argument has a default
        cls,
        path: str | Path,
        model: ModelFingerprint,
        *,
        chunking: Chunking | None = None,
        layout: VectorLayout | None = None,
        tokenizer_fingerprint: str = "",
        analyzer: str = "",
        overwrite: bool = False,
        resume: bool = False,
        filesystem: Filesystem | None = None,
    ) -> Generator[IndexBuilder]:
        """A writer of a new index: ``add`` to it, then ``commit``. All of it is there then, and before that nothing.

        An index that stands at ``path`` is an ``IndexExists`` error, or, with ``overwrite``, replaced in that commit;
        until then it stays as it was. A build that was interrupted is continued with ``resume``: ask ``holds`` what
        need not be added again. A folder that is not an index is never touched.

        With ``tokenizer_fingerprint``, the sha256 of a tokenizer in hex, every batch has to bring the token ids of its
        passages, and every ``Hit`` brings them back; with ``analyzer``, the name of an analyzer, it has to bring their
        terms, by which ``search_terms`` finds them.
        """
        path = Path(path)
        new = Manifest(
            str(uuid.uuid4()),
            0,
            model,
            chunking,
            layout or VectorLayout(),
            tokenizer_fingerprint=tokenizer_fingerprint,
            analyzer=analyzer,
        )
        for names in COLUMN_NAMES:
            names.check_maker(new.maker(names))
        with building(path, new, filesystem or Filesystem(), overwrite=overwrite, resume=resume) as builder:
            yield builder

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        model: ModelFingerprint | None = None,
        verify: Verify = "full",
        filesystem: Filesystem | None = None,
    ) -> "Index":
        """Open the newest generation. Every file's checksum is verified, or, with ``verify="size"``, its size alone.

        Raises ``IndexNotFound``, ``IndexCorrupt``, and ``IndexModelMismatch`` where ``model`` is given and another one.
        """
        path = Path(path)
        if model is not None:
            read_manifest(path).model.require_same(model)
        return cls(path, _newest(path, verify=verify, known=()), filesystem or Filesystem())

    def refresh(self) -> bool:
        """Move to the newest generation; whether there was a newer one. Searches under way finish on the old one.

        Raises ``IndexModelMismatch`` where the index was replaced by one of another model.
        """
        with self._moving:
            newest = read_manifest(self.path)
            if (newest.uuid, newest.generation) == (self._manifest.uuid, self.generation):
                return False
            newest.model.require_same(self.model)
            self._snapshot = _newest(self.path, verify="full", known=self._snapshot.views)
            return True

    @contextmanager
    def writer(self) -> Generator[IndexWriter]:
        """A writer on the newest generation, holding the lock: change it, then ``commit``. This index moves along.

        Raises ``IndexLocked`` while another one writes.
        """
        with writing(self.path, self._filesystem):
            newest = read_manifest(self.path)
            make_missing_folders(self.path, self._filesystem)
            collect_garbage(self.path, self._filesystem, grace=GRACE_SECONDS, compacted=False)
            newest.model.require_same(self.model)  # it may have been replaced since it was opened
            for names in COLUMN_NAMES:
                if newest.maker(names) != self._manifest.maker(names):
                    raise IndexModelMismatch(
                        f"{self.path} now stores {names.values} of {names.described(newest.maker(names))}, and of "
                        f"{names.described(self._manifest.maker(names))} when it was opened; refresh it, or open it "
                        "again"
                    )
            base = Snapshot.open(self.path, newest, known=self._snapshot.views)
            empty = template(self.path, newest)
            with IndexWriter(self.path, base, self._filesystem, template=empty) as writer:
                yield writer
        self.refresh()
        self._compact_quietly()

    def add(self, batches: Iterable[EmbeddedBatch]) -> int:
        """Append documents, from a generator too, in one commit, and return how many.

        An id that the index has is a ``DocumentError``; on any error nothing is added.
        """
        with self.writer() as writer:
            added = sum(writer.add(batch) for batch in batches)
            writer.commit(reason="add")
        return added

    def upsert(self, batches: Iterable[EmbeddedBatch]) -> int:
        """As ``add``, but a document takes the place of the one that has its id, in the same commit."""
        with self.writer() as writer:
            written = sum(writer.upsert(batch) for batch in batches)
            writer.commit(reason="upsert")
        return written

    def delete(self, ids: Iterable[str] = (), *, where: Predicate | None = None) -> int:
        """Delete documents by id, by a predicate on their metadata, or both, in one commit; returns how many.

        Ids that are not there are fine.
        """
        if isinstance(ids, str):
            raise ArgumentError(f"delete takes a list of ids; for one document: [{ids!r}]")
        with self.writer() as writer:
            deleted = writer.delete(list(ids))
            if where is not None:
                deleted += writer.delete_where(where)
            writer.commit(reason="delete")
        return deleted

    def compact(self, *, grace: float = GRACE_SECONDS) -> None:
        """Rewrite all segments as few, without what was deleted; old generations go after ``grace`` seconds."""
        compact(self.path, self._filesystem, grace=grace)
        self.refresh()

    def retokenize(self, tokenizer_fingerprint: str, tokenize: Tokenize) -> bool:
        """Keep the token ids of every passage for another tokenizer, in one commit; False where it has them already.

        ``tokenizer_fingerprint`` is its sha256 in hex; ``tokenize`` gives a flat array of uint16 or of uint32 for each
        of some texts. Segments are copied but for that, vectors and all; readers go on meanwhile.
        """
        changed = replace_column(self.path, self._filesystem, TOKEN_IDS, maker=tokenizer_fingerprint, make=tokenize)
        self.refresh()
        return changed

    def index_terms(self, analyzer: str, analyse: Analyse) -> bool:
        """Keep the terms of every passage, in one commit; False where those of this analyzer are there already.

        ``analyzer`` is its name; ``analyse`` gives a list of terms for each of some texts. Otherwise as ``retokenize``.
        """
        changed = replace_column(self.path, self._filesystem, POSTINGS, maker=analyzer, make=analyse)
        self.refresh()
        return changed

    def rollback(self, generation: int) -> None:
        """Commit an older generation again, as the newest. Raises ``ArgumentError`` where it is no longer there."""
        with writing(self.path, self._filesystem):
            older = read_generation(self.path, generation)
            make_missing_folders(self.path, self._filesystem)
            Snapshot.open(self.path, older, known=self._snapshot.views)  # damaged or incomplete: said before it counts
            commit(self.path, older, self._filesystem, reason=f"rollback to {generation}")
        with self._moving:
            self._snapshot = _newest(self.path, verify="full", known=self._snapshot.views)

    def set_settings(self, settings: Mapping[str, object]) -> None:
        """Keep these settings in place of what there were, in one commit that changes nothing else.

        A JSON object of at most 64 KiB; anything else is an ``ArgumentError``, and ``IndexLocked`` while another one
        writes. They mean nothing to the index; every change keeps them, and a rollback restores those of its
        generation.
        """
        checked = checked_settings(settings)
        with writing(self.path, self._filesystem):
            newest = read_manifest(self.path)
            newest.model.require_same(self.model)  # settings are chosen for a model
            make_missing_folders(self.path, self._filesystem)
            collect_garbage(self.path, self._filesystem, grace=GRACE_SECONDS, compacted=False)
            commit(self.path, dataclasses.replace(newest, settings=checked), self._filesystem, reason="settings")
        self.refresh()

    @staticmethod
    def verify(path: str | Path) -> Verification:
        """Check every file of every generation at ``path``, and that they agree; see ``Verification.problems``."""
        return verify_index(Path(path))

    def _compact_quietly(self) -> None:
        """What was asked for is committed: a compaction that cannot be done now is no error of it."""
        try:
            if segments_to_merge(self._manifest):
                compact(self.path, self._filesystem, grace=GRACE_SECONDS, choose=segments_to_merge)
                self.refresh()
        except (OSError, MemoryError, BicrossError) as error:  # such as an ArgumentError: the layout cannot be had
            logger.warning("%s was not compacted: %s", self.path, error)


def _newest(path: Path, *, verify: Verify, known: Sequence[View]) -> Snapshot:
    """Open the newest generation, also where a writer replaces it and deletes its files meanwhile."""
    while True:
        manifest = read_manifest(path)
        try:
            return Snapshot.open(path, manifest, verify=verify, known=known)
        except IndexCorrupt:
            if read_manifest(path).generation == manifest.generation:
                raise
