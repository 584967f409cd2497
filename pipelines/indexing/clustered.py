"""Builds and extends an index by other processes: what they must know of the models and of the documents."""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ...errors import ArgumentError
from ...errors.arguments import described
from ...index import Chunking, Document, DocumentReader, Index, ModelFingerprint, VectorLayout
from ...index.staging import ChunkSettings
from ...rerank import TokenVectorReranker
from ...retrieval import BiEncoder, Encoder, ParallelEncoder
from ..fast_reranker import name_of, named_in_settings, open_fast_reranker
from ..models import Devices, built_with, load_encoder, open_encoder, require_encoder
from .begun import Begun
from .chunks import ChunkedDocuments, ChunkExecutor, ChunkJob, add_in_chunks, build_in_chunks
from .columns import fast_reranker_for_new, tokenizer_for_new, tokenizer_name_of


@dataclass(frozen=True, slots=True)
class ClusterModels:
    """The models of a build: see ``build_index``.

    Attributes:
        encoder: The encoder; None is that of the index.
        reranker: The reranker for whose tokenizer token ids are stored.
        device: Where the encoder runs in the other processes.
        analyzer: The name of the analyzer; empty for none.
        precompute: The model of the token vectors of a new index; False stores none.
    """

    encoder: str | Path | Encoder | None
    reranker: str | Path | None
    device: Devices
    analyzer: str
    precompute: bool | str | Path | TokenVectorReranker = False


@dataclass(frozen=True, slots=True)
class NewIndex:
    """A new index: see ``build_index``."""

    path: str | Path
    chunking: Chunking | None
    layout: VectorLayout
    stored: Mapping[str, object]
    overwrite: bool


def build_on(
    cluster: ChunkExecutor, documents: Iterable[Document], models: ClusterModels, new: NewIndex, *, progress: bool
) -> int:
    """Build a new index on a cluster, and return how many documents it has; with none of them it is not made."""
    _check_executor(cluster)
    encoder = _sendable(models.encoder)
    loaded = load_encoder(encoder) if isinstance(encoder, str) else encoder
    tokenizer, fast_reranker = tokenizer_for_new(models.reranker), fast_reranker_for_new(models.precompute)
    given = _documents(documents)
    stored = _Stored(
        path=new.path,
        model=loaded.fingerprint,
        chunking=new.chunking,
        layout=new.layout,
        tokenizer_fingerprint=tokenizer.fingerprint if tokenizer else "",
        reranker=models.reranker,
        fast_reranker=fast_reranker,
    )
    job = _job(cluster, given, models, encoder, stored)
    kept = {**new.stored, **named_in_settings(fast_reranker)}
    return build_in_chunks(job, given, cluster, stored=kept, overwrite=new.overwrite, progress=progress)


def add_on(
    cluster: ChunkExecutor, documents: Iterable[Document], models: ClusterModels, index: Index, *, progress: bool
) -> int:
    """Add documents to an index on a cluster, and return how many."""
    _check_executor(cluster)
    index.require_changeable()
    open_encoder(index, models.encoder)
    encoder = _sendable(built_with(index) if models.encoder is None else models.encoder)
    given = _documents(documents)
    stored = _Stored(
        path=index.path,
        model=index.model,
        chunking=index.chunking,
        layout=index.layout,
        tokenizer_fingerprint=index.tokenizer_fingerprint,
        reranker=tokenizer_name_of(index, models.reranker) if index.tokenizer_fingerprint else None,
        fast_reranker=open_fast_reranker(index),
    )
    return add_in_chunks(_job(cluster, given, models, encoder, stored), given, cluster, progress=progress)


@dataclass(frozen=True, slots=True)
class _Stored:
    """What the index stores, or is going to; the fields are those of ``ChunkSettings`` and ``ChunkJob``."""

    path: str | Path
    model: ModelFingerprint
    chunking: Chunking | None
    layout: VectorLayout
    tokenizer_fingerprint: str
    reranker: str | Path | None
    fast_reranker: TokenVectorReranker | None


def _job(
    cluster: ChunkExecutor,
    documents: ChunkedDocuments,
    models: ClusterModels,
    encoder: str | Encoder,
    stored: _Stored,
) -> ChunkJob:
    """Return what all chunks have in common."""
    fast = stored.fast_reranker
    reading = {} if documents.reader is None else dataclasses.asdict(documents.options)
    settings = ChunkSettings(
        model=stored.model,
        chunking=stored.chunking,
        layout=stored.layout,
        tokenizer_fingerprint=stored.tokenizer_fingerprint,
        analyzer=models.analyzer,
        late_interaction_fingerprint=fast.late_interaction_fingerprint if fast else "",
        dtype=cluster.dtype,
        reading=reading,
    )
    return ChunkJob(
        path=str(Path(stored.path).absolute()),
        settings=settings,
        encoder=encoder,
        device=models.device,
        dtype=cluster.dtype,
        reranker=None if stored.reranker is None else _absolute(stored.reranker),
        fast_reranker=name_of(fast) if fast else None,
        options=documents.options,
        skip_errors=documents.skip_errors,
    )


def _check_executor(cluster: object) -> None:
    if not callable(getattr(cluster, "run", None)) or isinstance(cluster, type):
        raise ArgumentError(f"cluster must say who writes chunks, such as ClusterOptions(), not {described(cluster)}")


def _documents(documents: Iterable[Document]) -> ChunkedDocuments:
    reader = documents.reader if isinstance(documents, Begun) else documents
    return ChunkedDocuments(reader) if isinstance(reader, DocumentReader) else ChunkedDocuments(None, documents)


def _sendable(encoder: str | Path | Encoder | None) -> str | Encoder:
    """Return what other processes can load: a name, or an encoder that is not a model in memory."""
    if isinstance(encoder, str | Path):
        return _absolute(encoder)
    require_encoder(encoder)
    assert encoder is not None
    if isinstance(encoder, BiEncoder | ParallelEncoder):
        raise ArgumentError(
            "with a cluster each process loads the encoder by itself: name it, as in "
            f"encoder={encoder.fingerprint.id!r}"
        )
    return encoder


def _absolute(name: str | Path) -> str:
    """Return a name as a process in another folder can use it."""
    return str(Path(name).absolute()) if Path(name).is_dir() else str(name)
