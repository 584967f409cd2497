"""Models whose calls from many threads are joined into batches."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol, TypeGuard, cast

import numpy as np
from numpy.typing import NDArray

from ....index import ModelFingerprint, TokenVectors
from ....inference import HasVocabulary, has_members, has_vocabulary
from ....rerank import (
    Calibration,
    Cascade,
    CascadeScores,
    CrossEncoderReranker,
    IdentifiedReranker,
    LateInteractionReranker,
    Pair,
    QueryLimitedReranker,
    RankingKey,
    Reranker,
    TokenPair,
    TokenReranker,
    TokenVectorPair,
    calibration_of,
    is_identified,
)
from ....retrieval import Encoder
from .model_thread import ModelThread
from .work import Lane

Vector = NDArray[np.float32]
"""Of one text, shape (dimension,)."""
CHARACTERS_OF_A_TOKEN = 4
CASCADE_TOKENS = 4_096
"""What a whole cascade counts as in a batch, where its calls are not joined with others."""


def about_tokens(text: str, most: int) -> int:
    """Return about how many tokens of a text a model reads, of ``most`` at most."""
    return min(most, 1 + len(text) // CHARACTERS_OF_A_TOKEN)


class BatchedEncoder:
    """An ``Encoder`` that runs in a ``ModelThread``."""

    def __init__(self, encoder: Encoder, thread: ModelThread) -> None:
        self.encoder = encoder
        self._thread = thread
        self._queries: Lane[str, Vector] = Lane("encode_queries", encoder.encode_queries, self._tokens)
        self._documents: Lane[str, Vector] = Lane("encode_documents", encoder.encode_documents, self._tokens)

    @property
    def fingerprint(self) -> ModelFingerprint:
        """The identity of the model."""
        return self.encoder.fingerprint

    @property
    def max_tokens(self) -> int:
        """The most tokens of a text that the model reads."""
        return self.encoder.max_tokens

    def encode_queries(self, queries: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors of shape (len(queries), dimension), float32."""
        return self._vectors(self._queries, queries)

    def encode_documents(self, passages: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors of shape (len(passages), dimension), float32."""
        return self._vectors(self._documents, passages)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text, without special tokens."""
        return self.encoder.count_tokens(texts)

    def unknown_shares(self, texts: Sequence[str]) -> list[float]:
        """Return the share of the characters of each text that the tokenizer does not know."""
        return self.encoder.unknown_shares(texts) if has_vocabulary(self.encoder) else [0.0 for _ in texts]

    def _tokens(self, text: str) -> int:
        return about_tokens(text, self.encoder.max_tokens)

    def _vectors(self, lane: Lane[str, Vector], texts: Sequence[str]) -> NDArray[np.float32]:
        if not texts:
            return np.empty((0, self.fingerprint.dimension), np.float32)
        return np.stack(self._thread.run(lane, texts))


class BatchedReranker:
    """A ``Reranker`` that runs in a ``ModelThread``."""

    def __init__(self, reranker: Reranker, thread: ModelThread, *, max_length: int = 512) -> None:
        self._reranker = reranker
        self._thread = thread
        self._most = max_length
        self._pairs: Lane[Pair, np.float32] = Lane("rerank", reranker.score, self._pair_tokens)

    @property
    def blend(self) -> float:
        """The best weight of its scores against those of the first stage."""
        return self._reranker.blend

    @property
    def calibration(self) -> Calibration | None:
        """The curve from its logits to relevance; None if it has none."""
        return calibration_of(self._reranker)

    def score(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        """Return the logits of (query, passage) pairs, float32 of shape (len(pairs),)."""
        return np.array(self._thread.run(self._pairs, pairs), np.float32)

    def _pair_tokens(self, pair: Pair) -> int:
        return about_tokens(pair[0] + pair[1], self._most)


class BatchedIdentified(BatchedReranker):
    """An ``IdentifiedReranker`` that runs in a ``ModelThread``."""

    def __init__(self, reranker: IdentifiedReranker, thread: ModelThread, *, max_length: int = 512) -> None:
        super().__init__(reranker, thread, max_length=max_length)
        self._identified = reranker

    @property
    def fingerprint(self) -> str:
        """Identifies all that a score depends on."""
        return self._identified.fingerprint

    @property
    def model_fingerprint(self) -> str:
        """The same without the precision."""
        return self._identified.model_fingerprint


class TokenModel(IdentifiedReranker, TokenReranker, QueryLimitedReranker, HasVocabulary, Protocol):
    """A reranker with a tokenizer: a cross-encoder, in this process or in others."""

    @property
    def max_length(self) -> int:
        """The most tokens of a pair."""
        ...


class BatchedTokenReranker(BatchedIdentified):
    """A reranker with a tokenizer that runs in a ``ModelThread``."""

    def __init__(self, reranker: TokenModel, thread: ModelThread) -> None:
        super().__init__(reranker, thread, max_length=reranker.max_length)
        self._model = reranker
        self._ids: Lane[TokenPair, np.float32] = Lane("rerank_tokens", reranker.score_tokens, self._id_tokens)

    @property
    def max_length(self) -> int:
        """The most tokens of a pair."""
        return self._model.max_length

    @property
    def tokenizer_fingerprint(self) -> str:
        """The sha256 of the tokenizer; empty if the model takes no token ids."""
        return self._model.tokenizer_fingerprint

    def unknown_shares(self, texts: Sequence[str]) -> list[float]:
        """Return the share of the characters of each text that the tokenizer does not know."""
        return self._model.unknown_shares(texts)

    def long_queries(self, queries: Sequence[str]) -> dict[int, str]:
        """Find the queries that are too long: what is wrong with each, by its place."""
        return self._model.long_queries(queries)

    def cutting_queries(self) -> BatchedReranker:
        """Return the same reranker, that cuts such queries."""
        return batched_reranker(self._model.cutting_queries(), self._thread)

    def score_tokens(self, pairs: Sequence[TokenPair]) -> NDArray[np.float32]:
        """Return the logits of pairs of a query and token ids, float32 of shape (len(pairs),)."""
        return np.array(self._thread.run(self._ids, pairs), np.float32)

    def _id_tokens(self, pair: TokenPair) -> int:
        return min(self._most, 1 + len(pair[0]) // CHARACTERS_OF_A_TOKEN + len(pair[1]))


class BatchedCrossEncoder(BatchedTokenReranker):
    """A ``CrossEncoderReranker`` that runs in a ``ModelThread``. A cascade runs there as one piece."""

    def __init__(self, reranker: CrossEncoderReranker, thread: ModelThread) -> None:
        super().__init__(cast("TokenModel", reranker), thread)  # a cached property counts as none for type checkers
        self._cross_encoder = reranker
        self._cascades: Lane[Callable[[], CascadeScores], CascadeScores] = Lane(
            "rerank_cascade", lambda calls: [call() for call in calls], lambda _: CASCADE_TOKENS
        )

    @property
    def exit_layers(self) -> tuple[int, ...]:
        """The layers after which a cascade can stop."""
        return self._cross_encoder.exit_layers

    @property
    def exits_fingerprint(self) -> str:
        """Identifies all that the logits of exits depend on."""
        return self._cross_encoder.exits_fingerprint

    def score_cascade(
        self, pairs: Sequence[Pair], cascade: Cascade, *, ranking_key: RankingKey | None = None
    ) -> CascadeScores:
        """Score pairs in a cascade."""
        call = partial(self._cross_encoder.score_cascade, pairs, cascade, ranking_key=ranking_key)
        return self._thread.run(self._cascades, [call])[0]

    def score_cascade_tokens(
        self, pairs: Sequence[TokenPair], cascade: Cascade, *, ranking_key: RankingKey | None = None
    ) -> CascadeScores:
        """Score pairs of a query and token ids in a cascade."""
        call = partial(self._cross_encoder.score_cascade_tokens, pairs, cascade, ranking_key=ranking_key)
        return self._thread.run(self._cascades, [call])[0]


class BatchedLateInteraction(BatchedIdentified):
    """A ``LateInteractionReranker`` that runs in a ``ModelThread``."""

    def __init__(self, reranker: LateInteractionReranker, thread: ModelThread) -> None:
        super().__init__(cast("IdentifiedReranker", reranker), thread, max_length=reranker.max_length)
        self._model = reranker
        self._texts: Lane[str, TokenVectors] = Lane("token_vectors", reranker.token_vectors, self._passage_tokens)
        self._vectors: Lane[TokenVectorPair, np.float32] = Lane(
            "late_interaction", reranker.score_token_vectors, lambda _: 1
        )

    @property
    def late_interaction_fingerprint(self) -> str:
        """Identifies all that token vectors depend on but the precision."""
        return self._model.late_interaction_fingerprint

    @property
    def dim(self) -> int:
        """The length of a token vector."""
        return self._model.dim

    def unknown_shares(self, texts: Sequence[str]) -> list[float]:
        """Return the share of the characters of each text that the tokenizer does not know."""
        return self._model.unknown_shares(texts)

    def long_queries(self, queries: Sequence[str]) -> dict[int, str]:
        """Find the queries that are too long: what is wrong with each, by its place."""
        return self._model.long_queries(queries)

    def cutting_queries(self) -> "BatchedLateInteraction":
        """Return the same reranker, that cuts such queries."""
        return BatchedLateInteraction(self._model.cutting_queries(), self._thread)

    def token_vectors(self, passages: Sequence[str]) -> list[TokenVectors]:
        """Return the token vectors of passages, int8 of shape (tokens, dim) each."""
        return self._thread.run(self._texts, passages)

    def score_token_vectors(self, pairs: Sequence[TokenVectorPair]) -> NDArray[np.float32]:
        """Return the scores of pairs of a query and token vectors, float32 of shape (len(pairs),)."""
        return np.array(self._thread.run(self._vectors, pairs), np.float32)

    def _passage_tokens(self, passage: str) -> int:
        return about_tokens(passage, self._most)


def batched_reranker(reranker: Reranker, thread: ModelThread) -> BatchedReranker:
    """Return a reranker that runs in ``thread``, with the abilities that it has."""
    if isinstance(reranker, CrossEncoderReranker):
        return BatchedCrossEncoder(reranker, thread)
    if isinstance(reranker, LateInteractionReranker):
        return BatchedLateInteraction(reranker, thread)
    if _has_a_tokenizer(reranker):
        return BatchedTokenReranker(reranker, thread)
    return BatchedIdentified(reranker, thread) if is_identified(reranker) else BatchedReranker(reranker, thread)


def _has_a_tokenizer(reranker: Reranker) -> TypeGuard[TokenModel]:
    return has_members(reranker, TokenModel)
