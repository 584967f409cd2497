"""OpenedIndex: creates, opens and refreshes an index."""

import threading
import uuid
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, get_args

from ..errors import ArgumentError, IndexCorrupt, IndexNotFound
from ..errors.arguments import checked_flag, checked_instance, checked_path, described
from .arguments import checked_batches
from .chunking import Chunking
from .coverage import Coverage
from .files import Filesystem
from .filters import Predicate
from .manifest import COLUMN_NAMES, Manifest, ModelFingerprint, VectorLayout
from .newest import open_newest
from .reader import IndexReader
from .reading import Comparison, Snapshot, View
from .segments import EmbeddedBatch, Verify
from .stores import Origin, is_url, origin_of, require_no_copy
from .writing import IndexBuilder, OnDisk, building, on_disk, read_manifest, require_free


class OpenedIndex(IndexReader):
    """An index that moves to newer generations; ``Index`` adds the changes."""

    def __init__(self, path: Path, snapshot: Snapshot, filesystem: Filesystem, *, origin: Origin | None = None) -> None:
        """Wrap an open generation. Use ``create`` or ``open`` instead."""
        super().__init__(path, snapshot)
        self._origin = origin
        self._filesystem = filesystem
        self._moving = threading.Lock()
        """Held while the generation is replaced, so that of two refreshes the slower one does not go back."""

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
        late_interaction_fingerprint: str = "",
        overwrite: bool = False,
        filesystem: Filesystem | None = None,
    ) -> Self:
        """Build an index of ``batches`` in one commit, and open it.

        Args:
            path: The folder of the new index.
            model: The model that made the vectors.
            batches: The documents with all that is stored of them; may be a generator.
            chunking: How the documents were split; None if each is one passage.
            layout: How vectors are stored; None chooses by their number.
            tokenizer_fingerprint: As for ``build``.
            analyzer: As for ``build``.
            late_interaction_fingerprint: As for ``build``.
            overwrite: As for ``build``.
            filesystem: As for ``build``.

        Returns:
            The new index.

        Raises:
            IndexExists: As for ``build``.
            IndexLocked: As for ``build``.
            ArgumentError: As for ``build``, or a batch does not fit.
            DocumentError: Two documents have the same id.
        """
        batches = checked_batches(batches)
        with cls.build(
            path,
            model,
            chunking=chunking,
            layout=layout,
            tokenizer_fingerprint=tokenizer_fingerprint,
            analyzer=analyzer,
            late_interaction_fingerprint=late_interaction_fingerprint,
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
        late_interaction_fingerprint: str = "",
        overwrite: bool = False,
        resume: bool = False,
        filesystem: Filesystem | None = None,
    ) -> Generator[IndexBuilder]:
        """Yield a writer of a new index: call its ``add``, then its ``commit``.

        Until the commit there is no index at ``path``, or still the old one. A folder that is not an index is never
        changed.

        Args:
            path: The folder of the new index.
            model: The model that made the vectors.
            chunking: How the documents were split; None if each is one passage.
            layout: How vectors are stored; None chooses by their number.
            tokenizer_fingerprint: The sha256 (hex) of the tokenizer whose ids every batch has; empty for none.
            analyzer: The name of the analyzer whose terms every batch has; empty for none.
            late_interaction_fingerprint: The sha256 (hex) of the late-interaction model whose token vectors every batch
                has; empty for none.
            overwrite: Replace an index that exists at ``path``, in the commit.
            resume: Continue an interrupted build; the writer's ``holds`` says which documents it already has.
            filesystem: Writes the files; a test passes another one.

        Raises:
            IndexExists: An index, an unfinished build or another file is at ``path``.
            IndexLocked: Another process writes.
            IndexModelMismatch: The interrupted build used another model.
            ArgumentError: An argument is not valid, or the interrupted build had other settings.
        """
        path = checked_path(path)
        flags = {"overwrite": checked_flag(overwrite, "overwrite"), "resume": checked_flag(resume, "resume")}
        new = Manifest(
            str(uuid.uuid4()),
            0,
            checked_instance(model, ModelFingerprint, "model"),
            None if chunking is None else checked_instance(chunking, Chunking, "chunking"),
            VectorLayout() if layout is None else checked_instance(layout, VectorLayout, "layout"),
            tokenizer_fingerprint=tokenizer_fingerprint,
            analyzer=analyzer,
            late_interaction_fingerprint=late_interaction_fingerprint,
        )
        for names in COLUMN_NAMES:
            names.check_maker(new.maker(names))
        with building(path, new, _writing_with(filesystem), **flags) as builder:
            yield builder

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        model: ModelFingerprint | None = None,
        verify: Verify = "full",
        filesystem: Filesystem | None = None,
    ) -> Self:
        """Open the newest generation.

        An index that was published to a store is opened by its URL. Its files are copied to this machine, each once and
        verified. It can be searched and refreshed, and not be changed.

        Args:
            path: The folder of the index, or its URL in a store, such as "s3://bucket/folder".
            model: The model that the index must have been built with; None accepts any.
            verify: "full" verifies every checksum and all values. "size" verifies only the sizes; the structure of a
                file is checked when it is first needed, so a search may raise ``IndexCorrupt`` too.
            filesystem: Writes changes; a test passes another one.

        Raises:
            IndexNotFound: There is no index at ``path``.
            IndexCorrupt: A file is missing or damaged.
            IndexModelMismatch: The index was built with another model than ``model``.
            ObjectStoreError: The store of the URL does not answer, or does not let the caller in.
            IndexStoreError: It has more segments than can be opened: more than 3,584.
        """
        origin = Origin(path) if isinstance(path, str) and is_url(path) else None
        path = checked_path(path) if origin is None else origin.folder
        level: Any = verify
        if not isinstance(level, str) or level not in get_args(Verify):
            raise ArgumentError(f"verify must be 'full' or 'size', not {described(verify)}")
        wanted = None if model is None else checked_instance(model, ModelFingerprint, "model")
        if origin is not None:
            origin.copy()
        if wanted is not None:
            read_manifest(path).model.require_same(wanted)
        snapshot = _open_copy(path, origin, verify=verify, open_views=())
        return cls(path, snapshot, _writing_with(filesystem), origin=origin)

    @staticmethod
    def require_free(path: str | Path, *, overwrite: bool = False, resume: bool = False) -> None:
        """Check that an index can be built at ``path``, as ``build`` does; before a model is loaded, for example.

        Raises:
            IndexExists: Something is in the way.
            ArgumentError: No folder can be made there.
        """
        flags = {"overwrite": checked_flag(overwrite, "overwrite"), "resume": checked_flag(resume, "resume")}
        require_free(checked_path(path), **flags)

    @staticmethod
    def on_disk(path: str | Path) -> OnDisk:
        """Return what ``path`` holds, without opening it: the newest generation, and what an interrupted build left."""
        return on_disk(checked_path(path))

    @property
    def coverage(self) -> Coverage | None:
        """How much of the index the searches of this object were of; None for an index that is open as a whole."""
        return None

    def partial(self) -> Self:
        """Return the same generation as an index of its own, whose searches may go on without a part of it.

        That is so for a ``ShardedIndex`` alone; for others it is what ``pinned`` returns.
        """
        return self.pinned()

    def check_filter(self, where: Predicate) -> None:
        """Check a filter, as a search does.

        Raises:
            ArgumentError: It cannot be read, or does not fit the fields of the index.
        """
        self._snapshot.matching(where)

    def ids(self) -> Iterator[str]:
        """Yield the ids of all live documents, in the order in which they were added."""
        return self._snapshot.ids()

    def comparison(self) -> Comparison:
        """Return what compares documents with those of this generation, and finds which of these did not come."""
        return Comparison(self._snapshot.views)

    def refresh(self) -> bool:
        """Move to the newest generation; from a URL, to the newest published. Running searches finish on the old one.

        Returns:
            Whether there was a newer generation.

        Raises:
            IndexCorrupt: A file of the newest generation is missing or damaged.
            IndexModelMismatch: The index was replaced by one of another model.
            ObjectStoreError: The store of the URL does not answer; the index stays on its generation.
        """
        with self._moving:
            if self._origin is not None:
                self._origin.copy()
            newest = read_manifest(self.path)
            if newest == self._manifest:  # not the number alone: a backup may have been restored and changed since
                return False
            newest.model.require_same(self.model)
            self._snapshot = _open_copy(self.path, self._origin, verify="full", open_views=self._snapshot.views)
            return True

    @property
    def url(self) -> str | None:
        """The URL that the index was opened from; None for an index of this machine. ``path`` is the copy's folder."""
        return origin_of(self.path) if self._origin is None else self._origin.url

    def require_changeable(self) -> None:
        """Check that the index can be changed, as its methods do; before a model is loaded, for example.

        Raises:
            IndexReadOnly: It was opened by a URL.
        """
        require_no_copy(self.url)


def _writing_with(filesystem: Filesystem | None) -> Filesystem:
    return Filesystem() if filesystem is None else checked_instance(filesystem, Filesystem, "filesystem")


def _open_copy(path: Path, origin: Origin | None, *, verify: Verify, open_views: Sequence[View]) -> Snapshot:
    """Open the newest generation; a copy that is damaged on this machine is mended once."""
    try:
        return open_newest(path, verify=verify, open_views=open_views)
    except (IndexCorrupt, IndexNotFound):
        if origin is None:
            raise
        origin.copy(thorough=True)
        return open_newest(path, verify=verify, open_views=open_views)
