"""Snapshot: one generation, opened. Finds live documents and the nearest vectors; never changes."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError
from ...errors.arguments import checked_count
from ..arguments import checked_vectors
from ..document import Document
from ..filters import IndexFields, Predicate, matching
from ..manifest import Manifest
from ..segments import TOMBSTONES, Segment, Verify, read_tombstones, template
from .best_rows import BestRows
from .nearest import nearest_rows
from .view import View

SEGMENTS = "segments"
ROWS_AT_ONCE = 1024


class Snapshot:
    """What an index holds in one generation. Any number of threads may use it."""

    def __init__(self, manifest: Manifest, views: Sequence[View]) -> None:
        self.manifest = manifest
        self.views = tuple(views)

    @classmethod
    def open(
        cls, path: Path, manifest: Manifest, *, verify: Verify = "full", opened_views: Sequence[View] = ()
    ) -> "Snapshot":
        """Open the segments that a manifest lists; those of ``opened_views`` that it lists too are not opened again."""
        opened = {view.entry.name: view.segment for view in opened_views}
        views: list[View] = []
        like = template(path, manifest)
        for entry in manifest.segments:
            segment = opened.get(entry.name)
            if segment is None:
                segment = Segment(path / SEGMENTS / entry.name, entry, like, verify=verify)
            views.append(View(segment, entry, read_tombstones(path / TOMBSTONES, entry)))
        return cls(manifest, views)

    def __len__(self) -> int:
        return self.manifest.documents

    def documents(self) -> Iterator[Document]:
        """The live documents, in the order of adding."""
        for segment, rows in self._slices():
            yield from segment.documents(rows)

    def ids(self) -> Iterator[str]:
        """The ids of the live documents, in the order of adding."""
        for segment, rows in self._slices():
            yield from segment.ids_of(rows)

    def _slices(self) -> Iterator[tuple[Segment, list[int]]]:
        """The rows of the live documents, a portion at a time."""
        for view in self.views:
            rows = view.rows()
            while portion := list(islice(rows, ROWS_AT_ONCE)):
                yield view.segment, portion

    def sample(self, count: int) -> list[Document]:
        """At most so many live documents, evenly spread."""
        return self.every(-(-len(self) // count) if len(self) else 1, 0)

    def every(self, step: int, begin: int) -> list[Document]:
        """Each ``step``-th live document, from the one at ``begin`` on."""
        documents: list[Document] = []
        for view in self.views:
            rows = list(islice(view.rows(), begin, None, step))
            documents += view.segment.documents(rows)
            live = view.entry.documents - view.entry.deleted
            begin = (begin - live) % step
        return documents

    def get(self, ids: Sequence[str]) -> list[Document | None]:
        """The document of each id; None where there is none."""
        documents: list[Document | None] = [None] * len(ids)
        for view in self.views:
            for position, entry in enumerate(view.find(ids)):
                if entry is not None:
                    documents[position] = view.segment.document(entry.row)
        return documents

    def matching(self, where: Predicate, *, must_exist: bool = False) -> list[NDArray[np.bool_]]:
        """For each view one bool a document: whether it lives and ``where`` holds for its metadata.

        Args:
            where: What is asked.
            must_exist: Whether each field that it names must be there, also where it asks for null.
        """
        masks = matching(self.fields, where, must_exist=must_exist)
        return [mask if view.live is None else mask & view.live for view, mask in zip(self.views, masks, strict=True)]

    @cached_property
    def fields(self) -> IndexFields:
        """The metadata of the documents, field by field."""
        return IndexFields([view.segment.fields for view in self.views], [view.live for view in self.views])

    def masks(self, where: Predicate | None) -> list[NDArray[np.bool_] | None]:
        """As ``matching``; None is all documents of a view."""
        return [view.live for view in self.views] if where is None else [*self.matching(where)]

    def nearest(
        self, vectors: NDArray[np.float32], k: int, masks: Sequence[NDArray[np.bool_] | None]
    ) -> list[BestRows]:
        """For each vector the best ``k`` documents of those that ``masks`` has, a mask a view; equal scores by id."""
        k = check_k(k)
        check_query_vectors(vectors, self.manifest.model.dimension)
        return nearest_rows(self.views, vectors, k, masks, settings=self.manifest.vectors.settings)


def check_query_vectors(vectors: NDArray[np.float32], dimension: int) -> None:
    """Raise ``ArgumentError`` unless each row is a vector of that dimension, and finite."""
    checked_vectors(vectors)
    if vectors.ndim != 2 or vectors.shape[1] != dimension:
        raise ArgumentError(
            f"the vectors have shape {vectors.shape}; the index holds vectors of {dimension} dimensions"
        )
    if not np.isfinite(vectors).all():
        raise ArgumentError("a query vector has values that are not finite")


def check_k(k: int) -> int:
    """Return k as a number; raise ``ArgumentError`` unless it is a count."""
    return checked_count(k, "k")
