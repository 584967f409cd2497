"""The reranker that runs a cross-encoder."""

import copy
import functools
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ..inference.packed import PackedModel

from ..errors import ModelError
from ..inference import (
    Dtype,
    ExitHead,
    ModelFiles,
    TokenIds,
    has_prompts,
    load_reranker,
    model_settings,
    read_exits,
    require_reranker,
    require_texts,
    resolve_dtype,
    resolve_model,
)
from ..models import DEFAULT_RERANKER
from .calibration import Calibration
from .cascade import Cascade, CascadeScores, RankingKey, check_cascade, require_exits
from .inputs import pair_input
from .packed_scoring import (
    each_text,
    first_tokens,
    logits_of,
    passages_encoded,
    require_heads_fit,
    score_packed_cascade,
)
from .reranker import Pair, TokenPair, check_pairs, check_token_pairs, each_once
from .scoring_head import require_scoring_outputs, stated_blend, stated_calibration
from .text_scoring import text_cross_encoder

logger = logging.getLogger("bicross")


class CrossEncoderReranker:
    """Scores pairs with any cross-encoder that has one output, or two outputs (not relevant, relevant).

    Args:
        model: A hub id, a local folder or a bundled name.
        device: A torch device; None takes CUDA, then MPS, then the CPU.
        dtype: The number format of the layers. "int8" is the fastest on a CPU with AVX-512 VNNI, and changes scores by
            more than the others, because its ranges come from texts of this project and not from yours.
        batch_size: Pairs per batch, only for models that run through sentence-transformers.
        max_length: Lowers the limit on the tokens of a pair. A passage is cut if the pair is longer, a query never.

    Raises:
        ArgumentError: "int8" or the device is not available here, or ``max_length`` is too small.
        ModelError: The model is not a cross-encoder with one or two outputs, or cannot be loaded.
        ModelNotFound: There is no such model.
    """

    def __init__(
        self,
        model: str | Path = DEFAULT_RERANKER,
        *,
        device: str | None = None,
        dtype: Dtype = "float32",
        batch_size: int | None = None,
        max_length: int | None = None,
    ) -> None:
        dtype = resolve_dtype(dtype, device)
        folder = resolve_model(model)
        require_reranker(folder, model)
        from ..inference.packed import packed_reranker

        loaded: Any = load_reranker(folder, device=device)
        require_scoring_outputs(loaded, model)
        self._input = pair_input(loaded, max_length)
        self._max_length = self._input.max_length
        exits = read_exits(folder)
        # With a chat template the engine takes whole inputs alone, not the tokens of a passage.
        whole = self._input.template is not None
        engine = packed_reranker(loaded, dtype=dtype, max_length=self._max_length, exits=tuple(exits), whole=whole)
        self._runs_packed = engine is not None
        self._packed = None if whole else engine
        if self._packed:
            require_heads_fit(exits, self._packed)
        self._exits = exits if self._packed else {}
        self._standard = None if self._packed else text_cross_encoder(loaded, self._input, engine, dtype, batch_size)
        self._blend, self._calibration = stated_blend(folder), stated_calibration(folder)
        self._made_of, self._cuts_queries = (str(model), folder, dtype), False

    @property
    def blend(self) -> float:
        """The weight against the first stage that the model's settings name, 1.0 if they name none."""
        return self._blend

    @property
    def calibration(self) -> Calibration | None:
        """The curve from logits to relevance that the model's settings have, None if they have none."""
        return self._calibration

    @property
    def runs_packed(self) -> bool:
        """Whether the model runs in this project's engine; the log says why if it does not."""
        return self._runs_packed

    @property
    def max_length(self) -> int:
        """The most tokens of a pair, special tokens included; longer passages are cut."""
        return self._max_length

    @functools.cached_property
    def model_fingerprint(self) -> str:
        """Identifies the weights, the tokenizer, the length limit and the settings, on which scores depend."""
        name, folder, _ = self._made_of
        files = ModelFiles.of(name, folder)
        mark = "+" if has_prompts(folder) else "-"  # what was tuned before this part was there: see same_reranker
        return f"{files.weights_sha256}-{files.tokenizer_sha256}-{self._max_length}{mark}{files.settings_sha256}"

    @property
    def fingerprint(self) -> str:
        """The ``model_fingerprint`` with the number format."""
        return f"{self.model_fingerprint}-{self._made_of[2]}"

    @property
    def tokenizer_fingerprint(self) -> str:
        """The sha256 of the tokenizer; empty if the model takes no token ids."""
        return self._packed.tokenizer.fingerprint if self._packed else ""

    def unknown_shares(self, texts: Sequence[str]) -> list[float]:
        """The share of each text that the tokenizer does not know; see ``TextTokenizer.unknown_shares``."""
        return self._packed.tokenizer.unknown_shares(texts) if self._packed else [0.0 for _ in texts]

    @property
    def exit_layers(self) -> tuple[int, ...]:
        """The layers, counted from 1, after which a cascade can stop; empty if the model has no exit heads."""
        return tuple(self._exits)

    @property
    def exits(self) -> Mapping[int, ExitHead]:
        """The exit heads by layer, counted from 1."""
        return dict(self._exits)

    @functools.cached_property
    def exits_fingerprint(self) -> str:
        """Identifies what the logits of exits depend on: ``fingerprint`` and the heads. Empty without exits."""
        return f"{self.fingerprint}-{model_settings(self._made_of[1])['exits']['sha256']}" if self._exits else ""

    def score(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        """Score pairs.

        Args:
            pairs: (query, passage) texts.

        Returns:
            Logits, float32 of shape (len(pairs),). With one output, that output before any activation; with two,
            their difference, whose sigmoid is the softmax probability of the second. Equal pairs have equal logits.

        Raises:
            QueryError: A query is too long for the model.
            ArgumentError: A pair is not two texts.
        """
        check_pairs(pairs)
        if self._packed:
            return self.score_tokens(passages_encoded(self._packed, pairs))
        assert self._standard is not None
        require_texts([text for pair in pairs for text in pair])
        prompted = [(self._input.prompt + query, passage) for query, passage in pairs]
        if self._cuts_queries:
            prompted = self._standard.with_queries_cut(prompted, self._input.query_limit)
        sizes, outputs = self._standard.sizes(prompted), self._standard.outputs
        self._input.check(pairs, [size.query_tokens for size in sizes], [size.tokens for size in sizes])
        return each_once(prompted, lambda rows: logits_of(outputs([prompted[row] for row in rows])))

    def score_tokens(self, pairs: Sequence[TokenPair]) -> NDArray[np.float32]:
        """Score pairs whose passages are token ids.

        Args:
            pairs: Query texts and token ids of passages, from the tokenizer of ``tokenizer_fingerprint``.

        Returns:
            Logits as ``score`` gives them, with the same errors, and ``ModelError`` if the model takes no token ids.
        """
        if not self._packed:
            raise ModelError("this model takes texts alone, no token ids; score them as texts")
        encoded = self._encoded(self._packed, pairs)
        run, keys = self._packed.run_pairs, [(query, ids.dtype.char, ids.tobytes()) for query, ids in pairs]
        return each_once(keys, lambda rows: logits_of(run([encoded[row] for row in rows])))

    def long_queries(self, queries: Sequence[str]) -> dict[int, str]:
        """Find the queries that are too long for ``score``.

        Returns:
            What is wrong with each, as the end of a sentence, by its place in ``queries``.
        """
        prompted = [self._input.prompt + query for query in queries]
        tokens = each_text(self._packed.tokenizer.count if self._packed else self._counted_as_texts, prompted)
        return {row: self._input.too_long(n) for row, n in enumerate(tokens) if n > self._input.query_limit}

    def cutting_queries(self) -> "CrossEncoderReranker":
        """Return the same reranker, on the same weights, that cuts queries that are too long."""
        other = copy.copy(self)
        other._cuts_queries = True
        return other

    def score_cascade(
        self, pairs: Sequence[Pair], cascade: Cascade, *, ranking_key: RankingKey | None = None
    ) -> CascadeScores:
        """Run all pairs through the first layers, and only the best of each query through the later ones.

        Args:
            pairs: (query, passage) texts. Pairs with the same query text compete with each other.
            cascade: Stages (layer, candidates). ``[(3, 30), (4, 10)]`` keeps the best 30 pairs of each query after
                layer 3 and the best 10 after layer 4, and scores these at the last layer. ``[]`` scores all pairs
                there.
            ranking_key: Which pairs are kept: those with the highest key, ties in the order of ``pairs``. None takes
                the logits of the exits.

        Returns:
            The scores. A pair that reaches the last layer has the logit that ``score`` gives it.

        Raises:
            ArgumentError: ``cascade`` is malformed, or a pair is not two texts.
            ModelError: The model has no exit after a layer of the cascade.
            QueryError: A query is too long for the model.
        """
        stages = check_cascade(cascade)
        if not stages:
            return CascadeScores(self.score(pairs), np.zeros(len(pairs), np.int64), {})
        packed = self._with_exits(stages)
        check_pairs(pairs)
        return self.score_cascade_tokens(passages_encoded(packed, pairs), stages, ranking_key=ranking_key)

    def score_cascade_tokens(
        self, pairs: Sequence[TokenPair], cascade: Cascade, *, ranking_key: RankingKey | None = None
    ) -> CascadeScores:
        """The same as ``score_cascade`` for passages that are token ids of the ``tokenizer_fingerprint`` tokenizer."""
        stages = check_cascade(cascade)
        if not stages:
            return CascadeScores(self.score_tokens(pairs), np.zeros(len(pairs), np.int64), {})
        packed = self._with_exits(stages)
        encoded, queries = self._encoded(packed, pairs), [query for query, _ in pairs]
        return score_packed_cascade(packed, self._exits, queries, encoded, stages, ranking_key)

    def first_tokens(
        self, pairs: Sequence[Pair], layers: Sequence[int]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Compute the data that exit heads are trained on.

        Args:
            pairs: (query, passage) texts.
            layers: Layers in ascending order, from 1 to the last but one.

        Returns:
            The states of the first token after each layer, float32 of shape (pairs, layers, hidden), and the logits of
            the last layer, float32 of shape (pairs,).

        Raises:
            ModelError: The model does not run packed.
            ArgumentError: The layers are not valid.
        """
        packed = self._require_packed("exits")
        check_pairs(pairs)
        return first_tokens(packed, self._encoded(packed, passages_encoded(packed, pairs)), layers)

    def _encoded(self, packed: "PackedModel", pairs: Sequence[TokenPair]) -> list[tuple[TokenIds, TokenIds]]:
        check_token_pairs(pairs)
        queries = each_text(packed.tokenizer.encode, [self._input.prompt + query for query, _ in pairs])
        if self._cuts_queries:
            queries = [ids[: self._input.query_limit] for ids in queries]
        special = self._input.special_tokens
        tokens = [len(query) + len(ids) + special for query, (_, ids) in zip(queries, pairs, strict=True)]
        self._input.check(pairs, [len(ids) for ids in queries], tokens)
        return [(query, ids) for query, (_, ids) in zip(queries, pairs, strict=True)]

    def _counted_as_texts(self, queries: Sequence[str]) -> list[int]:
        assert self._standard is not None
        return [size.query_tokens for size in self._standard.sizes([(query, "") for query in queries])]

    def _with_exits(self, stages: Cascade) -> "PackedModel":
        packed = self._require_packed(f"cascade={list(stages)}")
        require_exits(stages, self._exits, self._made_of[0])
        return packed

    def _require_packed(self, purpose: str) -> "PackedModel":
        if not self._packed:
            reason = (
                "takes pairs in a chat template, as texts alone"
                if self._runs_packed
                else "runs through sentence-transformers (the log says why)"
            )
            raise ModelError(f"{purpose}: this needs a model that runs packed, and {self._made_of[0]} {reason}")
        return self._packed
