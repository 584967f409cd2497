"""Snapshot: one generation, opened. Finds live documents and the nearest vectors; never changes."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError, IndexCorrupt
from ...errors.arguments import checked_count
from ..arguments import checked_vectors
from ..document import Document
from ..filters import IndexFields, Predicate, matching
from ..manifest import Manifest, SegmentEntry
from ..segments import POSTINGS, TOMBSTONES, VECTORS, IdEntry, Segment, Verify, read_tombstones, template
from ..vectors import RECALL_AT, SearchSettings
from .bm25 import LivePostings
from .hits import Candidate, best_candidates, cut_by_id

SEGMENTS = "segments"
ROWS_AT_ONCE = 1024
MOST_TIED = 1 << 14
"""The most vectors beyond the best k that are searched for equal scores; of further ties, those added first win."""


class View:
    """A segment and which of its documents live in one generation; ``live=None`` is all of them."""

    def __init__(self, segment: Segment, entry: SegmentEntry, live: NDArray[np.bool_] | None) -> None:
        """``entry`` is what that generation says of the segment, which may have been opened for another one."""
        self.segment = segment
        self.entry = entry
        self.live = live

    def find(self, ids: Sequence[str]) -> list[IdEntry | None]:
        """The row of each id, None where no live document has it."""
        return [
            entry if entry is not None and (self.live is None or self.live[entry.row]) else None
            for entry in self.segment.find(ids)
        ]

    def rows(self) -> Iterator[int]:
        """The rows of the live documents, in order."""
        yield from range(len(self.segment)) if self.live is None else np.flatnonzero(self.live).tolist()

    @cached_property
    def live_passages(self) -> NDArray[np.bool_] | None:
        """One bool a passage."""
        return None if self.live is None else self.live[self.segment.document_rows]

    @cached_property
    def live_postings(self) -> LivePostings | None:
        """The postings of the live passages; None where none are kept."""
        postings = self.segment.column(POSTINGS)
        return None if postings is None else LivePostings(postings, self.live_passages)


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
        step = -(-len(self) // count) if len(self) else 1
        documents: list[Document] = []
        begin = 0
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
    ) -> list[list[Candidate]]:
        """For each vector the best ``k`` documents of those that ``masks`` has, a mask a view; equal scores by id."""
        k = check_k(k)
        checked_vectors(vectors)
        dimension = self.manifest.model.dimension
        if vectors.ndim != 2 or vectors.shape[1] != dimension:
            raise ArgumentError(
                f"the vectors have shape {vectors.shape}; the index holds vectors of {dimension} dimensions"
            )
        if not np.isfinite(vectors).all():
            raise ArgumentError("a query vector has values that are not finite")
        candidates: list[list[Candidate]] = [[] for _ in vectors]
        for view, mask in zip(self.views, masks, strict=True):
            _search_segment(view, mask, vectors, k, settings=self.manifest.vectors.settings, candidates=candidates)
        return [best_candidates(query_candidates, k) for query_candidates in candidates]


def check_k(k: int) -> int:
    """Return k as a number; raise ``ArgumentError`` unless it is a count."""
    return checked_count(k, "k")


def _search_segment(
    view: View,
    mask: NDArray[np.bool_] | None,
    vectors: NDArray[np.float32],
    k: int,
    *,
    settings: SearchSettings,
    candidates: list[list[Candidate]],
) -> None:
    """Append the best passage of each of the best ``k`` documents of ``mask``, or of all that it has."""
    segment = view.segment
    allowed = view.live_passages if mask is view.live else segment_rows(mask, segment.document_rows)
    documents = len(segment) if mask is None else int(mask.sum())
    most_documents = min(k, documents)
    rows_allowed = len(segment.document_rows) if allowed is None else int(np.count_nonzero(allowed))
    # The settings were chosen, and their recall was measured, for so many rows; with them fewer are not found as well.
    # One more than is wanted shows whether another document ties with the last.
    pending, fetch = np.arange(len(vectors)), max(most_documents + 1, RECALL_AT)
    most = min(rows_allowed, fetch + MOST_TIED)
    while most_documents and len(pending):
        try:
            scores, rows = segment.vectors.search(vectors[pending], fetch, settings=settings, allowed=allowed)
        except IndexCorrupt as error:
            raise IndexCorrupt(f"{segment.folder / VECTORS}: {error}") from None
        again: list[int] = []
        for query, query_scores, query_rows in zip(pending.tolist(), scores, rows, strict=True):
            # The first time that a document comes up is its best passage.
            _, first = np.unique(segment.document_rows[query_rows], return_index=True)
            if len(first) < most_documents:
                again.append(query)  # several passages of one document leave fewer than k: fetch twice as many
                continue
            first = np.sort(first)
            if fetch < most and query_scores[first[most_documents - 1]] == query_scores[-1]:
                again.append(query)  # documents that tie with the last one may follow, with lower ids
                continue
            chosen = first[
                cut_by_id(segment, segment.document_rows[query_rows[first]], query_scores[first], most_documents)
            ]
            for i in chosen:
                score = float(query_scores[i])
                candidates[query].append(Candidate(segment, int(query_rows[i]), score, dense=score))
        pending, fetch = np.array(again, np.int64), fetch * 2


def segment_rows(mask: Any, document_rows: NDArray[np.int64]) -> NDArray[np.bool_] | None:  # noqa: ANN401
    """Turn a mask over documents into a mask over their passages."""
    return None if mask is None else mask[document_rows]
