"""Index: a folder of documents and vectors, created, opened, added to and searched. Knows no model and no network.

``MANIFEST`` says which segments there are; replacing it is the commit. What it does not list is not part of the index:
a writer that dies leaves files behind, never half an index.
"""

import dataclasses
import uuid
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import filelock
import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentError, DocumentError, IndexCorrupt, IndexExists, IndexLocked, IndexNotFound
from .document import Document, Passage
from .faiss_index import FLAT
from .filesystem import Filesystem
from .manifest import MANIFEST_NAME, Manifest, ModelFingerprint, SegmentEntry
from .segment import EmbeddedBatch, Segment, SegmentWriter

SEGMENTS = "segments"
LOCK = "LOCK"
SEGMENT_PASSAGES = 250_000
"""An ``add`` begins another segment after this many passages: it bounds the memory that a writer needs."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A document found by its vectors: its best passage and that passage's inner product with the query."""

    document: Document
    passage: Passage
    score: float


@dataclass(frozen=True, slots=True)
class IndexInfo:
    """What ``bicross info`` shows."""

    path: str
    uuid: str
    generation: int
    documents: int
    passages: int
    segments: int
    bytes: int
    factory: str
    model: ModelFingerprint


class Index:
    """One committed generation of an index, opened for reading; ``add`` commits the next and moves to it."""

    def __init__(self, path: Path, manifest: Manifest, filesystem: Filesystem) -> None:
        """Not called directly: see ``create`` and ``open``."""
        self.path = path
        self._manifest = manifest
        self._filesystem = filesystem
        self._segments = _open_segments(path, manifest)

    @classmethod
    def create(
        cls,
        path: str | Path,
        model: ModelFingerprint,
        *,
        batches: Iterable[EmbeddedBatch] = (),
        overwrite: bool = False,
        filesystem: Filesystem | None = None,
    ) -> "Index":
        """Make an index of ``batches``, which may be a generator, in one commit: all of it is there, or nothing.

        An index that stands at ``path`` is an ``IndexExists`` error, or, with ``overwrite``, replaced in that commit;
        until then it stays as it was. A folder that is not an index is never touched.
        """
        path, filesystem = Path(path), filesystem or Filesystem()
        previous = _previous(path, overwrite=overwrite)
        new_folder = not path.exists()
        filesystem.make_folder(path)
        try:
            with _writing(path):
                base = Manifest(str(uuid.uuid4()), 0 if previous is None else previous.generation, model, FLAT)
                manifest = _append(path, base, batches, filesystem, known=set())
                _remove_unlisted(path, manifest, filesystem)
        except IndexLocked:
            raise  # the folder is the other writer's
        except BaseException:
            if new_folder:
                filesystem.remove_folder(path)
            raise
        return cls(path, manifest, filesystem)

    @classmethod
    def open(
        cls, path: str | Path, *, model: ModelFingerprint | None = None, filesystem: Filesystem | None = None
    ) -> "Index":
        """Open the newest generation; every file's checksum is verified.

        Raises ``IndexNotFound``, ``IndexCorrupt``, and ``IndexModelMismatch`` where ``model`` is given and another one.
        """
        path = Path(path)
        manifest = _read_manifest(path)
        if model is not None:
            manifest.model.require_same(model)
        return cls(path, manifest, filesystem or Filesystem())

    def add(self, batches: Iterable[EmbeddedBatch]) -> int:
        """Append documents, from a generator too, in one commit, and return how many.

        An id that the index has is a ``DocumentError``; on any error nothing is added.
        """
        with _writing(self.path):
            newest = _read_manifest(self.path)
            segments = _open_segments(self.path, newest)
            known = {document_id for segment in segments for document_id in segment.ids()}
            manifest = _append(self.path, newest, batches, self._filesystem, known=known)
        added = sum(s.documents for s in manifest.segments) - sum(s.documents for s in newest.segments)
        self._manifest, self._segments = manifest, _open_segments(self.path, manifest)
        return added

    def search(self, vectors: NDArray[np.float32], k: int) -> list[list[Hit]]:
        """The best ``k`` documents for each of the unit vectors of shape (n, dimension), best first.

        Fewer where the index has fewer. A document counts with its best passage. Equal scores are ordered by id.
        """
        if k < 1:
            raise ArgumentError(f"k must be at least 1, not {k}")
        if vectors.ndim != 2 or vectors.shape[1] != self.model.dimension:
            raise ArgumentError(
                f"the vectors have shape {vectors.shape}; the index holds vectors of {self.model.dimension} dimensions"
            )
        if not np.isfinite(vectors).all():
            raise ArgumentError("a query vector has values that are not finite")
        return [self._merge(rows, k) for rows in self._best_rows(vectors, k)]

    def __len__(self) -> int:
        """The number of documents."""
        return sum(len(segment) for segment in self._segments)

    def documents(self) -> Iterator[Document]:
        """All documents, in the order of adding."""
        for segment in self._segments:
            for row in range(len(segment)):
                yield segment.document(row)

    @property
    def model(self) -> ModelFingerprint:
        """The model that made the vectors."""
        return self._manifest.model

    def info(self) -> IndexInfo:
        """Counts, size on disk, and the model."""
        segments = self._manifest.segments
        return IndexInfo(
            path=str(self.path),
            uuid=self._manifest.uuid,
            generation=self._manifest.generation,
            documents=sum(s.documents for s in segments),
            passages=sum(s.passages for s in segments),
            segments=len(segments),
            bytes=sum(file.bytes for s in segments for file in s.files.values()),
            factory=self._manifest.factory,
            model=self.model,
        )

    def _best_rows(self, vectors: NDArray[np.float32], k: int) -> list[list[tuple[Segment, int, float]]]:
        """For each query (segment, passage row, score): each segment's best passages, of ``k`` documents or of all."""
        found: list[list[tuple[Segment, int, float]]] = [[] for _ in vectors]
        for segment in self._segments:
            pending = np.arange(len(vectors))
            fetch = k
            while len(pending):
                scores, rows = segment.vectors.search(vectors[pending], fetch)
                # Several passages of one document leave fewer than k documents: fetch twice as many for those queries.
                short = [len(np.unique(segment.document_rows[r])) < min(k, len(segment)) for r in rows]
                for query, query_rows, query_scores, again in zip(pending, rows, scores, short, strict=True):
                    if not again:
                        found[query] += [
                            (segment, int(r), float(s)) for r, s in zip(query_rows, query_scores, strict=True)
                        ]
                pending = pending[short]
                fetch *= 2
        return found

    @staticmethod
    def _merge(rows: list[tuple[Segment, int, float]], k: int) -> list[Hit]:
        best: dict[tuple[int, int], tuple[Segment, int, float]] = {}
        for segment, row, score in sorted(rows, key=lambda found: -found[2]):
            best.setdefault((id(segment), int(segment.document_rows[row])), (segment, row, score))
        hits: list[Hit] = []
        for segment, row, score in list(best.values())[:k]:
            document = segment.document(int(segment.document_rows[row]))
            hits.append(Hit(document, segment.passage(row, document), score))
        return sorted(hits, key=lambda hit: (-hit.score, hit.document.id))


