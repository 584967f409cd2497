"""The protocols of rerankers, which score (query, passage) pairs."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Protocol, TypeGuard, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentError
from ..errors.arguments import checked_count, described
from ..inference import TokenIds, has_members
from .calibration import Calibration
from .cascade import Cascade, CascadeScores, RankingKey

Pair = tuple[str, str]
"""A query and the text of a passage."""
TokenPair = tuple[str, TokenIds]
"""A query and the token ids of a passage, without special tokens."""
TokenVectorPair = tuple[str, NDArray[np.int8]]
"""A query and the token vectors of a passage, shape (tokens, dim)."""


class Reranker(Protocol):
    """The second stage of a pipeline."""

    @property
    def blend(self) -> float:
        """The best weight of its scores against those of the first stage; 1.0 means the reranker's scores only."""
        ...

    def score(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        """Score pairs.

        Args:
            pairs: (query, passage) texts.

        Returns:
            A logit for each pair, float32 of shape (len(pairs),). Higher is better. A logit does not depend on the
            other pairs.
        """
        ...


@runtime_checkable
class IdentifiedReranker(Reranker, Protocol):
    """A reranker with fingerprints, so that scores can be cached for longer than the object lives."""

    @property
    def fingerprint(self) -> str:
        """Identifies all that a score depends on: weights, tokenizer, limits, precision. Empty if not known."""
        ...

    @property
    def model_fingerprint(self) -> str:
        """The same without the precision: settings tuned in one number format hold for the others."""
        ...


@runtime_checkable
class TokenReranker(Reranker, Protocol):
    """A reranker that takes passages as token ids, which an index may hold."""

    @property
    def tokenizer_fingerprint(self) -> str:
        """The sha256 of the tokenizer that the ids must come from; empty if passages must be given as text."""
        ...

    def score_tokens(self, pairs: Sequence[TokenPair]) -> NDArray[np.float32]:
        """Score pairs of a query and token ids: the same as ``score`` for the texts of the ids.

        Args:
            pairs: Query texts and the token ids of passages, without special tokens.

        Returns:
            A logit for each pair, float32 of shape (len(pairs),).
        """
        ...


@runtime_checkable
class TokenVectorReranker(Reranker, Protocol):
    """A reranker that takes passages as vectors of their tokens, which an index may hold: late interaction."""

    @property
    def late_interaction_fingerprint(self) -> str:
        """Identifies what token vectors depend on, except the number format: 64 hex digits."""
        ...

    @property
    def dim(self) -> int:
        """The length of a token vector."""
        ...

    def token_vectors(self, passages: Sequence[str]) -> list[NDArray[np.int8]]:
        """Compute the token vectors of passages, each of shape (tokens, dim)."""
        ...

    def score_token_vectors(self, pairs: Sequence[TokenVectorPair]) -> NDArray[np.float32]:
        """Score pairs of a query and token vectors: the same as ``score`` for the texts of the vectors.

        Args:
            pairs: Query texts and what ``token_vectors`` gave for the passages. A passage without any has the lowest
                score.

        Returns:
            A score for each pair, float32 of shape (len(pairs),).
        """
        ...


@runtime_checkable
class CascadeReranker(Reranker, Protocol):
    """A reranker that can stop after an early layer for pairs that score low there."""

    @property
    def exit_layers(self) -> tuple[int, ...]:
        """The layers, counted from 1, after which it can stop; empty if it cannot."""
        ...

    @property
    def exits_fingerprint(self) -> str:
        """Identifies all that the logits of its exits depend on. Empty if not known."""
        ...

    def score_cascade(
        self, pairs: Sequence[Pair], cascade: Cascade, *, ranking_key: RankingKey | None = None
    ) -> CascadeScores:
        """Score pairs in a cascade: after each stage only the best pairs of each query go on.

        Args:
            pairs: (query, passage) texts. Pairs with the same query text compete with each other.
            cascade: Stages (layer, candidates); see ``Cascade``.
            ranking_key: Which pairs go on: those with the highest key. None takes the logits.

        Returns:
            The scores of all pairs.
        """
        ...

    def score_cascade_tokens(
        self, pairs: Sequence[TokenPair], cascade: Cascade, *, ranking_key: RankingKey | None = None
    ) -> CascadeScores:
        """The same as ``score_cascade`` for the texts of the token ids; called only on a ``TokenReranker``."""
        ...


@runtime_checkable
class QueryLimitedReranker(Reranker, Protocol):
    """A reranker that takes queries up to a length."""

    def long_queries(self, queries: Sequence[str]) -> dict[int, str]:
        """Find the queries that are too long: what is wrong with each, as the end of a sentence, by its place."""
        ...

    def cutting_queries(self) -> Reranker:
        """Return the same reranker, with the same weights and fingerprints, that cuts such queries."""
        ...


@runtime_checkable
class CalibratedReranker(Reranker, Protocol):
    """A reranker that says what its logits mean, for collections on which nobody calibrated it."""

    @property
    def calibration(self) -> Calibration | None:
        """The curve from logits to relevance; None if it has none."""
        ...


def calibration_of(reranker: Reranker | None) -> Calibration | None:
    """Return the curve from logits to relevance that a reranker brings along, None if it has none."""
    curve = reranker.calibration if _brings_a_curve(reranker) else None
    return curve if isinstance(curve, Calibration) else None  # a reranker of a program may call anything so


def _brings_a_curve(reranker: object) -> TypeGuard[CalibratedReranker]:
    return has_members(reranker, CalibratedReranker)


def distinct(keys: Sequence[Hashable]) -> tuple[list[int], NDArray[np.int64]]:
    """Find the keys that come several times, such as pairs that are to be scored once.

    Returns:
        The places where each distinct key comes first, and for each key the number of its distinct key, int64 of shape
        (len(keys),).
    """
    numbers: dict[Hashable, int] = {}
    inverse = np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)
    return np.unique(inverse, return_index=True)[1].tolist(), inverse


