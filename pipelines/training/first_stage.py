"""The first stage over the collection that a model is trained for: an existing index, or a temporary one."""

import tempfile
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ...index import Chunking, Document, Index
from ...retrieval import DEFAULT_ENCODER, DenseRetriever, HybridRetriever
from ...training import CHECKPOINTS, TrainingSettings
from ..indexing import build_index
from ..models import load_encoder, open_encoder
from .options import DataOptions, is_index


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstStageSettings:
    """How candidates are found for the training queries.

    Args:
        index: The index to search; None builds a temporary one.
        encoder: The encoder; None takes that of the index, or the default one.
        scratch: The folder for a temporary index, which is removed at the end.
        device: Where the encoder runs; None takes the fastest device.
        progress: Whether to show progress bars.
    """

    index: Path | None
    encoder: str | Path | None
    scratch: Path
    device: str | None = None
    progress: bool = False

    @staticmethod
    def of(
        data: DataOptions, settings: TrainingSettings, *, encoder: str | Path | None, progress: bool
    ) -> "FirstStageSettings":
        """Return the settings that the options of a training give; its source may itself be an index."""
        return FirstStageSettings(
            index=data.source if is_index(data.source) else data.index,
            encoder=encoder,
            scratch=settings.output / CHECKPOINTS,
            device=settings.device,
            progress=progress,
        )


@contextmanager
def open_first_stage(
    documents: Iterable[Document], settings: FirstStageSettings, *, chunking: Chunking | None = None
) -> Generator[DenseRetriever | HybridRetriever]:
    """Open the index, or build a temporary one; the search is hybrid if the index has BM25 postings.

    Args:
        documents: What a temporary index is built from.
        settings: Which index and which encoder.
        chunking: How a temporary index splits long documents.
    """
    if settings.index is not None:
        index = Index.open(settings.index)
        encoder = open_encoder(index, settings.encoder, device=settings.device)
        yield HybridRetriever(index, encoder) if index.analyzer else DenseRetriever(index, encoder)
        return
    encoder = load_encoder(settings.encoder or DEFAULT_ENCODER, device=settings.device)
    settings.scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.scratch) as folder:
        index = build_index(
            documents,
            Path(folder) / "index",
            encoder=encoder,
            reranker=None,
            lexical=True,
            chunking=chunking,
            progress=settings.progress,
        )
        yield HybridRetriever(index, encoder)
