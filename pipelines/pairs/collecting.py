"""Reads documents and finds a vector for each of their texts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import IO

import numpy as np
from numpy.typing import NDArray

from ...index import Document, Index, Predicate
from ...retrieval import Encoder
from ..progress import counting, progress_over
from .contents import Contents, DistinctTexts, Documents, FiledDocuments, IndexDocuments
from .vectors import FiledVectors, document_vectors, whole_vector


@dataclass(frozen=True, slots=True)
class Files:
    """Temporary files, which take what need not be in memory."""

    documents: IO[bytes]
    vectors: IO[bytes]


@dataclass(frozen=True, slots=True)
class Collected:
    """Documents, their texts, and the vector of each text, which is row ``vector_rows[text]`` of ``vectors``."""

    documents: Documents
    ids: Sequence[str]
    texts: DistinctTexts
    vectors: NDArray[np.float32]
    vector_rows: NDArray[np.int64]

    def passages(self, numbers: Sequence[int]) -> list[str]:
        """Return what a model of pairs reads of each text."""
        rows: list[int] = self.texts.rows[list(numbers)].tolist()
        return [document.passage for document in self.documents.get(rows)]


def of_index(index: Index, files: Files, *, where: Predicate | None = None, progress: bool) -> Collected:
    """Collect the documents of an index, or those that match a predicate, with its own vectors."""
    contents, vectors = Contents(), FiledVectors(files.vectors, index.model.dimension)
    total = len(index) if where is None else index.count(where)
    with counting("Reading", shown=progress) as watch:
        for document, passages in index.embedded_documents(where=where):
            contents.add(document)
            vectors.add(whole_vector(passages)[None])
            watch(len(contents.ids), total)
    texts = contents.distinct()
    return Collected(IndexDocuments(index, contents.ids), contents.ids, texts, vectors.array(), texts.rows)


def of_documents(
    source: Iterable[Document], encoder: Encoder, files: Files, *, batch_size: int, progress: bool
) -> Collected:
    """Collect documents, and embed one of each text."""
    contents, filed = Contents(), FiledDocuments(files.documents)
    vectors = FiledVectors(files.vectors, encoder.fingerprint.dimension)
    with progress_over(source, "Reading", shown=progress) as counted:
        for document in counted.read():
            contents.add(document)
            filed.add(document)
            counted.done(1)
    texts = contents.distinct()
    with counting("Embedding", shown=progress) as watch:
        document_vectors(filed.get, texts.rows.tolist(), encoder, vectors=vectors, batch_size=batch_size, watch=watch)
    return Collected(filed, contents.ids, texts, vectors.array(), np.arange(len(texts)))
