"""Builds an index from documents, and adds, replaces and deletes documents.

The calling thread reads the documents and writes the index. Other threads split, tokenise and embed in between.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from itertools import compress
from pathlib import Path

from ...errors.arguments import checked_flag
from ...index import (
    AUTO,
    TARGET_RECALL,
    Chunking,
    Document,
    DocumentsLike,
    EmbeddedBatch,
    Index,
    IndexWriter,
    Predicate,
    VectorLayout,
)
from ...rerank import DEFAULT_RERANKER, TokenVectorReranker
from ...retrieval import DEFAULT_ENCODER, Encoder
from ..fast_reranker import named_in_settings
from ..models import Devices, open_encoder
from ..progress import DocumentProgress, progress_over
from ..search import default_settings
from .chunks import ChunkExecutor
from .clustered import ClusterModels, NewIndex, add_on, build_on
from .columns import (
    ColumnMakers,
    analyzer_for_new,
    analyzer_of_added,
    fast_reranker_for_new,
    makers_of,
    runs_as,
    tokenizer_for_new,
)
from .embedding import batches_of, embedded, pace_for
from .given import check_no_documents, checked_documents, is_empty_list, loaded_encoder
from .pace import Pace
from .replacing import Replacing

DEFAULT_CHUNKING = Chunking()


def build_index(  # noqa: PLR0913 - the one call that most programs make: each argument has a default
    documents: DocumentsLike,
    path: str | Path,
    *,
    encoder: str | Path | Encoder = DEFAULT_ENCODER,
    reranker: str | Path | None = DEFAULT_RERANKER,
    lexical: bool | str = True,
    precompute: bool | str | Path | TokenVectorReranker = False,
    chunking: Chunking | None = DEFAULT_CHUNKING,
    index_type: str = AUTO,
    target_recall: float = TARGET_RECALL,
    memory_bytes: int | None = None,
    overwrite: bool = False,
    resume: bool = False,
    device: Devices = None,
    progress: bool = False,
    cluster: ChunkExecutor | None = None,
) -> Index:
    """Embed documents and commit them as a new index, in one step.

    After an error, a kill or a full disk there is no index at ``path``, or still the old one with ``overwrite``.

    Args:
        documents: ``Document`` objects, strings, dicts with a ``text``, or a table of pandas, polars or Arrow; may be a
            generator. ``given_documents`` says how each becomes a document and gets its id. They are read in the
            calling thread, a few batches ahead of what is written. An empty list makes an empty index, to which
            documents can be added; that a file, a table or a generator has none is an error.
        path: The folder of the new index.
        encoder: A hub id, a folder or an encoder. It is called in other threads: in one it counts tokens while it
            encodes in another.
        reranker: The token ids of all passages are stored for this reranker, so that a search tokenises only its query.
            Only its tokenizer is loaded. None stores none. If the default reranker is not available, none are stored,
            and a warning is logged. The index can be searched with any other reranker too.
        lexical: Whether to store terms for BM25, and to search by vectors and words together where nothing else is
            asked for: True for English, a language such as "de" or "zh", or "any" for several; False stores none.
        precompute: Whether to store the token vectors of all passages, which make reranking faster and take 5 to 14 KB
            a passage: True for those of the bundled fast reranker, the name of another, or a model.
        chunking: How documents are split into passages; None keeps each as one passage, of which the encoder reads the
            beginning.
        index_type: "auto" chooses by size; or a FAISS factory string.
        target_recall: The recall@100 against exact search that "auto" must reach. It is measured.
        memory_bytes: The most bytes for the vectors with "auto"; None for no limit.
        overwrite: Replace an index that exists at ``path``.
        resume: Continue an interrupted build: only documents that are not on disk are embedded.
        device: Where an encoder that is given by name runs; None takes the fastest. Several devices share the work:
            ``["cuda:0", "cuda:1"]``.
        progress: Show a progress bar on standard error.
        cluster: Has other processes, on any number of machines, split, embed and write: ``ClusterOptions``. Each loads
            the encoder, which is then named, not given. The index and the source are in folders that all of them see.
            What they have finished is kept when the build is interrupted, and the next one goes on from there.

    Returns:
        The new index.

    Raises:
        ArgumentError: An argument is not valid, there are no documents, or none would replace an index with some.
        DocumentError: A document is not valid, or two have the same id.
        ClusterError: The cluster is not there, or a chunk could not be written.
        IndexExists: An index, an unfinished build or another file is at ``path``.
        IndexLocked: Another process writes.
        ModelError: A model is not available.

    Example:
        >>> build_index(read_documents("articles.jsonl"), "my-index")
    """
    Index.require_free(path, overwrite=overwrite, resume=resume)
    checked_flag(progress, "progress")
    unchecked, documents, analyzer = documents, checked_documents(documents), analyzer_for_new(lexical)
    layout = VectorLayout(index_type, target_recall=target_recall, memory_bytes=memory_bytes)
    settings = default_settings(lexical=analyzer is not None)
    if cluster is not None and not is_empty_list(unchecked):
        models = ClusterModels(encoder, reranker, device, analyzer.name if analyzer else "", precompute)
        new = NewIndex(path, chunking, layout, settings, overwrite)
        if not build_on(cluster, documents, models, new, progress=progress):
            check_no_documents(unchecked, path, overwrite=overwrite)
        return Index.open(path, verify="size")
    model = loaded_encoder(encoder, device)
    fast = fast_reranker_for_new(precompute, **runs_as(model))
    makers = ColumnMakers(tokenizer_for_new(reranker), analyzer, fast)
    building = Index.build(
        path,
        model.fingerprint,
        chunking=chunking,
        layout=layout,
        tokenizer_fingerprint=makers.tokenizer_fingerprint,
        analyzer=makers.analyzer_name,
        late_interaction_fingerprint=makers.late_interaction_fingerprint,
        overwrite=overwrite,
        resume=resume,
    )
    with progress_over(documents, "Embedding", shown=progress) as counted, building as builder:
        stages = partial(embedded, encoder=model, chunking=chunking, makers=makers)
        _write_lacking(builder, counted, pace_for(model), stages)
        if not counted.documents_done:
            check_no_documents(unchecked, path, overwrite=overwrite)
        builder.commit(reason="build", settings={**settings, **named_in_settings(fast)})
    return Index.open(path, verify="size")  # its checksums were made a moment ago


def add_documents(  # noqa: PLR0913 - each argument has a default
    path: str | Path,
    documents: DocumentsLike,
    *,
    encoder: str | Path | Encoder | None = None,
    device: Devices = None,
    reranker: str | Path | None = None,
    progress: bool = False,
    cluster: ChunkExecutor | None = None,
) -> int:
    """Embed documents and add them to an index, in one commit. They are split like the index's other documents.

    Args:
        path: The folder of the index.
        documents: As for ``build_index``.
        encoder: As for ``build_index``; None loads the model that the index was built with.
        device: As for ``build_index``.
        reranker: A reranker with the tokenizer of the stored token ids; None tries that of the encoder and that of the
            default reranker.
        progress: Show a progress bar on standard error.
        cluster: As for ``build_index``.

    Returns:
        How many documents were added.

    Raises:
        ClusterError: As for ``build_index``.
        DocumentError: A document is not valid, or the index already has its id.
        IndexNotFound: There is no index at ``path``.
        IndexLocked: Another process writes.
        IndexModelMismatch: The encoder or the tokenizer is not that of the index.
        ModelError: A model is not available.
    """
    index = Index.open(path)
    checked_flag(progress, "progress")
    analyzer = analyzer_of_added(index)
    documents = checked_documents(documents)
    if cluster is not None:
        models = ClusterModels(encoder, reranker, device, index.analyzer)
        return add_on(cluster, documents, models, index, progress=progress)
    model = open_encoder(index, encoder, device=device)
    makers = makers_of(index, model, reranker=reranker, analyzer=analyzer)
    with progress_over(documents, "Embedding", shown=progress) as counted, index.writer() as writer:
        added = 0
        pace = pace_for(model)
        new = batches_of(counted.read(), pace)
        with embedded(new, model, index.chunking, makers, pace=pace) as batches:
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
    """Embed documents and add them to an index, in one commit; each replaces the one with its id.

    A document that the index already has with the same title, text and metadata is neither embedded nor written. Where
    the metadata alone are others, the passages keep their vectors. If several have the same id, the last stays.

    Args:
        path: The folder of the index.
        documents: As for ``build_index``.
        encoder: As for ``add_documents``.
        device: As for ``build_index``.
        reranker: As for ``add_documents``.
        progress: Show a progress bar on standard error.

    Returns:
        How many documents were written.

    Raises:
        DocumentError: A document is not valid.
        IndexNotFound: As for ``add_documents``.
        IndexLocked: As for ``add_documents``.
        IndexModelMismatch: As for ``add_documents``.
        ModelError: As for ``add_documents``.
    """
    index = Index.open(path)
    checked_flag(progress, "progress")
    analyzer = analyzer_of_added(index)
    documents = checked_documents(documents)
    model = open_encoder(index, encoder, device=device)
    makers = makers_of(index, model, reranker=reranker, analyzer=analyzer)
    pace = pace_for(model)
    with progress_over(documents, "Embedding", shown=progress) as counted, index.writer() as writer:
        replacing = Replacing(writer, counted)
        new = replacing.to_embed(batches_of(counted.read(), pace))
        with embedded(new, model, index.chunking, makers, pace=pace) as batches:
            for batch in batches:
                replacing.write(batch)
        writer.commit(reason="upsert")
    return replacing.written


def delete_documents(path: str | Path, ids: Iterable[str] = (), *, where: Predicate | None = None) -> int:
    """Delete documents by id, by a filter on their metadata, or both, in one commit.

    Args:
        path: The folder of the index.
        ids: Ids of documents; unknown ones are ignored.
        where: As for ``Index.search``.

    Returns:
        How many documents were deleted.

    Raises:
        IndexNotFound: There is no index at ``path``.
        IndexLocked: Another process writes.
    """
    return Index.open(path).delete(ids, where=where)


def _write_lacking(
    builder: IndexWriter,
    counted: DocumentProgress,
    pace: Pace,
    stages: Callable[..., AbstractContextManager[Iterator[EmbeddedBatch]]],
) -> None:
    """Embed and write the documents that an interrupted build did not write."""
    with stages(_lacking(builder, counted, pace), pace=pace) as batches:
        for batch in batches:
            counted.done(builder.add(batch))


def _lacking(builder: IndexWriter, counted: DocumentProgress, pace: Pace) -> Iterator[list[Document]]:
    """Yield the documents that an interrupted build did not write, in batches."""
    for batch in batches_of(counted.read(), pace):
        held = builder.holds(batch)
        counted.done(sum(held))
        yield _without(batch, held)


def _without(documents: Sequence[Document], held: Sequence[bool]) -> list[Document]:
    return list(compress(documents, (not is_held for is_held in held)))
