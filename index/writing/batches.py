"""Checks batches before anything of them is written."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import numpy as np

from ...errors import ArgumentError, IndexCorrupt
from ...errors.arguments import checked_count, checked_instance, checked_items, described
from ..arguments import checked_vectors
from ..document import Document, Passage
from ..manifest import Manifest
from ..segments import COLUMNS, EmbeddedBatch, Kind, PassageColumn, Segment, check_columns_of


def check_batch(batch: EmbeddedBatch, manifest: Manifest) -> None:
    """Check that the parts of a batch fit together, and fit the index.

    Args:
        batch: The batch.
        manifest: That of the index.

    Raises:
        ArgumentError: They do not.
    """
    checked_instance(batch, EmbeddedBatch, "each batch")
    documents, lists = checked_list(batch.documents, "documents"), checked_list(batch.passages, "passages")
    for document in documents:
        checked_instance(document, Document, "each document of a batch")
    if len(lists) != len(documents) or not all(checked_list(passages, "passages") for passages in lists):
        raise ArgumentError(f"{len(documents)} documents need a non-empty list of passages each")
    for document, passages in zip(documents, lists, strict=True):
        for passage in passages:
            _check_passage(passage, document)
    _check_vectors(batch, sum(map(len, lists)), manifest.model.dimension)
    check_columns_of(batch, passages=sum(map(len, lists)), manifest=manifest)


def kinds_of_index(segments: Iterable[Segment]) -> dict[PassageColumn[Any], Kind]:
    """Return how the columns are stored that must be of one kind in an index: the dimensions of token vectors.

    Args:
        segments: Some segments of the index; one is enough, if it has passages.

    Raises:
        IndexCorrupt: Two segments differ.
    """
    found: dict[PassageColumn[Any], tuple[Kind, Segment]] = {}
    for segment in segments:
        for column in COLUMNS if segment.entry.passages else ():
            table = segment.column(column) if column.one_kind else None
            if table is None:
                continue
            kind, first = found.setdefault(column, (table.kind, segment))
            if kind != table.kind:
                raise IndexCorrupt(
                    f"{first.folder / column.file} has {column.names.values} {column.described(kind)}, and "
                    f"{segment.folder / column.file} {column.described(table.kind)}: they are not of one model"
                )
    return {column: kind for column, (kind, _) in found.items()}


def kinds_of_batch(batch: EmbeddedBatch) -> dict[PassageColumn[Any], Kind]:
    """Return the same of a batch that is checked."""
    one_kind = (column for column in COLUMNS if column.one_kind and column.of(batch) is not None)
    kinds = {column: column.kind_of(column.of(batch)) for column in one_kind}
    return {column: kind for column, kind in kinds.items() if kind is not None}


def check_kinds(batch: EmbeddedBatch, kinds: Mapping[PassageColumn[Any], Kind]) -> None:
    """Raise ``ArgumentError`` where a batch that is checked is of other kinds than its index: ``kinds_of_index``."""
    for column, kind in kinds_of_batch(batch).items():
        expected = kinds.get(column, kind)
        if kind != expected:
            raise ArgumentError(
                f"this batch has {column.names.values} {column.described(kind)}, and the index has those "
                f"{column.described(expected)}; give those of one {column.names.maker}"
            )


def checked_list(values: object, name: str) -> list[Any]:
    """Return the items of a list or another sequence; raise ``ArgumentError`` for anything else."""
    if not isinstance(values, Sequence):
        raise ArgumentError(f"{name} must be a list, not {described(values)}")
    return checked_items(cast("object", values), name)


def _check_passage(passage: object, document: Document) -> None:
    span = checked_instance(passage, Passage, "each passage of a batch")
    name = f"of a passage of document {document.id!r:.80}"
    start = checked_count(span.start, f"the start {name}", least=0)
    end = checked_count(span.end, f"the end {name}", least=start)
    if end > len(document.text):
        raise ArgumentError(f"the end {name} is {end}, beyond its text of {len(document.text)} characters")


def _check_vectors(batch: EmbeddedBatch, passages: int, dimension: int) -> None:
    vectors = checked_vectors(batch.vectors, "the vectors of a batch")
    if vectors.shape != (passages, dimension):
        raise ArgumentError(f"{passages} passages need vectors of shape {(passages, dimension)}, not {vectors.shape}")
    if not np.isfinite(vectors).all():
        row = int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])
        raise ArgumentError(f"the vector of passage {row} in a batch has values that are not finite")
