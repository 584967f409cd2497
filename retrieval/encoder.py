"""The Encoder protocol: turns texts into vectors."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentError
from ..errors.arguments import described
from ..index import ModelFingerprint


class Encoder(Protocol):
    """What the first stage needs of a model. The same text must always give the same vector, up to rounding.

    While an index is built, one thread calls ``count_tokens`` and another ``encode_documents``, at the same time.
    """

    @property
    def fingerprint(self) -> ModelFingerprint:
        """The identity of the model, which an index stores."""
        ...

    @property
    def max_tokens(self) -> int:
        """The most tokens of a text that the model reads, without the special tokens that it adds."""
        ...

    def encode_queries(self, queries: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors of shape (len(queries), dimension), float32."""
        ...

    def encode_documents(self, passages: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors of shape (len(passages), dimension), float32."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text, without special tokens."""
        ...


def check_encoder(encoder: object) -> None:
    """Check that something is an encoder as far as its methods tell.

    Raises:
        ArgumentError: It has none of them.
    """
    if not callable(getattr(encoder, "encode_queries", None)) or isinstance(encoder, type):
        raise ArgumentError(f"encoder must be a model, such as a BiEncoder, not {described(encoder)}")
