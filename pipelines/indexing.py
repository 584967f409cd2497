"""build_index: documents to passages to vectors to a committed index. Knows no file format and no reranker."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from ..index import Chunking, Document, EmbeddedBatch, Index, passage_text, split_documents, whole
from ..retrieval import DEFAULT_ENCODER, BiEncoder, Encoder
from .models import open_encoder
from .progress import progress_over

DEFAULT_CHUNKING = Chunking()

BATCH_DOCUMENTS = 512
"""Documents embedded together: enough to sort by length, few enough to hold in memory."""


def build_index(
    documents: Iterable[Document],
    path: str | Path,
    *,
    encoder: str | Path | Encoder = DEFAULT_ENCODER,
    chunking: Chunking | None = DEFAULT_CHUNKING,
    overwrite: bool = False,
    progress: bool = False,
) -> Index:
    """Embed ``documents``, which may be a generator, and commit them as a new index at ``path``, in one step.

    ``chunking=None`` keeps every document one passage, of which the encoder reads the beginning. An error in the
    documents, a kill or a full disk leaves no index, or, with ``overwrite``, the old one. ``progress`` draws a bar.
    """
    model = BiEncoder(encoder) if isinstance(encoder, str | Path) else encoder
    with progress_over(documents, "Embedding", shown=progress) as counted:
        batches = _embedded(counted, model, chunking)
        return Index.create(path, model.fingerprint, batches=batches, overwrite=overwrite)


def add_documents(
    path: str | Path,
    documents: Iterable[Document],
    *,
    encoder: str | Path | Encoder | None = None,
    chunking: Chunking | None = DEFAULT_CHUNKING,
    progress: bool = False,
) -> int:
    """Embed ``documents`` and add them to the index at ``path`` in one commit; returns how many.

    ``encoder=None`` is the model that the index was built with. An id that is there already is a ``DocumentError``.
    """
    index = Index.open(path)
    model = open_encoder(index, encoder)
    with progress_over(documents, "Embedding", shown=progress) as counted:
        return index.add(_embedded(counted, model, chunking))


def _embedded(documents: Iterable[Document], encoder: Encoder, chunking: Chunking | None) -> Iterator[EmbeddedBatch]:
    remaining = iter(documents)
    while batch := list(islice(remaining, BATCH_DOCUMENTS)):
        if chunking is None:
            passages = [[whole(document)] for document in batch]
        else:
            passages = split_documents(
                batch,
                count_tokens=encoder.count_tokens,
                max_tokens=min(chunking.max_tokens or encoder.max_tokens, encoder.max_tokens),
                overlap=chunking.overlap,
            )
        texts = [
            passage_text(document.title, passage.text)
            for document, its_passages in zip(batch, passages, strict=True)
            for passage in its_passages
        ]
        yield EmbeddedBatch(batch, passages, encoder.encode_documents(texts))
