"""Makes an index equal to a source: adds, replaces and deletes documents, in one commit."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Literal, TypeAlias

from ...errors import IndexNotFound, IndexStoreError
from ...errors.arguments import checked_flag
from ...errors.counts import counted
from ...index import Comparison, Document, DocumentReader, DocumentsLike, Index, IndexWriter, given_documents
from ...inference import Dtype
from ...rerank import DEFAULT_RERANKER
from ...retrieval import DEFAULT_ENCODER, Encoder
from ..models import Devices, load_encoder, open_encoder
from ..progress import progress_over
from .build import build_index
from .columns import analyzer_of_added, makers_of
from .embedding import batches_of, embedded, pace_for
from .spool import DocumentSpool

SyncPart: TypeAlias = Literal["added", "changed", "metadata", "deleted", "kept", "unchanged"]
"""What became of a document."""
EXAMPLES = 5
BATCH_DOCUMENTS, BATCH_CHARACTERS = 512, 2**22
"""Compared, deleted or rewritten together."""


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What ``sync_documents`` did, or would do.

    Attributes:
        added: How many documents the index did not have.
        changed: How many had another title or text.
        metadata: How many had other metadata alone. They are not embedded again.
        deleted: How many documents of the index are not in the source.
        kept: How many more are not in what could be read of the source, and may be in a file that could not.
        unchanged: How many were in the index as they are.
        created: Whether there was no index before.
        examples: The ids of the first few, by the names above, but not those of unchanged documents.
    """

    added: int = 0
    changed: int = 0
    metadata: int = 0
    deleted: int = 0
    kept: int = 0
    unchanged: int = 0
    created: bool = False
    examples: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]], hash=False)

    @property
    def written(self) -> int:
        """How many documents were written."""
        return self.added + self.changed + self.metadata

    @property
    def is_change(self) -> bool:
        """Whether the index was not equal to the source."""
        return bool(self.written or self.deleted or self.created)


@dataclass(slots=True)
class SyncModels:
    """The models of a sync. The encoder is loaded when a document is to be embedded, and kept for the next sync."""

    encoder: str | Path | Encoder | None = None
    reranker: str | Path | None = None
    device: Devices = None
    dtype: Dtype = "float32"
    _opened: Encoder | None = field(default=None, init=False, repr=False)

    def check(self, index: Index) -> None:
        """Raise ``IndexModelMismatch`` for an encoder that is loaded already, and is not that of the index."""
        if self.encoder is not None and not isinstance(self.encoder, str | Path):
            self.open(index)

    def open(self, index: Index) -> Encoder:
        """Return the encoder of an index."""
        if self._opened is not None:
            return open_encoder(index, self._opened)
        self._opened = open_encoder(index, self.encoder, device=self.device, dtype=self.dtype)
        return self._opened

    def for_new(self) -> Encoder:
        """Return the encoder of a new index."""
        encoder = DEFAULT_ENCODER if self.encoder is None else self.encoder
        if isinstance(encoder, str | Path):
            encoder = load_encoder(encoder, device=self.device, dtype=self.dtype)
        self._opened = encoder
        return encoder


def sync_documents(  # noqa: PLR0913 - each argument has a default
    path: str | Path,
    documents: DocumentsLike,
    *,
    encoder: str | Path | Encoder | None = None,
    device: Devices = None,
    reranker: str | Path | None = None,
    allow_deletes: bool = False,
    dry_run: bool = False,
    progress: bool = False,
) -> SyncReport:
    """Make an index equal to a source, in one commit: add what is new, replace what changed, delete what is gone.

    Documents are the same where id, title, text and metadata are. Those that the index has already are neither embedded
    nor written, and if there are no others, no model is loaded. Where the metadata alone are others, the passages keep
    their vectors. Where there is no index, it is built as by ``build_index``; an interrupted build goes on. An index
    that is there keeps its settings.

    Args:
        path: The folder of the index.
        documents: All that the index shall hold, as for ``build_index``. They are read once, before anything is
            embedded; what is to be embedded waits in a temporary file.
        encoder: As for ``add_documents``; for a new index as for ``build_index``.
        device: As for ``build_index``.
        reranker: As for ``encoder``.
        allow_deletes: Whether more than half of the index's documents may be deleted.
        dry_run: Whether nothing is written, and the report says what would be done.
        progress: Show a progress bar on standard error.

    Returns:
        What was done.

    Raises:
        IndexStoreError: More than half of the documents would be deleted, and ``allow_deletes`` is not set.
        DocumentError: A document is not valid, or two have the same id.
        IndexLocked: Another process writes.
        IndexModelMismatch: As for ``add_documents``.
        ModelError: A model is not available.

    Example:
        >>> sync_documents("my-index", read_documents("articles.jsonl")).deleted
        0
    """
    flags = SyncFlags(allow_deletes=allow_deletes, dry_run=dry_run, progress=progress)
    return sync_with(path, documents, SyncModels(encoder, reranker, device), flags)


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncFlags:
    """How a sync is done: see ``sync_documents``."""

    allow_deletes: bool = False
    dry_run: bool = False
    progress: bool = False

    def __post_init__(self) -> None:
        for name in ("allow_deletes", "dry_run", "progress"):
            checked_flag(getattr(self, name), name)


