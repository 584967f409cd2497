"""The Encoder protocol: text to vectors. Knows no model and no index."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..index import ModelFingerprint


class Encoder(Protocol):
    """What stage one needs of a model. The same text must always give the same vector, up to rounding.

    While an index is built, one thread calls ``count_tokens`` and another ``encode_documents``, at the same time.
    """

    @property
    def fingerprint(self) -> ModelFingerprint:
        """Which model this is; an index remembers it."""
        ...

    @property
    def max_tokens(self) -> int:
        """Tokens of a text that the model reads, without the special tokens that it adds."""
        ...

    def encode_queries(self, queries: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of shape (len(queries), dimension)."""
        ...

    def encode_documents(self, passages: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of shape (len(passages), dimension)."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, without special tokens."""
        ...
