"""Chooses the vector layout of an index, trains its quantiser, and measures its recall."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..files import Filesystem
from ..manifest import Manifest, SegmentEntry, VectorLayout
from ..reading import View
from ..segments import QUANTISERS, write_quantiser
from ..vectors import (
    AUTO,
    FLAT,
    RECALL_QUERIES,
    TRAINING_ROWS,
    ExactNeighbours,
    VectorIndex,
    check_target,
    choose_factory,
    new_index,
    sample_rows,
    tune,
    untrained,
)

BLOCK_ROWS = 16_384


def check_asked(layout: VectorLayout, dimension: int) -> None:
    """``ArgumentError`` where what is asked for cannot be had, whatever the vectors will be."""
    check_target(layout.target_recall)
    if layout.index_type != AUTO:
        untrained(layout.index_type, dimension)


def wants_another_layout(manifest: Manifest) -> bool:
    """Whether the index has become too large for exact search, or was empty when a layout was asked for.

    Codes cannot be turned back into vectors: an index that has left exact search stays as it is.
    """
    return manifest.vectors.factory == FLAT and _wanted_factory(manifest) != FLAT


def _wanted_factory(manifest: Manifest) -> str:
    layout, live = manifest.vectors, sum(_live_passages(segment) for segment in manifest.segments)
    if layout.index_type != AUTO:
        return layout.index_type if live else FLAT
    return choose_factory(
        live,
        manifest.model.dimension,
        memory_bytes=layout.memory_bytes,
        target=layout.target_recall,
    )


def _live_passages(segment: SegmentEntry) -> int:
    """About how many: the manifest does not say which documents have more of them. Only without documents it is 0."""
    return -(-segment.passages * (segment.documents - segment.deleted) // max(1, segment.documents))


def train(
    path: Path, filesystem: Filesystem, manifest: Manifest, views: Sequence[View], *, created: list[Path]
) -> tuple[VectorLayout, VectorIndex]:
    """Choose a layout for all the vectors of ``views`` and train it on a sample; what is written joins ``created``."""
    factory = _wanted_factory(manifest)
    rows = sum(_live_rows(view) for view in views)
    empty = new_index(factory, _take(views, sample_rows(rows, TRAINING_ROWS), manifest.model.dimension))
    quantiser = write_quantiser(filesystem, path / QUANTISERS, empty)
    created.append(path / QUANTISERS / quantiser.name)
    return dataclasses.replace(manifest.vectors, factory=factory, quantiser=quantiser), empty


def measured(
    layout: VectorLayout, views: Sequence[View], parts: Sequence[VectorIndex], *, dimension: int
) -> VectorLayout:
    """``layout`` with the settings that reach its target, and the recall that they have.

    ``parts`` hold the live vectors of ``views``, which are exact, in the same order; a sample of them are the queries.
    """
    rows = sample_rows(sum(len(part) for part in parts), RECALL_QUERIES, seed=1)
    exact = ExactNeighbours(_take(views, rows, dimension), rows)
    for block in _blocks(views):
        exact.add(block)
    recall = tune(parts, exact, target=layout.target_recall)
    return dataclasses.replace(
        layout, settings=recall.settings, recall_at_100=recall.recall_at_100, recall_queries=recall.queries
    )


def _live_rows(view: View) -> int:
    return len(view.segment.vectors) if view.live_passages is None else int(view.live_passages.sum())


def _blocks(views: Sequence[View]) -> Iterator[NDArray[np.float32]]:
    """The live vectors, in order."""
    for view in views:
        for start in range(0, len(view.segment.vectors), BLOCK_ROWS):
            stop = min(start + BLOCK_ROWS, len(view.segment.vectors))
            block = view.segment.vectors.vectors(start, stop)
            yield block if view.live_passages is None else block[view.live_passages[start:stop]]


def _take(views: Sequence[View], rows: NDArray[np.int64], dimension: int) -> NDArray[np.float32]:
    """The live vectors with these ascending numbers."""
    taken: list[NDArray[np.float32]] = [np.empty((0, dimension), np.float32)]
    first = 0
    for block in _blocks(views):
        low, high = np.searchsorted(rows, (first, first + len(block)))
        taken.append(block[rows[low:high] - first])
        first += len(block)
    return np.concatenate(taken)
