"""Index: a folder of documents and vectors, created, opened, added to and searched. Knows no model and no network."""

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentError, IndexExists, IndexLocked
from .commit import SEGMENTS, append, manifest_to_replace, read_manifest, remove_unlisted, writing
from .document import Document, Passage
from .faiss_index import FLAT
from .filesystem import Filesystem
from .manifest import Manifest, ModelFingerprint
from .segment import EmbeddedBatch, Segment


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
        manifest_to_replace(path, overwrite=overwrite)  # what is in the way is said before anything is written
        new_folder = not path.exists()
        filesystem.make_folder(path)
        try:
            with writing(path):
                previous = manifest_to_replace(path, overwrite=overwrite)
                base = Manifest(str(uuid.uuid4()), 0 if previous is None else previous.generation, model, FLAT)
                manifest = append(path, base, batches, filesystem, known=set())
                remove_unlisted(path, manifest, filesystem)
        except (IndexExists, IndexLocked):
            raise  # another writer was faster, and what is there is theirs
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
        manifest = read_manifest(path)
        if model is not None:
            manifest.model.require_same(model)
        return cls(path, manifest, filesystem or Filesystem())

    def add(self, batches: Iterable[EmbeddedBatch]) -> int:
        """Append documents, from a generator too, in one commit, and return how many.

        An id that the index has is a ``DocumentError``; on any error nothing is added.
        """
        with writing(self.path):
            newest = read_manifest(self.path)
            newest.model.require_same(self.model)  # it may have been replaced since it was opened
            segments = _open_segments(self.path, newest)
            known = {document_id for segment in segments for document_id in segment.ids()}
            manifest = append(self.path, newest, batches, self._filesystem, known=known)
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


def _open_segments(path: Path, manifest: Manifest) -> list[Segment]:
    return [Segment(path / SEGMENTS / entry.name, entry, manifest.model.dimension) for entry in manifest.segments]