def each_once(keys: Sequence[Hashable], compute: Callable[[list[int]], NDArray[np.float32]]) -> NDArray[np.float32]:
    """Call ``compute`` with the place of each distinct key, and repeat its result for equal keys."""
    if not keys:
        return np.empty(0, np.float32)
    rows, inverse = distinct(keys)
    return compute(rows)[inverse]


def same_reranker(stored: str, model_fingerprint: str) -> bool:
    """Tell whether settings were stored for a reranker.

    Args:
        stored: The ``model_fingerprint`` with which they were stored. Earlier versions wrote it without the hash of the
            model's settings; such a fingerprint is taken for the same model unless that one has prompts.
        model_fingerprint: The one of the reranker at hand.
    """
    return model_fingerprint == stored or (stored.count("-") == 2 and model_fingerprint.startswith(f"{stored}-"))


def is_identified(reranker: object) -> TypeGuard[IdentifiedReranker]:
    """Tell whether it is an ``IdentifiedReranker``, without computing its fingerprints."""
    return has_members(reranker, IdentifiedReranker)


def takes_token_ids(reranker: object) -> TypeGuard[TokenReranker]:
    """Tell whether it is a ``TokenReranker``, without computing its fingerprint."""
    return has_members(reranker, TokenReranker)


def takes_token_vectors(reranker: object) -> TypeGuard[TokenVectorReranker]:
    """Tell whether it is a ``TokenVectorReranker``, without computing its fingerprint."""
    return has_members(reranker, TokenVectorReranker)


def can_exit_early(reranker: object) -> TypeGuard[CascadeReranker]:
    """Tell whether it is a ``CascadeReranker``, without computing its fingerprint."""
    return has_members(reranker, CascadeReranker)


def long_queries(reranker: Reranker | None, queries: Sequence[str]) -> dict[int, str]:
    """Find the queries that are too long for a reranker: what is wrong with each, as the end of a sentence."""
    return reranker.long_queries(queries) if _limits_queries(reranker) else {}


def cutting_queries(reranker: Reranker) -> Reranker:
    """Return the same reranker, that cuts queries that are too long instead of refusing them, if it has a limit."""
    return reranker.cutting_queries() if _limits_queries(reranker) else reranker


def _limits_queries(reranker: object) -> TypeGuard[QueryLimitedReranker]:
    return has_members(reranker, QueryLimitedReranker)


def check_pairs(pairs: Sequence[Pair]) -> None:
    """Raise ``ArgumentError`` for what is not a list of (query, passage) pairs of texts."""
    for number, pair in enumerate(_listed(pairs)):
        if not (_is_pair(pair) and isinstance(pair[1], str)):
            raise ArgumentError(f"pair {number} must be (query, passage), two texts, not {described(pair)}")


def check_token_pairs(pairs: Sequence[TokenPair]) -> None:
    """Raise ``ArgumentError`` for what is not a list of pairs of a query text and an array of token ids."""
    for number, pair in enumerate(_listed(pairs)):
        if not (_is_pair(pair) and isinstance(pair[1], np.ndarray) and pair[1].dtype.kind in "iu"):
            raise ArgumentError(f"pair {number} must be (query, array of token ids), not {described(pair)}")


def check_token_vector_pairs(pairs: Sequence[TokenVectorPair], dim: int) -> None:
    """Raise ``ArgumentError`` for what is not a list of pairs of a query text and int8 vectors of length ``dim``."""
    checked_count(dim, "dim")
    for number, pair in enumerate(_listed(pairs)):
        vectors: Any = pair[1] if _is_pair(pair) else None
        if getattr(vectors, "dtype", None) != np.int8 or vectors.shape[1:] != (dim,):
            raise ArgumentError(
                f"pair {number} must be (query, token vectors), int8 of shape (tokens, {dim}), not {described(pair)}"
            )


def _listed(pairs: Any) -> Sequence[Any]:  # noqa: ANN401 - of any type
    if isinstance(pairs, str | bytes | Mapping) or not isinstance(pairs, Sequence | np.ndarray):
        raise ArgumentError(f"pairs must be a list of pairs, as in [('query', 'passage')], not {described(pairs)}")
    return cast("Sequence[Any]", pairs)


def _is_pair(pair: Any) -> bool:  # noqa: ANN401 - of any type
    return isinstance(pair, tuple | list | np.ndarray) and len(cast("Any", pair)) == 2 and isinstance(pair[0], str)