def sync_with(path: str | Path, documents: DocumentsLike, models: SyncModels, flags: SyncFlags) -> SyncReport:
    """See ``sync_documents``."""
    given = given_documents(documents)
    try:
        index = Index.open(path)
    except IndexNotFound:
        return _create(path, documents, models, flags)
    models.check(index)
    if flags.dry_run:
        with _Plan(index.comparison(), keep=False) as plan:
            plan.read(given, progress=flags.progress)
            return plan.report()
    with index.writer() as writer, _Plan(writer.comparison()) as plan:
        plan.read(given, progress=flags.progress)
        report = plan.report()
        if not flags.allow_deletes:
            _require_few_deletes(index.path, report, plan.held)
        ids = plan.deleted()
        while portion := list(islice(ids, BATCH_DOCUMENTS)):
            writer.delete(portion)
        for batch in _batches(plan.metadata):
            writer.replace_metadata(batch)
        if len(plan.texts):
            _embed(plan.texts, index, writer, models, progress=flags.progress)
        writer.commit(reason="sync")
    return report


def _create(path: str | Path, documents: DocumentsLike, models: SyncModels, flags: SyncFlags) -> SyncReport:
    """Build an index, or go on with a build that was interrupted."""
    Index.require_free(path, resume=True)
    if flags.dry_run:
        with _Plan(Comparison(()), keep=False) as plan:
            plan.read(given_documents(documents), progress=flags.progress)
            return plan.report(created=True)
    built = build_index(
        documents,
        path,
        encoder=models.for_new(),
        reranker=models.reranker or DEFAULT_RERANKER,
        resume=True,
        progress=flags.progress,
    )
    examples = tuple(islice(built.ids(), EXAMPLES))
    return SyncReport(added=len(built), created=True, examples={"added": examples} if examples else {})


class _Plan:
    """What is to be done, once all documents have been read."""

    def __init__(self, comparison: Comparison, *, keep: bool = True) -> None:
        """``keep=False`` counts only."""
        self.texts, self.metadata = DocumentSpool(), DocumentSpool()
        self.held = comparison.documents
        self._comparison, self._keep = comparison, keep
        self._counts: dict[SyncPart, int] = {}
        self._examples: dict[str, list[str]] = {}
        self._kept = set[str]()

    def __enter__(self) -> "_Plan":
        return self

    def __exit__(self, *error: object) -> None:
        self.texts.close()
        self.metadata.close()

    def read(self, documents: Iterable[Document], *, progress: bool) -> None:
        """Compare all documents, and keep those that the index lacks."""
        with progress_over(documents, "Comparing", shown=progress) as counted_documents:
            for batch in _batches(counted_documents.read()):
                for document, difference in zip(batch, self._comparison.compare(batch), strict=True):
                    self._count(difference, document.id)
                    if self._keep and difference != "unchanged":
                        (self.metadata if difference == "metadata" else self.texts).append(document)
                counted_documents.done(len(batch))
        reader = documents if isinstance(documents, DocumentReader) else None
        for id_ in self._comparison.gone():
            if reader is not None and reader.may_hold(id_):
                self._kept.add(id_)
            self._count("kept" if id_ in self._kept else "deleted", id_)

    def deleted(self) -> Iterator[str]:
        """Yield the ids of the documents that are gone."""
        return (id_ for id_ in self._comparison.gone() if id_ not in self._kept)

    def report(self, *, created: bool = False) -> SyncReport:
        """Return what is to be done."""
        examples = {part: tuple(ids) for part, ids in self._examples.items()}
        return SyncReport(**self._counts, created=created, examples=examples)

    def _count(self, part: SyncPart, id_: str) -> None:
        self._counts[part] = self._counts.get(part, 0) + 1
        if part != "unchanged" and len(examples := self._examples.setdefault(part, [])) < EXAMPLES:
            examples.append(id_)


def _require_few_deletes(path: Path, report: SyncReport, held: int) -> None:
    if 2 * report.deleted > held:
        named = ", ".join(f"{id_!r:.80}" for id_ in report.examples["deleted"][:3])
        raise IndexStoreError(
            f"nothing was changed: {report.deleted:,} of the {counted(held, 'document')} of {path} are not in the "
            f"source and would be deleted, such as {named}. That is more than half: check that the source is the right "
            "one, and whole; if so, delete them with allow_deletes=True"
        )


def _embed(texts: DocumentSpool, index: Index, writer: IndexWriter, models: SyncModels, *, progress: bool) -> None:
    """Embed documents, and write each in the place of the one with its id."""
    analyzer, model = analyzer_of_added(index), models.open(index)
    makers = makers_of(index, model, reranker=models.reranker, analyzer=analyzer)
    pace = pace_for(model)
    with progress_over(texts, "Embedding", shown=progress) as counted_documents:
        batches = batches_of(counted_documents.read(), pace)
        with embedded(batches, model, index.chunking, makers, pace=pace) as results:
            for batch in results:
                counted_documents.done(writer.upsert(batch))


def _batches(documents: Iterable[Document]) -> Iterator[list[Document]]:
    batch: list[Document] = []
    characters = 0
    for document in documents:
        batch.append(document)
        characters += len(document.text)
        if len(batch) >= BATCH_DOCUMENTS or characters >= BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch
