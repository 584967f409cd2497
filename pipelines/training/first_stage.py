"""Stage one over the collection that a model is trained for: an index that is there, or one for this time alone.

Knows no list and no training.
"""

import tempfile
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ...index import Chunking, Document, Index, read_documents
from ...retrieval import DEFAULT_ENCODER, DenseRetriever, HybridRetriever
from ..indexing import build_index
from ..models import load_encoder, open_encoder


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstStageSettings:
    """``index`` is searched with ``encoder``, or with its own; without it one is made in ``scratch`` and removed."""

    index: Path | None
    encoder: str | Path | None
    scratch: Path
    device: str | None = None
    progress: bool = False


@contextmanager
def open_first_stage(
    documents: Iterable[Document], place: FirstStageSettings, *, chunking: Chunking | None = None
) -> Generator[DenseRetriever | HybridRetriever]:
    """By vectors and words where the index has both; ``documents`` are what an index is made of."""
    if place.index is not None:
        index = Index.open(place.index)
        encoder = open_encoder(index, place.encoder, device=place.device)
        yield HybridRetriever(index, encoder) if index.analyzer else DenseRetriever(index, encoder)
        return
    encoder = load_encoder(place.encoder or DEFAULT_ENCODER, device=place.device)
    place.scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.scratch) as folder:
        index = build_index(
            documents,
            Path(folder) / "index",
            encoder=encoder,
            reranker=None,
            lexical=True,
            chunking=chunking,
            progress=place.progress,
        )
        yield HybridRetriever(index, encoder)


def is_index(source: Path) -> bool:
    """Whether a folder is an index, and no source of documents."""
    return (source / "MANIFEST").is_file()


def documents_from(source: Path) -> Iterable[Document]:
    """What an index holds, or what ``read_documents`` reads."""
    return Index.open(source).documents() if is_index(source) else read_documents(source)
