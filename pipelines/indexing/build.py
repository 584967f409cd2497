"""Builds an index from documents, and adds, replaces and deletes documents.

The thread that calls reads the documents and has the writer to itself; what lies between them is done in others.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress
from pathlib import Path

from ...errors import ArgumentError, IndexStoreError
from ...index import (
    AUTO,
    TARGET_RECALL,
    Chunking,
    Document,
    DocumentReader,
    DocumentsLike,
    Index,
    IndexWriter,
    Predicate,
    VectorLayout,
    given_documents,
)
from ...rerank import DEFAULT_RERANKER
from ...retrieval import DEFAULT_ENCODER, Encoder
from ..models import Devices, load_encoder, open_encoder
from ..progress import DocumentProgress, progress_over
from .begun import Begun
from .embedding import batches_of, embedded, pace_for
from .pace import Pace
from .postings import analyzer_for_new, analyzer_of_added
from .token_ids import tokenizer_for_new, tokenizer_of

DEFAULT_CHUNKING = Chunking()


def build_index(  # noqa: PLR0913 - the one call that most programs make: each argument has a default
    documents: DocumentsLike,
    path: str | Path,
    *,
    encoder: str | Path | Encoder = DEFAULT_ENCODER,
    reranker: str | Path | None = DEFAULT_RERANKER,
    lexical: bool | str = False,
    chunking: Chunking | None = DEFAULT_CHUNKING,
    index_type: str = AUTO,
    target_recall: float = TARGET_RECALL,
    memory_bytes: int | None = None,
    overwrite: bool = False,
    resume: bool = False,
    device: Devices = None,
    progress: bool = False,
) -> Index:
    """Embed ``documents``, which may be a generator, and commit them as a new index at ``path``, in one step.

    ``documents`` are ``Document``s, strings, dicts with a ``text``, or a table of pandas, polars or Arrow:
    ``given_documents`` says how each becomes a document, and how one without an id gets its id.

    ``chunking=None`` keeps every document one passage, of which the encoder reads the beginning. ``index_type`` is
    "auto", which picks a layout by size, within ``memory_bytes`` for the vectors, and measures that its recall@100
    against exact search reaches ``target_recall``; or it is any FAISS factory string. After an error in the documents,
    a kill or a full disk there is no index, or, with ``overwrite``, still the old one; the same call with ``resume``
    embeds only what was not on disk. ``device`` names where an encoder that is given by name runs, or several devices
    that share the work: ``["cuda:0", "cuda:1"]``. ``documents`` is read in the thread that calls, a few batches ahead
    of what is written; ``encoder`` is called in others, and counts tokens in one while it encodes in another.

    The token ids of all passages are kept for ``reranker``, of which the tokenizer alone is loaded, so that a search
    tokenises nothing but its query; None keeps none. Any other reranker can be searched with all the same. Where the
    default reranker is not to be had, none are kept, and that is logged. With ``lexical`` the terms of all passages are
    kept too, so that the index can be searched by BM25: True analyses English, the code of another language such as
    "de" or "zh" analyses that, and "any" suits several languages in one index.
    """
    Index.require_free(path, overwrite=overwrite, resume=resume)
    documents = _checked(documents)
    model = _encoder(encoder, device)
    layout = VectorLayout(index_type, target_recall=target_recall, memory_bytes=memory_bytes)
    tokenizer, analyzer = tokenizer_for_new(reranker), analyzer_for_new(lexical)
    building = Index.build(
        path,
        model.fingerprint,
        chunking=chunking,
        layout=layout,
        tokenizer_fingerprint=tokenizer.fingerprint if tokenizer else "",
        analyzer=analyzer.name if analyzer else "",
        overwrite=overwrite,
        resume=resume,
    )
    with progress_over(documents, "Embedding", shown=progress) as counted, building as builder:
        pace = pace_for(model)
        lacking = _lacking(builder, counted, pace)
        with embedded(lacking, model, chunking, tokenizer, analyzer=analyzer, pace=pace) as batches:
            for batch in batches:
                counted.done(builder.add(batch))
        if overwrite and not counted.documents_done and _holds_documents(path):
            raise ArgumentError(f"documents are none, and would take the place of those in {path}; delete it instead")
        builder.commit(reason="build")
    return Index.open(path, verify="size")  # its checksums were made a moment ago


def add_documents(
    path: str | Path,
    documents: DocumentsLike,
    *,
    encoder: str | Path | Encoder | None = None,
    device: Devices = None,
    reranker: str | Path | None = None,
    progress: bool = False,
) -> int:
    """Embed ``documents`` and add them to the index at ``path`` in one commit; returns how many.

    They are split as the index's others are. ``encoder=None`` is the model that the index was built with; ``device``
    and threads are as for ``build_index``. Where the index keeps token ids, ``reranker`` must have the tokenizer that
    they are of; None finds it with the encoder or the default reranker. An id that is there already is a
    ``DocumentError``.
    """
    index = Index.open(path)
    analyzer = analyzer_of_added(index)
    documents = _checked(documents)
    model, tokenizer = open_encoder(index, encoder, device=device), tokenizer_of(index, reranker)
    with progress_over(documents, "Embedding", shown=progress) as counted, index.writer() as writer:
        added = 0
        pace = pace_for(model)
        new = batches_of(counted.read(), pace)
        with embedded(new, model, index.chunking, tokenizer, analyzer=analyzer, pace=pace) as batches:
            for batch in batches:
                added += writer.add(batch)
                counted.done(len(batch.documents))
        writer.commit(reason="add")
    return added


def upsert_documents(
    path: str | Path,
    documents: DocumentsLike,
    *,
    encoder: str | Path | Encoder | None = None,
    device: Devices = None,
    reranker: str | Path | None = None,
    progress: bool = False,
) -> int:
    """As ``add_documents``, but a document takes the place of the one that has its id; returns how many were written.

    One that the index has as it is, title, text and metadata, is neither embedded nor written again. Of those that
    come with the same id the last stays.
    """
    index = Index.open(path)
    analyzer = analyzer_of_added(index)
    documents = _checked(documents)
    model, tokenizer = open_encoder(index, encoder, device=device), tokenizer_of(index, reranker)
    written = 0
    underway: deque[set[str]] = deque()
    pace = pace_for(model)
    with progress_over(documents, "Embedding", shown=progress) as counted, index.writer() as writer:

        def changed() -> Iterator[list[Document]]:
            for batch in batches_of(counted.read(), pace):
                last = list({document.id: document for document in batch}.values())
                # What the writer says of a document that is to be replaced by one underway is about to be wrong.
                replaced = set[str]().union(*underway)
                held = [
                    is_held and document.id not in replaced
                    for document, is_held in zip(last, writer.holds(last), strict=True)
                ]
                new = _without(last, held)
                underway.append({document.id for document in new})
                counted.done(len(batch) - len(new))
                yield new

        with embedded(changed(), model, index.chunking, tokenizer, analyzer=analyzer, pace=pace) as batches:
            for batch in batches:
                written += writer.upsert(batch)
                underway.popleft()
                counted.done(len(batch.documents))
        writer.commit(reason="upsert")
    return written


def delete_documents(path: str | Path, ids: Iterable[str] = (), *, where: Predicate | None = None) -> int:
    """Delete documents by id, by a predicate on their metadata, or both, in one commit; returns how many there were."""
    return Index.open(path).delete(ids, where=where)


def _checked(documents: DocumentsLike) -> Iterable[Document]:
    """Find what is wrong with a source before a model is loaded, which takes seconds."""
    checked = given_documents(documents)
    return Begun(checked) if isinstance(checked, DocumentReader) else checked


def _encoder(encoder: str | Path | Encoder, device: Devices) -> Encoder:
    if isinstance(encoder, str | Path):
        return load_encoder(encoder, device=device)
    if device is not None:
        raise ArgumentError(f"device={device!r} is for an encoder that is given by name; this one is loaded already")
    return encoder


def _holds_documents(path: str | Path) -> bool:
    """Whether there is an index at ``path``, with a document in it."""
    try:
        return len(Index.open(path, verify="size")) > 0
    except IndexStoreError:
        return False


def _lacking(builder: IndexWriter, counted: DocumentProgress, pace: Pace) -> Iterator[list[Document]]:
    """Batches of what an interrupted build has not left on disk."""
    for batch in batches_of(counted.read(), pace):
        held = builder.holds(batch)
        counted.done(sum(held))
        yield _without(batch, held)


def _without(documents: Sequence[Document], held: Sequence[bool]) -> list[Document]:
    return list(compress(documents, (not is_held for is_held in held)))
