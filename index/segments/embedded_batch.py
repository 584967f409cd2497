"""EmbeddedBatch: documents with everything that an index stores of them, the input of a writer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..document import Document, Passage
from .postings import TermCounts
from .token_vectors import TokenVectors


@dataclass(frozen=True, slots=True)
class EmbeddedBatch:
    """Documents, their passages, and what is stored for each passage, in the order of the passages.

    Attributes:
        documents: The documents.
        passages: The passages of each document, at least one.
        vectors: Unit vectors, float32 of shape (passages, dimension).
        tokens: The token ids of each passage, a flat array of uint16 or uint32; None where the index stores none.
        terms: The terms of each passage, a list of strings; None where the index stores none.
        token_vectors: The token vectors of each passage, int8 of shape (tokens, dim); None where the index stores none.
    """

    documents: Sequence[Document]
    passages: Sequence[Sequence[Passage]]
    vectors: NDArray[np.float32]
    tokens: Sequence[NDArray[np.unsignedinteger[Any]]] | None = None
    terms: Sequence[Sequence[str]] | TermCounts | None = None
    token_vectors: Sequence[TokenVectors] | None = None
