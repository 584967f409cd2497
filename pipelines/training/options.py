"""What a model is trained from: the options of the training data, shared by rerankers and encoders."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ...errors import ArgumentError
from ...index import Document, DocumentReader, Index, SourceReport, read_documents
from .pseudo_queries import PseudoQueryKind

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataOptions:
    """Where the training lists come from.

    Args:
        source: A BEIR folder or a file of pairs or triples; for pseudo-queries, any documents or an index.
        pseudo_queries: The kinds of pseudo-queries to make from the documents; none: judged queries.
        teacher: The reranker whose scores are learned, by folder, hub id or bundled name.
        split: The judgments of a BEIR folder to learn from.
        dev_split: The judgments to evaluate on; None takes a part of ``split``.
        held_out: The share of the queries, or of the documents of pseudo-queries, that is kept for evaluation.
        limit: Maximum number of queries, drawn at random.
        index: An index to take candidates from; None builds a temporary one.
        depth: First-stage candidates per query, from which negatives come.
        margin: Drop negatives whose cosine is above this share of that of the best relevant passage.
        filter_with: A reranker for consistency filtering: it drops negatives that it scores above the best relevant
            passage, and pseudo-queries whose passage it ranks low.
        skip_errors: Whether bad rows and files of the documents are left out and listed; else the first one is an
            error.
        errors: Where they are listed.
    """

    source: Path
    pseudo_queries: tuple[PseudoQueryKind, ...] = ()
    teacher: str | None = None
    split: str = "train"
    dev_split: str | None = None
    held_out: float = 0.1
    limit: int | None = None
    index: Path | None = None
    depth: int = 50
    margin: float | None = None
    filter_with: str | None = None
    skip_errors: bool = False
    errors: Path = Path("errors.jsonl")

    def documents(self) -> DocumentReader | Iterable[Document]:
        """Return the documents of the source, an index or anything that ``read_documents`` reads."""
        if is_index(self.source):
            return Index.open(self.source).documents()
        on_error = "skip" if self.skip_errors else "raise"
        return read_documents(self.source, on_error=on_error, errors_path=self.errors)


@dataclass(frozen=True, slots=True, kw_only=True)
class RerankerData(DataOptions):
    """Where the training lists of a reranker come from; its ``teacher`` scores the passages of the lists.

    Args:
        encoder: The first-stage encoder; None takes that of the index, or the default one.
    """

    encoder: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderData(DataOptions):
    """Where the training lists of an encoder come from; its ``teacher`` scores the candidates of ``queries``.

    Args:
        queries: A file of queries without judgments, for distillation.

    Raises:
        ArgumentError: Options are combined that exclude each other.
    """

    queries: Path | None = None
    depth: int = 20

    def __post_init__(self) -> None:
        if (self.teacher is None) != (self.queries is None):
            raise ArgumentError("distillation takes a reranker and a file of queries: name both, or neither")
        if self.teacher is not None and self.pseudo_queries:
            raise ArgumentError("pseudo-queries and distillation cannot be combined: name one of the two")
        if self.teacher is not None and self.filter_with is not None:
            raise ArgumentError("distillation learns the scores of all candidates: leave filter_with out")
        if self.margin is not None and (self.pseudo_queries or self.teacher is not None):
            raise ArgumentError(f"margin={self.margin} is for judged queries: leave it out")


def is_index(source: Path) -> bool:
    """Return whether a folder is an index."""
    return (source / "MANIFEST").is_file()


def source_report(documents: object, data: DataOptions) -> SourceReport | None:
    """Return what a reader has read and left out, and log how much of it was bad.

    Args:
        documents: Documents that were read to their end. Only a ``DocumentReader`` has a report.
        data: Where they come from.
    """
    if not isinstance(documents, DocumentReader) or documents.fraction < 1.0:
        return None
    if documents.skipped:
        _LOG.warning("left out %d bad rows and files of %s; see %s", documents.skipped, data.source, data.errors)
    return documents.report
