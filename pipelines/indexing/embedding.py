"""Turns documents into embedded batches, in threads beside the one that reads and writes.

One thread splits documents and another embeds them. Neither a GPU nor the reading and writing waits for the other.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial

import numpy as np

from ...index import Chunking, Document, EmbeddedBatch, Passage, passage_text, split_documents, whole
from ...inference import TokenIds
from ...retrieval import Encoder, ParallelEncoder
from ..unknown_tokens import WORTH_A_WARNING, unknown_share, warn_of_passages
from .columns import ColumnMakers
from .map_ahead import map_ahead
from .pace import BatchSize, Pace

BATCH_DOCUMENTS = 512
"""The most documents embedded together, for each device: enough to sort by length, few enough to hold in memory."""

BATCH_CHARACTERS = 2**19
"""Characters after which, at the most, a batch is flushed, for each device."""

BATCH_PASSAGES = 1024
"""The most passages in one call of an encoder, for each device, however many a document has."""

MEASURED_PASSAGES = 32
"""The passages of a batch in which unknown characters are counted."""

AHEAD = 2
"""Batches that each of the two threads has waiting or done: with only one, it would wait for the other."""


def pace_for(encoder: Encoder) -> Pace:
    """Return the pace that suits ``encoder``: how large its batches may become."""
    return Pace(BatchSize(BATCH_DOCUMENTS, BATCH_CHARACTERS), devices=_devices(encoder))


def batches_of(documents: Iterable[Document], pace: Pace) -> Iterator[list[Document]]:
    """Split the documents into batches of the size that ``pace`` says."""
    batch: list[Document] = []
    characters = 0
    for document in documents:
        batch.append(document)
        characters += len(document.title) + len(document.text)
        size = pace.size
        if len(batch) >= size.documents or characters >= size.characters:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


@contextmanager
def embedded(
    batches: Iterable[Sequence[Document]],
    encoder: Encoder,
    chunking: Chunking | None,
    makers: ColumnMakers,
    *,
    pace: Pace | None = None,
) -> Generator[Iterator[EmbeddedBatch]]:
    """Yield one embedded batch for each of ``batches``, in order.

    Batches are read in the thread that takes the results, at most ``2 * AHEAD`` batches ahead. An error is raised in
    place of the result of its batch. After the block the threads have ended.

    Args:
        batches: Batches of documents.
        encoder: The model that makes the vectors.
        chunking: How documents are split; None keeps each as one passage.
        makers: Make what is stored for each passage besides its vector.
        pace: What is told how long each batch took.
    """
    split = partial(_split, encoder=encoder, chunking=chunking, makers=makers, warn=_WarnOnce(encoder))
    embed = partial(_embed, encoder=encoder, makers=makers, pace=pace or pace_for(encoder))
    with map_ahead(split, batches, depth=AHEAD) as texts, map_ahead(embed, texts, depth=AHEAD) as results:
        yield results


@dataclass(frozen=True, slots=True)
class _Split:
    """Documents with their passages, and the text, token ids and terms of each passage."""

    documents: Sequence[Document]
    passages: Sequence[Sequence[Passage]]
    texts: list[str]
    tokens: Sequence[TokenIds] | None
    terms: Sequence[Sequence[str]] | None


def _split(
    documents: Sequence[Document],
    *,
    encoder: Encoder,
    chunking: Chunking | None,
    makers: ColumnMakers,
    warn: "_WarnOnce",
) -> _Split:
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
    warn(texts)
    return _Split(documents, passages, texts, makers.token_ids(texts), makers.terms(texts))


def _embed(split: _Split, *, encoder: Encoder, makers: ColumnMakers, pace: Pace) -> EmbeddedBatch:
    size = BATCH_PASSAGES * _devices(encoder)
    # A batch without work takes no time, and does not predict the time of the next one.
    with pace.timed() if split.texts else nullcontext():
        parts = [makers.encoded(encoder, split.texts[i : i + size]) for i in range(0, len(split.texts), size)]
    nothing = np.empty((0, encoder.fingerprint.dimension), np.float32)
    vectors = np.concatenate([nothing, *(vectors for vectors, _ in parts)])
    token_vectors = (
        [of_passage for _, of_part in parts for of_passage in of_part or ()] if makers.fast_reranker else None
    )
    return EmbeddedBatch(split.documents, split.passages, vectors, split.tokens, split.terms, token_vectors)


class _WarnOnce:
    """Measures some passages of each batch until one has many unknown characters, and warns of it."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._warned = False

    def __call__(self, texts: Sequence[str]) -> None:
        if self._warned:
            return
        share = unknown_share(self._encoder, texts[:: max(1, len(texts) // MEASURED_PASSAGES)])
        if share >= WORTH_A_WARNING:
            self._warned = True
            warn_of_passages(share, self._encoder.fingerprint.id)


def _devices(encoder: Encoder) -> int:
    return len(encoder.encoders) if isinstance(encoder, ParallelEncoder) else 1