def _previous(path: Path, *, overwrite: bool) -> Manifest | None:
    """The manifest that a new index at ``path`` replaces; ``IndexExists`` where something is in the way."""
    if not path.exists():
        if path.is_symlink():
            raise IndexExists(f"{path} is a symbolic link to nothing; remove it, or choose another path")
        return None
    if not path.is_dir():
        raise IndexExists(f"{path} is a file; an index is a folder: choose another path")
    names = {entry.name for entry in path.iterdir()}
    if MANIFEST_NAME in names:
        if not overwrite:
            raise IndexExists(f"{path} already holds an index; choose another path, or replace it with overwrite")
        try:
            return _read_manifest(path)
        except IndexCorrupt:
            return None  # to be replaced: its state does not matter
    if names - {SEGMENTS, LOCK, f"{MANIFEST_NAME}.tmp"}:
        raise IndexExists(f"{path} is a folder with other files in it, and not an index; choose another path")
    return None


def _read_manifest(path: Path) -> Manifest:
    manifest = path / MANIFEST_NAME
    try:
        return Manifest.from_bytes(manifest.read_bytes(), source=str(manifest))
    except (FileNotFoundError, NotADirectoryError):
        reason = "does not exist" if not path.exists() else "is not an index: it has no MANIFEST"
        raise IndexNotFound(f"{path} {reason}; build one with `bicross index SOURCE -o {path}`") from None


