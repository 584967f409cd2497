"""Ways of finding the pairs of vectors whose cosine reaches a threshold. Each is run in a process of its own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from bicross.index import ModelFingerprint
from bicross.index.vectors import near_pairs
from bicross.pipelines import find_duplicates
from numpy.typing import NDArray

ROWS_AT_ONCE = 1000
ROUNDING = 1e-6
MAX_PAIRS = 10_000_000
"""More than there are, so that the peer leaves none out."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a way of finding pairs took, and what it found.

    Attributes:
        seconds: The time, without imports and embedding.
        compared: How many inner products it computed; None where it does not say.
        keys: The pairs, as ``first * count + second``, int64.
    """

    seconds: float
    compared: int | None
    keys: NDArray[np.int64]


class StoredVectors:
    """An encoder that has the vectors of all texts already."""

    max_tokens = 256

    def __init__(self, texts: Sequence[str], vectors: NDArray[np.float32]) -> None:
        self._rows = {text: row for row, text in enumerate(texts)}
        self._vectors = vectors
        self.fingerprint = ModelFingerprint(
            id="stored",
            revision="",
            weights_sha256="",
            tokenizer_sha256="",
            dimension=vectors.shape[1],
            pooling="",
            normalised=True,
            query_prompt="",
            document_prompt="",
            max_length=self.max_tokens,
            settings_sha256="",
        )

    def encode_queries(self, queries: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of texts."""
        return self.encode_documents(queries)

    def encode_documents(self, passages: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of texts."""
        return self._vectors[[self._rows[text] for text in passages]]

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Say that each text is short, so that none is split."""
        return [1] * len(texts)


def all_pairs(texts: Sequence[str], vectors: NDArray[np.float32], threshold: float, top_k: int) -> Outcome:
    """Compute every inner product: the truth."""
    began, count = perf_counter(), len(vectors)
    keys: list[NDArray[np.int64]] = []
    for start in range(0, count, ROWS_AT_ONCE):
        block = np.asarray(vectors[start : start + ROWS_AT_ONCE])
        rows, columns = np.nonzero(block @ vectors[start:].T >= threshold - ROUNDING)
        above = columns > rows
        keys.append((rows[above] + start) * count + columns[above] + start)
    return Outcome(perf_counter() - began, count * (count - 1) // 2, np.sort(np.concatenate(keys)))


def of_vectors(texts: Sequence[str], vectors: NDArray[np.float32], threshold: float, top_k: int) -> Outcome:
    """Search the vectors with FAISS, as ``find_duplicates`` does."""
    import faiss  # counts what it compares

    faiss.cvar.indexIVF_stats.reset()
    began, count = perf_counter(), len(vectors)
    near = near_pairs(vectors, threshold=threshold, top_k=top_k)
    seconds = perf_counter() - began
    return Outcome(seconds, int(faiss.cvar.indexIVF_stats.ndis) or count * count, near.first * count + near.second)


def of_documents(texts: Sequence[str], vectors: NDArray[np.float32], threshold: float, top_k: int) -> Outcome:
    """Find the groups of duplicates, all but the embedding included."""
    encoder = StoredVectors(texts, vectors)
    documents = [{"id": str(row), "text": text} for row, text in enumerate(texts)]
    began, count = perf_counter(), len(vectors)
    duplicates = find_duplicates(documents, threshold=threshold, top_k=top_k, encoder=encoder)
    seconds = perf_counter() - began
    numbers = [sorted((int(pair.first), int(pair.second))) for pair in duplicates.pairs]
    return Outcome(seconds, None, np.sort(np.array([low * count + high for low, high in numbers], np.int64)))


def of_peer(texts: Sequence[str], vectors: NDArray[np.float32], threshold: float, top_k: int) -> Outcome:
    """Call ``paraphrase_mining_embeddings`` of sentence-transformers with the vectors."""
    import torch
    from sentence_transformers import util

    embeddings = torch.from_numpy(np.array(vectors))
    began, count = perf_counter(), len(vectors)
    mined_pairs = util.paraphrase_mining_embeddings(embeddings, top_k=top_k, max_pairs=MAX_PAIRS)
    seconds = perf_counter() - began
    near = np.array([sorted(pair) for score, *pair in mined_pairs if score >= threshold - ROUNDING], np.int64).reshape(
        -1, 2
    )
    return Outcome(seconds, count * count, np.unique(near[:, 0] * count + near[:, 1]))


METHODS: dict[str, Callable[[Sequence[str], NDArray[np.float32], float, int], Outcome]] = {
    "all pairs": all_pairs,
    "near_pairs": of_vectors,
    "find_duplicates": of_documents,
    "paraphrase_mining": of_peer,
}
