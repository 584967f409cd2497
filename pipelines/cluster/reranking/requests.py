"""What a worker that has a reranker is asked, and what it says of its reranker."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ....rerank import Calibration, CrossEncoderReranker, Pair, TokenPair

Answer = TypeVar("Answer")
Answered = TypeVar("Answered", covariant=True)


class Request(Protocol[Answered]):
    """A question to a reranker. It can be pickled."""

    @property
    def runs_model(self) -> bool:
        """Whether the layers of the model run for it, which takes long."""
        ...

    def of(self, reranker: CrossEncoderReranker) -> Answered:
        """Answer it."""
        ...


@dataclass(frozen=True, slots=True)
class TextScores:
    """The logits of pairs of texts.

    Attributes:
        pairs: The pairs.
        cut: Whether queries that are too long are cut, and not refused.
    """

    pairs: Sequence[Pair]
    cut: bool

    @property
    def runs_model(self) -> bool:
        """It does."""
        return True

    def of(self, reranker: CrossEncoderReranker) -> NDArray[np.float32]:
        """Return float32 of shape (len(pairs),)."""
        return (reranker.cutting_queries() if self.cut else reranker).score(self.pairs)


@dataclass(frozen=True, slots=True)
class TokenScores:
    """The logits of pairs of a query and the token ids of a passage.

    Attributes:
        pairs: The pairs.
        cut: Whether queries that are too long are cut, and not refused.
    """

    pairs: Sequence[TokenPair]
    cut: bool

    @property
    def runs_model(self) -> bool:
        """It does."""
        return True

    def of(self, reranker: CrossEncoderReranker) -> NDArray[np.float32]:
        """Return float32 of shape (len(pairs),)."""
        return (reranker.cutting_queries() if self.cut else reranker).score_tokens(self.pairs)


@dataclass(frozen=True, slots=True)
class LongQueries:
    """Which queries are too long."""

    queries: Sequence[str]

    @property
    def runs_model(self) -> bool:
        """It needs the tokenizer alone."""
        return False

    def of(self, reranker: CrossEncoderReranker) -> dict[int, str]:
        """Return what is wrong with each, by its place."""
        return reranker.long_queries(self.queries)


@dataclass(frozen=True, slots=True)
class UnknownShares:
    """The share of each text that the tokenizer does not know."""

    texts: Sequence[str]

    @property
    def runs_model(self) -> bool:
        """It needs the tokenizer alone."""
        return False

    def of(self, reranker: CrossEncoderReranker) -> list[float]:
        """Return a number from 0 to 1 for each."""
        return reranker.unknown_shares(self.texts)


@dataclass(frozen=True, slots=True)
class Description:
    """What a worker says of its reranker. Workers must have the same, but for ``host``.

    Attributes:
        host: The machine of the worker.
        software: The version of bicross there.
        fingerprint: Identifies all that a score depends on.
        model_fingerprint: The same without the precision.
        tokenizer_fingerprint: The sha256 of the tokenizer; empty if the model takes no token ids.
        max_length: The most tokens of a pair.
        blend: The weight against the first stage.
        calibration: The curve from logits to relevance; None without one.
    """

    host: str
    software: str
    fingerprint: str
    model_fingerprint: str
    tokenizer_fingerprint: str
    max_length: int
    blend: float
    calibration: Calibration | None


@dataclass(frozen=True, slots=True)
class Piece(Generic[Answer]):
    """A part of a call that one worker does.

    Attributes:
        request: What is asked.
        tokens: About how many tokens the model reads for it.
        shown: How messages name it.
    """

    request: Request[Answer]
    tokens: int
    shown: str
