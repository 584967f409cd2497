"""build_index and its kin: documents to passages to vectors to a committed index. Know no file format, no scores."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import compress, islice
from pathlib import Path

from ..index import (
    AUTO,
    TARGET_RECALL,
    Chunking,
    Document,
    EmbeddedBatch,
    Index,
    Predicate,
    VectorLayout,
    passage_text,
    split_documents,
    whole,
)
from ..inference import TextTokenizer, TokenIds
from ..rerank import DEFAULT_RERANKER
from ..retrieval import DEFAULT_ENCODER, BiEncoder, Encoder
from .models import open_encoder
from .progress import progress_over
from .tokens import token_ids, tokenizer_for_new, tokenizer_of

DEFAULT_CHUNKING = Chunking()

BATCH_DOCUMENTS = 512
"""Documents embedded together: enough to sort by length, few enough to hold in memory."""


def build_index(  # noqa: PLR0913 - the one call that most programs make: each argument has a default
    documents: Iterable[Document],
    path: str | Path,
    *,
    encoder: str | Path | Encoder = DEFAULT_ENCODER,
    reranker: str | Path | None = DEFAULT_RERANKER,
    chunking: Chunking | None = DEFAULT_CHUNKING,
    index_type: str = AUTO,
    target_recall: float = TARGET_RECALL,
    memory_bytes: int | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: bool = False,
) -> Index:
    """Embed ``documents``, which may be a generator, and commit them as a new index at ``path``, in one step.

    ``chunking=None`` keeps every document one passage, of which the encoder reads the beginning. ``index_type`` is
    "auto", which picks a layout by size, within ``memory_bytes`` for the vectors, and measures that its recall@100
    against exact search reaches ``target_recall``; or it is any FAISS factory string. After an error in the documents,
    a kill or a full disk there is no index, or, with ``overwrite``, still the old one; the same call with ``resume``
    embeds only what was not on disk. ``progress`` draws a bar.

    The token ids of all passages are kept for ``reranker``, of which the tokenizer alone is loaded, so that a search
    tokenises nothing but its query; None keeps none. Any other reranker can be searched with all the same. Where the
    default reranker is not to be had, none are kept, and that is logged.
    """
    model = BiEncoder(encoder) if isinstance(encoder, str | Path) else encoder
    layout = VectorLayout(index_type, target_recall=target_recall, memory_bytes=memory_bytes)
    tokenizer = tokenizer_for_new(reranker)
    building = Index.build(
        path,
        model.fingerprint,
        chunking=chunking,
        layout=layout,
        tokenizer=tokenizer.fingerprint if tokenizer else "",
        overwrite=overwrite,
        resume=resume,
    )
    with _progress(documents, shown=progress) as counted, building as builder:
        for some in _batches(counted):
            builder.add(_embed(_lacking(some, builder.holds(some)), model, chunking, tokenizer))
        builder.commit(reason="build")
    return Index.open(path, verify="size")  # its checksums were made a moment ago


def add_documents(
    path: str | Path,
    documents: Iterable[Document],
    *,
    encoder: str | Path | Encoder | None = None,
    reranker: str | Path | None = None,
    progress: bool = False,
) -> int:
    """Embed ``documents`` and add them to the index at ``path`` in one commit; returns how many.

    They are split as the index's others are. ``encoder=None`` is the model that the index was built with. Where the
    index keeps token ids, ``reranker`` must have the tokenizer that they are of; None finds it with the encoder or the
    default reranker. An id that is there already is a ``DocumentError``.
    """
    index = Index.open(path)
    model, tokenizer = open_encoder(index, encoder), tokenizer_of(index, reranker)
    with _progress(documents, shown=progress) as counted:
        return index.add(_embed(some, model, index.chunking, tokenizer) for some in _batches(counted))


def upsert_documents(
    path: str | Path,
    documents: Iterable[Document],
    *,
    encoder: str | Path | Encoder | None = None,
    reranker: str | Path | None = None,
    progress: bool = False,
) -> int:
    """As ``add_documents``, but a document takes the place of the one that has its id; returns how many were written.

    One that the index has as it is, title, text and metadata, is neither embedded nor written again. Of those that
    come with the same id the last stays.
    """
    index = Index.open(path)
    model, tokenizer = open_encoder(index, encoder), tokenizer_of(index, reranker)
    written = 0
    with _progress(documents, shown=progress) as counted, index.writer() as writer:
        for some in _batches(counted):
            last = list({document.id: document for document in some}.values())
            changed = _lacking(last, writer.holds(last))
            written += writer.upsert(_embed(changed, model, index.chunking, tokenizer))
        writer.commit(reason="upsert")
    return written


def delete_documents(path: str | Path, ids: Iterable[str] = (), *, where: Predicate | None = None) -> int:
    """Delete documents by id, by a predicate on their metadata, or both, in one commit; returns how many there were."""
    return Index.open(path).delete(ids, where=where)


def _progress(documents: Iterable[Document], *, shown: bool) -> AbstractContextManager[Iterable[Document]]:
    return progress_over(documents, "Embedding", shown=shown)


def _batches(documents: Iterable[Document]) -> Iterator[list[Document]]:
    remaining = iter(documents)
    while some := list(islice(remaining, BATCH_DOCUMENTS)):
        yield some


def _lacking(documents: Sequence[Document], held: Sequence[bool]) -> list[Document]:
    return list(compress(documents, (not known for known in held)))


def _embed(
    documents: Sequence[Document], encoder: Encoder, chunking: Chunking | None, tokenizer: TextTokenizer | None
) -> EmbeddedBatch:
    if chunking is None:
        passages = [[whole(document)] for document in documents]
    else:
        passages = split_documents(
            documents,
            count_tokens=encoder.count_tokens,
            max_tokens=min(chunking.max_tokens or encoder.max_tokens, encoder.max_tokens),
            overlap=chunking.overlap,
        )
    texts = [
        passage_text(document.title, passage.text)
        for document, its_passages in zip(documents, passages, strict=True)
        for passage in its_passages
    ]
    return EmbeddedBatch(documents, passages, encoder.encode_documents(texts), _tokens(texts, tokenizer))


def _tokens(texts: Sequence[str], tokenizer: TextTokenizer | None) -> list[TokenIds] | None:
    return None if tokenizer is None else token_ids(texts, tokenizer)
