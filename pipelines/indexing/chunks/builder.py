"""ChunkBuilder: loads the models once, and then writes one chunk after another."""

import dataclasses
import socket
from collections.abc import Iterator

from ....errors import IndexModelMismatch
from ....index import EmbeddedBatch
from ....index.sources import PartReader
from ....index.staging import ChunkAccount, ChunkSettings, write_chunk
from ....retrieval import Analyzer, Encoder
from ...fast_reranker import load_fast_reranker
from ...models import load_encoder
from ..columns import ColumnMakers, runs_as, tokenizer_for_new
from ..embedding import batches_of, embedded, pace_for
from .job import ChunkDone, ChunkJob, SourceChunk


class ChunkBuilder:
    """Writes chunks of one build. It is made in the process that writes them."""

    def __init__(self, job: ChunkJob) -> None:
        """Load the models.

        Raises:
            IndexModelMismatch: This process has another bicross, another model or another tokenizer than the one that
                planned the chunks.
            ModelError: A model is not available here.
        """
        settings, host = job.settings, socket.gethostname()
        mine = ChunkSettings(model=settings.model).software
        if settings.software != mine:
            raise IndexModelMismatch(
                f"the chunks are planned by bicross {settings.software}, and the worker on {host} has {mine}; run the "
                "same version everywhere"
            )
        if settings.dtype != job.dtype:
            raise IndexModelMismatch(
                f"the chunks are planned for vectors in {settings.dtype}, and the worker on {host} calculates in "
                f"{job.dtype}: such vectors do not mix"
            )
        self._job = job
        self._encoder = _encoder(job)
        settings.model.require_same(self._encoder.fingerprint)
        self._makers = ColumnMakers(
            tokenizer_for_new(job.reranker) if settings.tokenizer_fingerprint else None,
            Analyzer(settings.analyzer) if settings.analyzer else None,
            load_fast_reranker(job.fast_reranker, **runs_as(self._encoder)) if job.fast_reranker else None,
        )
        tokenizer, planned = self._makers.tokenizer_fingerprint, settings.tokenizer_fingerprint
        _require_planned(tokenizer, planned, f"tokenizer of {job.reranker!r}")
        model, planned = self._makers.late_interaction_fingerprint, settings.late_interaction_fingerprint
        _require_planned(model, planned, f"fast reranker {job.fast_reranker!r}")
        self._pace = pace_for(self._encoder)

    def build(self, chunk: SourceChunk) -> ChunkDone:
        """Write a chunk, unless it is sealed already.

        Raises:
            SourceError: The part of the source cannot be read.
            DocumentError: A row is bad, where errors are not skipped.
        """
        job = self._job
        reader = PartReader(chunk.part, job.options, skip_errors=job.skip_errors)
        written = write_chunk(
            job.path, chunk.name, self._batches(reader), job.settings, account=lambda: _account(chunk, reader)
        )
        return ChunkDone(chunk.name, written.documents, socket.gethostname())

    def _batches(self, reader: PartReader) -> Iterator[EmbeddedBatch]:
        with embedded(
            batches_of(reader, self._pace),
            self._encoder,
            self._job.settings.chunking,
            self._makers,
            pace=self._pace,
        ) as batches:
            yield from batches


def _require_planned(found: str, planned: str, kind: str) -> None:
    if found != planned:
        raise IndexModelMismatch(
            f"the chunks are planned with the {kind} of fingerprint {planned or 'none'}, and on {socket.gethostname()} "
            f"it is {found or 'not there'}"
        )


def _encoder(job: ChunkJob) -> Encoder:
    if isinstance(job.encoder, str):
        return load_encoder(job.encoder, device=job.device, dtype=job.dtype)
    return job.encoder


def _account(chunk: SourceChunk, reader: PartReader) -> ChunkAccount:
    report = reader.report
    details: dict[str, object] = {
        "report": dataclasses.asdict(report),
        "bad": [dataclasses.asdict(row) for row in reader.bad],
    }
    return ChunkAccount(chunk.part.shown, report.ids_made, details)