def _open_segments(path: Path, manifest: Manifest) -> list[Segment]:
    return [Segment(path / SEGMENTS / entry.name, entry, manifest.model.dimension) for entry in manifest.segments]


@contextmanager
def _writing(path: Path) -> Generator[None]:
    """Hold the lock of the one writer."""
    lock = filelock.FileLock(path / LOCK, timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise IndexLocked(f"{path} is being written to by another process; try again when it has finished") from None
    try:
        yield
    finally:
        lock.release()


def _append(
    path: Path, base: Manifest, batches: Iterable[EmbeddedBatch], filesystem: Filesystem, *, known: set[str]
) -> Manifest:
    """Write ``batches`` as new segments and commit them after those of ``base``. On an error they are removed again."""
    segments: list[SegmentEntry] = []
    folders: list[Path] = []
    filesystem.make_folder(path / SEGMENTS)
    try:
        remaining = iter(_checked(batches, base.model.dimension, known))
        for batch in remaining:
            folders.append(path / SEGMENTS / f"{base.generation + 1}-{len(segments)}-{uuid.uuid4().hex[:8]}")
            with SegmentWriter(filesystem, folders[-1], base.model.dimension) as writer:
                writer.write(batch)
                while writer.passages < SEGMENT_PASSAGES and (batch := next(remaining, None)) is not None:
                    writer.write(batch)
                segments.append(writer.finish())
        filesystem.sync_folder(path / SEGMENTS)
    except BaseException:
        for folder in folders:
            filesystem.remove_folder(folder)
        raise
    # From here on the segments stay: when `replace` fails, nobody can say whether the new manifest is in place.
    manifest = dataclasses.replace(base, generation=base.generation + 1, segments=(*base.segments, *segments))
    filesystem.replace(path / MANIFEST_NAME, manifest.to_bytes())
    return manifest


def _checked(batches: Iterable[EmbeddedBatch], dimension: int, known: set[str]) -> Iterator[EmbeddedBatch]:
    """The batches that are not empty; an error where a batch does not fit together or repeats an id."""
    for batch in batches:
        passages = sum(len(p) for p in batch.passages)
        if len(batch.passages) != len(batch.documents) or not all(batch.passages):
            raise ArgumentError(f"{len(batch.documents)} documents need a non-empty list of passages each")
        if batch.vectors.shape != (passages, dimension):
            raise ArgumentError(
                f"{passages} passages need vectors of shape {(passages, dimension)}, not {batch.vectors.shape}"
            )
        if not np.isfinite(batch.vectors).all():
            row = int(np.flatnonzero(~np.isfinite(batch.vectors).all(axis=1))[0])
            raise ArgumentError(f"the vector of passage {row} in a batch has values that are not finite")
        for document in batch.documents:
            if document.id in known:
                raise DocumentError(f"the id {document.id!r} is there already; ids must be unique in an index")
            known.add(document.id)
        if batch.documents:
            yield batch


def _remove_unlisted(path: Path, manifest: Manifest, filesystem: Filesystem) -> None:
    """Delete segments that the manifest does not list: those it replaced, and what writers that died left behind."""
    listed = {segment.name for segment in manifest.segments}
    for folder in (path / SEGMENTS).iterdir():
        if folder.name not in listed:
            filesystem.remove_folder(folder)
