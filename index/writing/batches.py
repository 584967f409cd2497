"""Checks batches before anything of them is written."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from ...errors import ArgumentError
from ...errors.arguments import checked_count, checked_instance, checked_items, described
from ..arguments import checked_vectors
from ..document import Document, Passage
from ..manifest import Manifest
from ..segments import EmbeddedBatch, TermCounts, check_columns_of


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
    for values, name in ((batch.tokens, "tokens"), (batch.terms, "terms")):
        if isinstance(values, str) or not (hasattr(values, "__len__") or isinstance(values, TermCounts | None)):
            raise ArgumentError(f"the {name} of a batch must be a list, not {described(values)}")
    check_columns_of(batch, passages=sum(map(len, lists)), manifest=manifest)


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
