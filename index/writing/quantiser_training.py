"""Chooses the vector layout of an index, trains its quantiser, and measures its recall."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError
from ...errors.arguments import described
from ..files import Filesystem
from ..manifest import Manifest, SegmentEntry, VectorLayout
from ..reading import View
from ..segments import QUANTISERS, write_quantiser
from ..vectors import (
    AUTO,
    FLAT,
    RECALL_QUERIES,
    ExactNeighbours,
    VectorIndex,
    check_target,
    choose_factory,
    new_index,
    sample_rows,
    training_rows,
    tune,
    untrained,
)

BLOCK_ROWS = 16_384
MERGED_PASSAGES = 1_000_000
"""A merged segment ends after this many passages: their vectors are in memory while it is written."""


def check_asked(layout: VectorLayout, dimension: int) -> None:
    """Check the layout that was asked for, before there are vectors.

    Raises:
        ArgumentError: The index type, the target recall or the memory cannot be had.
    """
    check_target(layout.target_recall)
    memory = cast("object", layout.memory_bytes)
    if memory is not None and (not isinstance(memory, int) or isinstance(memory, bool) or memory <= 0):
        raise ArgumentError(f"memory_bytes must be positive, a whole number of bytes, not {described(memory)}")
    if not isinstance(cast("object", layout.index_type), str):
        raise ArgumentError(
            f"the index type must be a string such as 'auto' or 'IVF1024,SQ8', not {layout.index_type!r:.80}"
        )
    if layout.index_type != AUTO:
        untrained(layout.index_type, dimension)


def wants_another_layout(manifest: Manifest) -> bool:
    """Whether the index has become too large for exact search, or was empty when a layout was asked for.

    Vectors cannot be restored from codes, so an index that has left exact search keeps its layout.
    """
    return manifest.vectors.factory == FLAT and _wanted_factory(manifest) != FLAT


def _wanted_factory(manifest: Manifest) -> str:
    layout, live = manifest.vectors, sum(live_passages(segment) for segment in manifest.segments)
    if layout.index_type != AUTO:
        return layout.index_type if live else FLAT
    return choose_factory(
        live,
        manifest.model.dimension,
        segment_rows=MERGED_PASSAGES,
        memory_bytes=layout.memory_bytes,
        target=layout.target_recall,
    )


def live_passages(segment: SegmentEntry) -> int:
    """Estimate the live passages: the manifest does not list which documents have more. 0 only without documents."""
    return -(-segment.passages * (segment.documents - segment.deleted) // max(1, segment.documents))


def train(
    path: Path, filesystem: Filesystem, manifest: Manifest, views: Sequence[View], *, created: list[Path]
) -> tuple[VectorLayout, VectorIndex]:
    """Choose a layout for the vectors of some segments, and train it on a sample of them.

    Args:
        path: The folder of the index.
        filesystem: Writes the quantiser.
        manifest: The generation of the segments.
        views: The segments.
        created: The file of the quantiser is appended.

    Returns:
        The layout, and an index of that layout without rows.
    """
    factory = _wanted_factory(manifest)
    rows = sum(_live_rows(view) for view in views)
    sample = sample_rows(rows, training_rows(factory, segment_rows=MERGED_PASSAGES))
    empty = new_index(factory, _take(views, sample, manifest.model.dimension))
    quantiser = write_quantiser(filesystem, path / QUANTISERS, empty)
    created.append(path / QUANTISERS / quantiser.name)
    return dataclasses.replace(manifest.vectors, factory=factory, quantiser=quantiser), empty


def measured(
    layout: VectorLayout, views: Sequence[View], parts: Sequence[VectorIndex], *, dimension: int
) -> VectorLayout:
    """Find the cheapest search settings that reach the target recall, and measure it.

    A sample of the vectors are the queries.

    Args:
        layout: A layout without settings.
        views: Segments whose vectors are exact.
        parts: The live vectors of ``views`` in the layout, in the same order.
        dimension: The length of a vector.

    Returns:
        The layout with settings and recall.
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
    """Yield the live vectors, in order."""
    for view in views:
        for start in range(0, len(view.segment.vectors), BLOCK_ROWS):
            stop = min(start + BLOCK_ROWS, len(view.segment.vectors))
            block = view.segment.vectors.vectors(start, stop)
            yield block if view.live_passages is None else block[view.live_passages[start:stop]]


def _take(views: Sequence[View], rows: NDArray[np.int64], dimension: int) -> NDArray[np.float32]:
    """Return the live vectors with these numbers, which ascend."""
    taken: list[NDArray[np.float32]] = [np.empty((0, dimension), np.float32)]
    first = 0
    for block in _blocks(views):
        low, high = np.searchsorted(rows, (first, first + len(block)))
        taken.append(block[rows[low:high] - first])
        first += len(block)
    return np.concatenate(taken)
