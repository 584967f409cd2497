"""The reranker that compares token vectors."""

import copy
import functools
import hashlib
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelError, QueryError
from ...inference import (
    LATE_INTERACTION,
    Dtype,
    ModelFiles,
    TextReading,
    kind_of,
    require_texts,
    resolve_dtype,
    resolve_model,
)
from ...models import FAST_RERANKER
from ..calibration import Calibration, calibration_from_dict
from ..reranker import Pair, TokenVectorPair, check_pairs, check_token_vector_pairs
from .maxsim import QueryVectors, TokenVectors, max_sim
from .model_folder import read_late_interaction, require_base

if TYPE_CHECKING:
    from ...inference.packed import Tap

logger = logging.getLogger("bicross")

PAIRS_AT_ONCE = 2048
"""The most pairs of ``score`` whose token vectors are in memory."""


class LateInteractionReranker:
    """Scores pairs by the vectors of their tokens. Any number of threads may share it.

    The token vectors of a passage do not depend on the query, so that an index can hold them. The score is a weighted
    mean: for each token of the query the highest cosine with a token of the passage (MaxSim of ColBERT, Khattab and
    Zaharia 2020, arXiv 2004.12832). It does not depend on the other pairs of a call.

    Args:
        model: A bundled name, a local folder or a hub id of a late-interaction model of this project.
        device: A torch device; None takes CUDA, then the CPU.
        dtype: The number format of the layers of its base.
        max_length: Lowers the limit on the tokens of a text. Passages are cut.

    Raises:
        ArgumentError: "int8" or the device is not available here, or ``max_length`` is too small.
        ModelCorrupt: The model is damaged.
        ModelError: It is of another kind, or its base has other weights or does not run packed.
        ModelNotFound: There is no such model, or its base is not there.

    Example:
        >>> reranker = LateInteractionReranker()
        >>> vectors = reranker.token_vectors(["Emma is a novel by Jane Austen."])
        >>> reranker.score_token_vectors([("who wrote Emma", vectors[0])])
    """

    def __init__(
        self,
        model: str | Path = FAST_RERANKER,
        *,
        device: str | None = None,
        dtype: Dtype = "float32",
        max_length: int | None = None,
    ) -> None:
        dtype = resolve_dtype(dtype, device)
        folder = resolve_model(model)
        if kind_of(folder) != "late interaction":
            raise ModelError(
                f"{model} is not a late-interaction model: it has no {LATE_INTERACTION}. Open a cross-encoder with "
                f"CrossEncoderReranker({str(model)!r}), or train one: `bicross train fast-reranker`"
            )
        settings, projection = read_late_interaction(folder)
        base = resolve_model(settings.base)
        files = ModelFiles.of(settings.base, base)
        require_base(settings, files.weights_sha256, model)
        from .token_encoder import open_token_encoder  # imports torch, which takes seconds

        self._encoder = open_token_encoder(
            base, settings, projection, device=device, dtype=dtype, max_length=max_length
        )
        self._settings, self._scale, self._files = settings, projection.scale, files
        self._dtype: Dtype = dtype
        self._name, self._cuts_queries = str(model), False

    @property
    def name(self) -> str:
        """The name or folder that it was loaded by."""
        return self._name

    @property
    def blend(self) -> float:
        """The weight against the first stage that the model names."""
        return self._settings.blend

    @property
    def calibration(self) -> Calibration | None:
        """The curve from scores to relevance that the model's settings have, None if they have none."""
        curve = self._settings.calibration
        return None if curve is None else calibration_from_dict(curve)

    @property
    def runs_packed(self) -> bool:
        """True: other models are refused."""
        return True

    @property
    def max_length(self) -> int:
        """The most tokens of a text, special tokens included; longer passages are cut."""
        return self._encoder.max_length

    @property
    def dim(self) -> int:
        """The length of a token vector."""
        return self._settings.dim

    @property
    def late_interaction_fingerprint(self) -> str:
        """Identifies what token vectors depend on, except the number format: 64 hex digits."""
        return self._hash

    @functools.cached_property
    def _hash(self) -> str:
        made_of = {
            "format": 1,
            "base": [self._files.weights_sha256, self._files.settings_sha256],
            "tokenizer": self._encoder.tokenizer.fingerprint,
            "layer": self._settings.layer,
            "max_length": self.max_length,
            "weights": self._settings.weights_sha256,
        }
        return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()

    @property
    def model_fingerprint(self) -> str:
        """Identifies what scores depend on, except the number format: the ``late_interaction_fingerprint``."""
        return self.late_interaction_fingerprint

    @property
    def fingerprint(self) -> str:
        """The ``model_fingerprint`` with the number format."""
        return f"{self.model_fingerprint}-{self._dtype}"

    def unknown_shares(self, texts: Sequence[str]) -> list[float]:
        """The share of each text that the tokenizer does not know; see ``TextTokenizer.unknown_shares``."""
        return self._encoder.tokenizer.unknown_shares(texts)

    def token_vectors(self, passages: Sequence[str]) -> list[TokenVectors]:
        """Compute the vectors of the tokens of passages.

        Args:
            passages: The texts. What is beyond ``max_length`` is cut.

        Returns:
            For each passage its vectors, int8 of shape (tokens, dim).

        Raises:
            ArgumentError: ``passages`` is not a list of texts.
        """
        require_texts(passages)
        ids = self._encoder.tokenizer.encode(passages)
        cut = sum(len(tokens) > self._encoder.room for tokens in ids)
        if cut:
            logger.info("%d of %d passages were cut to fit into %d tokens", cut, len(ids), self.max_length)
        return self._encoder.passages(ids)

    @property
    def reading(self) -> TextReading | None:
        """How passages are read; None with int8, whose layers take their ranges from what runs first."""
        if self._dtype == "int8":
            return None
        files, encoder = self._files, self._encoder
        return TextReading(
            files.weights_sha256,
            files.tokenizer_sha256,
            files.settings_sha256,
            self._dtype,
            encoder.device,
            encoder.max_length,
        )

    @property
    def tap(self) -> "Tap":
        """What computes token vectors on the way through an encoder with the same ``reading``."""
        return self._encoder.tap

    def token_vectors_of(self, tapped: Sequence[NDArray[np.float32]]) -> list[TokenVectors]:
        """Return what ``token_vectors`` does, of the rows of each passage that ``tap`` gave."""
        return self._encoder.vectors_of(tapped)

    def score(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        """Score pairs.

        Args:
            pairs: (query, passage) texts.

        Returns:
            The scores of ``score_token_vectors`` for the ``token_vectors`` of the passages, float32 of shape
            (len(pairs),).

        Raises:
            QueryError: A query is too long for the model.
            ArgumentError: A pair is not two texts.
        """
        check_pairs(pairs)
        require_texts([text for pair in pairs for text in pair])
        queries = self._queries([query for query, _ in pairs])
        scores = np.empty(len(pairs), np.float32)
        for start in range(0, len(pairs), PAIRS_AT_ONCE):
            part = pairs[start : start + PAIRS_AT_ONCE]
            texts = list(dict.fromkeys(passage for _, passage in part))
            vectors = dict(zip(texts, self.token_vectors(texts), strict=True))
            compared = [(query, vectors[passage]) for query, passage in part]
            scores[start : start + len(part)] = self._compared(compared, queries)
        return scores

    def score_token_vectors(self, pairs: Sequence[TokenVectorPair]) -> NDArray[np.float32]:
        """Score pairs whose passages are token vectors.

        Args:
            pairs: Query texts, and token vectors of passages from a model with this ``late_interaction_fingerprint``.
                A passage without any has the lowest score that there is.

        Returns:
            Scores, float32 of shape (len(pairs),).

        Raises:
            QueryError: A query is too long for the model.
            ArgumentError: A pair is not a text and int8 vectors of length ``dim``.
        """
        check_token_vector_pairs(pairs, self.dim)
        return self._compared(pairs, self._queries([query for query, _ in pairs]))

    def long_queries(self, queries: Sequence[str]) -> dict[int, str]:
        """Find the queries that are too long for ``score``.

        Returns:
            What is wrong with each, as the end of a sentence, by its place in ``queries``.
        """
        tokens = self._encoder.tokenizer.count(queries)
        return {row: self._too_long(count) for row, count in enumerate(tokens) if count > self._encoder.room}

    def cutting_queries(self) -> "LateInteractionReranker":
        """Return the same reranker, on the same weights, that cuts queries that are too long."""
        other = copy.copy(self)
        other._cuts_queries = True
        return other

    def _too_long(self, tokens: int) -> str:
        return f"has {tokens} tokens; the reranker reads {self._encoder.room} of a query"

    def _queries(self, texts: Sequence[str]) -> dict[str, QueryVectors]:
        distinct = list(dict.fromkeys(texts))
        ids = self._encoder.tokenizer.encode(distinct)
        for text, tokens in zip(distinct, ids, strict=True):
            if len(tokens) > self._encoder.room and not self._cuts_queries:
                raise QueryError(f"the query {text[:60]!r}... {self._too_long(len(tokens))}. Shorten it.")
        return dict(zip(distinct, self._encoder.queries(ids), strict=True))

    def _compared(self, pairs: Sequence[TokenVectorPair], queries: dict[str, QueryVectors]) -> NDArray[np.float32]:
        rows_of: dict[str, list[int]] = {}
        for row, (query, _) in enumerate(pairs):
            rows_of.setdefault(query, []).append(row)
        scores = np.empty(len(pairs), np.float32)
        for query, rows in rows_of.items():
            scores[rows] = self._scale * max_sim(queries[query], [pairs[row][1] for row in rows])
        return scores
