"""Verification: checks every file of an index, and that its parts agree."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ...errors import BicrossError
from ..manifest import Manifest, SegmentEntry
from ..reading import SEGMENTS
from ..segments import TOMBSTONES, MetadataColumns, Segment, content_hash, id_hash, read_tombstones, template
from .batches import kinds_of_index
from .generations import older_generations, read_generation, read_manifest

BLOCK_ROWS = 10_000
SCORE_TOLERANCE = 1e-4
"""Scores of one search differ by a little less between processors and batch sizes."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What was looked at, and what is wrong: one sentence each, nothing where all is well."""

    generations: tuple[int, ...]
    segments: int
    documents: int
    passages: int
    problems: tuple[str, ...]


def verify(path: Path) -> Verification:
    """Check every generation that is there: checksums, ids, contents, passages, vectors, and each segment's canary.

    Damage is reported, not raised; only where there is no index, or its manifest cannot be read, that is an error.
    """
    newest = read_manifest(path)
    numbers = [*older_generations(path), newest.generation]
    problems: list[str] = []
    segments: dict[str, Segment] = {}
    for number in numbers:
        try:
            manifest = read_generation(path, number)
        except BicrossError as error:
            problems.append(str(error))
            continue
        problems += _generation_problems(path, manifest, segments)
    return Verification(
        tuple(numbers), len(segments), newest.documents, newest.passages, tuple(dict.fromkeys(problems))
    )


def _generation_problems(path: Path, manifest: Manifest, segments: dict[str, Segment]) -> Iterator[str]:
    owners: dict[str, str] = {}
    sound: list[Segment] = []
    try:
        like = template(path, manifest)
    except BicrossError as error:
        yield str(error)
        return
    for entry in manifest.segments:
        try:
            segment = segments.get(entry.name)
            if segment is None or not _is_same(segment.entry, entry):
                segment = Segment(path / SEGMENTS / entry.name, entry, like)
            live = read_tombstones(path / TOMBSTONES, entry)
            ids = list(segment.ids())
        except BicrossError as error:
            yield str(error)
            continue
        sound.append(segment)
        for row, id_ in enumerate(ids):
            if live is None or live[row]:
                if id_ in owners:
                    yield f"the id {id_!r} lives in {owners[id_]} and in {entry.name}"
                owners[id_] = entry.name
        if entry.name not in segments:
            segments[entry.name] = segment
            try:
                yield from _segment_problems(segment, ids)
            except BicrossError as error:
                yield str(error)
    yield from _kind_problems(sound)


def _kind_problems(segments: list[Segment]) -> Iterator[str]:
    try:
        kinds_of_index(segments)
    except BicrossError as error:
        yield str(error)


def _is_same(entry: SegmentEntry, other: SegmentEntry) -> bool:
    """Whether two generations say the same of a segment's files; what is deleted is no matter of theirs."""
    return replace(entry, deleted=0, tombstones=None) == replace(other, deleted=0, tombstones=None)


def _segment_problems(segment: Segment, ids: list[str]) -> Iterator[str]:
    name = segment.folder
    hashes = np.fromiter((id_hash(id_) for id_ in ids), np.uint64, len(ids))
    if not np.array_equal(hashes, segment.id_table.hash_of_rows()):
        yield f"{name}: the table of ids is not that of its documents"
    columns, contents = MetadataColumns(), segment.id_table.contents_of_rows().tolist()
    for start in range(0, len(segment), BLOCK_ROWS):
        rows = range(start, min(start + BLOCK_ROWS, len(segment)))
        documents = list(segment.documents(rows, as_written=True))
        for row, document, passages in zip(rows, documents, segment.passages(rows, documents), strict=True):
            columns.append(document.metadata)
            if tuple(contents[row]) != content_hash(document):
                yield f"{name}: the document {document.id!r} in row {row} is not the one that was written"
            if any(not 0 <= p.start <= p.end <= len(document.text) for p in passages):
                yield f"{name}: a passage of the document {document.id!r} lies outside of its text"
    if not _is_equal(columns.to_record_batch(), segment.metadata):
        yield f"{name}: the columns of metadata are not those of its documents"
    for start in range(0, len(segment.vectors), BLOCK_ROWS):
        vectors = segment.vectors.vectors(start, min(start + BLOCK_ROWS, len(segment.vectors)))
        if not np.isfinite(vectors).all():
            yield f"{name}: vectors from row {start} on are not finite"
    yield from _canary_problems(segment)


def _is_equal(first: Any, second: Any) -> bool:  # noqa: ANN401 - record batches
    """Whether two batches hold the same; a NaN, which earlier versions wrote, is the same as a NaN."""
    if first.schema != second.schema:
        return False
    for first_column, second_column in zip(first.columns, second.columns, strict=True):
        if first_column.equals(second_column):
            continue
        if first_column.type != pa.float64() or not first_column.is_valid().equals(second_column.is_valid()):
            return False
        values = [column.to_numpy(zero_copy_only=False) for column in (first_column, second_column)]
        if not np.array_equal(*values, equal_nan=True):
            return False
    return True


def _canary_problems(segment: Segment) -> Iterator[str]:
    canary = segment.entry.canary
    if canary is None:
        if len(segment.vectors):
            yield f"{segment.folder}: the manifest has no canary for it"
        return
    try:
        query = np.frombuffer(base64.b64decode(canary.query, validate=True), "<f4").reshape(1, -1)
        scores, _ = segment.vectors.search(query, max(1, len(canary.scores)))
        is_same = scores.shape[1] == len(canary.scores) and np.allclose(scores[0], canary.scores, atol=SCORE_TOLERANCE)
    except ValueError as error:
        yield f"{segment.folder}: its canary is not a vector: {error}"
        return
    if not is_same:
        yield f"{segment.folder}: its canary query finds {scores[0].tolist()}, not {list(canary.scores)}"
