"""The Reranker protocols: (query, passage) pairs to scores. Know no model."""

from collections.abc import Sequence
from typing import Protocol, TypeGuard, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..inference import TokenIds, has_members
from .cascade import Cascade, CascadeScores, RankingKey

Pair = tuple[str, str]
"""A query and the text of a passage."""
TokenPair = tuple[str, TokenIds]
"""A query and the token ids of a passage, without special tokens."""


class Reranker(Protocol):
    """Stage two of a pipeline."""

    @property
    def blend(self) -> float:
        """The weight of the reranker's scores against stage one's that the model works best with; 1.0 is it alone."""
        ...

    def score(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        """A logit for each pair, shape (len(pairs),), higher is better; it depends on no other pair."""
        ...


@runtime_checkable
class IdentifiedReranker(Reranker, Protocol):
    """A reranker that says what it is, so that scores can be remembered for longer than the object lives."""

    @property
    def fingerprint(self) -> str:
        """Stands for all that a score depends on: weights, tokenizer, limits, precision. Empty where not known."""
        ...

    @property
    def model_fingerprint(self) -> str:
        """The same but for the precision: what was tuned in one number format holds for the others."""
        ...


@runtime_checkable
class TokenReranker(Reranker, Protocol):
    """A reranker that can be given passages as token ids, which an index may hold."""

    @property
    def tokenizer_fingerprint(self) -> str:
        """The sha256 of the tokenizer that the ids must come from; empty where passages must be given as text."""
        ...

    def score_tokens(self, pairs: Sequence[TokenPair]) -> NDArray[np.float32]:
        """As ``score`` of the texts that the ids were made from."""
        ...


@runtime_checkable
class CascadeReranker(Reranker, Protocol):
    """A reranker that can stop reading what its early layers do not find promising."""

    @property
    def exit_layers(self) -> tuple[int, ...]:
        """The layers after which it can; empty where it cannot."""
        ...

    @property
    def exits_fingerprint(self) -> str:
        """Stands for all that the logits of its exits depend on. Empty where not known."""
        ...

    def score_cascade(
        self, pairs: Sequence[Pair], cascade: Cascade, *, ranking_key: RankingKey | None = None
    ) -> CascadeScores:
        """After each stage of the cascade only the pairs of each query with the highest ``ranking_key`` are read on."""
        ...

    def score_cascade_tokens(
        self, pairs: Sequence[TokenPair], cascade: Cascade, *, ranking_key: RankingKey | None = None
    ) -> CascadeScores:
        """As ``score_cascade`` of the texts that the ids were made from; asked for of a ``TokenReranker`` alone."""
        ...


def is_identified(reranker: object) -> TypeGuard[IdentifiedReranker]:
    """Tell whether it is an ``IdentifiedReranker``, without asking for its fingerprints."""
    return has_members(reranker, IdentifiedReranker)


def takes_token_ids(reranker: object) -> TypeGuard[TokenReranker]:
    """Tell whether it is a ``TokenReranker``, without asking for its fingerprint."""
    return has_members(reranker, TokenReranker)


def can_exit_early(reranker: object) -> TypeGuard[CascadeReranker]:
    """Tell whether it is a ``CascadeReranker``, without asking for its fingerprint."""
    return has_members(reranker, CascadeReranker)
