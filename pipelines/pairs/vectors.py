"""One vector for each document, in a file."""

from collections.abc import Callable, Sequence
from typing import IO

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelError
from ...index import Chunking, Document, passage_text, split_documents
from ...retrieval import Encoder

PASSAGES_AT_ONCE = 1024
_OVERLAP = Chunking().overlap


class FiledVectors:
    """Vectors in a file."""

    def __init__(self, file: IO[bytes], dimension: int) -> None:
        """``file`` is empty, and open for writing and reading."""
        self._file = file
        self._dimension, self._count = dimension, 0

    def add(self, vectors: NDArray[np.float32]) -> None:
        """Write vectors, float32 of shape (n, dimension)."""
        self._file.write(np.ascontiguousarray(vectors, np.float32).data)
        self._count += len(vectors)

    def array(self) -> NDArray[np.float32]:
        """Return all vectors, float32 of shape (n, dimension), as a memory map."""
        self._file.flush()
        if not self._count:
            return np.empty((0, self._dimension), np.float32)
        return np.memmap(self._file, np.float32, "r", shape=(self._count, self._dimension))


def whole_vector(passages: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the vector of a document, of length 1: the mean of those of its passages.

    Args:
        passages: The vectors of its passages, float32 of shape (n, dimension).
    """
    mean = passages.mean(axis=0, dtype=np.float64)
    length = float(np.linalg.norm(mean))
    return (mean / length if length > 0 else mean).astype(np.float32)


def document_vectors(
    documents: Callable[[Sequence[int]], list[Document]],
    rows: Sequence[int],
    encoder: Encoder,
    *,
    vectors: FiledVectors,
    batch_size: int,
    watch: Callable[[int, int], None],
) -> None:
    """Embed documents, each with all of its text, and write a vector of each: a long one is split into passages.

    Args:
        documents: Gives documents by their rows.
        rows: Which documents, in the order in which they are embedded.
        encoder: The model.
        vectors: Where the vectors are written.
        batch_size: How many documents are embedded together.
        watch: Called with how many documents are embedded, of how many.
    """
    for start in range(0, len(rows), batch_size):
        part = documents(rows[start : start + batch_size])
        vectors.add(_embedded(part, encoder))
        watch(start + len(part), len(rows))


def _embedded(documents: Sequence[Document], encoder: Encoder) -> NDArray[np.float32]:
    passages = split_documents(
        documents, count_tokens=encoder.count_tokens, max_tokens=encoder.max_tokens, overlap=_OVERLAP
    )
    texts = [
        passage_text(document.title, passage.text)
        for document, own in zip(documents, passages, strict=True)
        for passage in own
    ]
    vectors = np.concatenate(
        [
            encoder.encode_documents(texts[start : start + PASSAGES_AT_ONCE])
            for start in range(0, len(texts), PASSAGES_AT_ONCE)
        ]
    )
    if not np.isfinite(vectors).all():
        raise ModelError(f"{encoder.fingerprint.id} gave a vector that is not finite, and nothing compares with that")
    ends = np.cumsum([len(own) for own in passages]).tolist()
    return np.stack([whole_vector(vectors[begin:end]) for begin, end in zip([0, *ends], ends, strict=False)])
