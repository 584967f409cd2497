"""Scores pairs of token ids with a packed model: at its last layer, at its exits, or in a cascade."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentError, ModelCorrupt
from ..errors.arguments import described
from ..inference import EXITS_REMEDY, ExitHead, TokenIds, require_texts
from .cascade import (
    Cascade,
    CascadeScores,
    LayerScorer,
    Logits,
    PairNumbers,
    RankingKey,
    merge_scores,
    restrict_key,
    run_cascade,
    whole_queries,
)
from .reranker import Pair, TokenPair

if TYPE_CHECKING:
    from ..inference.packed import PackedModel  # it imports torch, which takes seconds

Computed = TypeVar("Computed")
Encoded = Sequence[tuple[TokenIds, TokenIds]]
PAIRS_AT_ONCE = 512
"""The most pairs whose states are in memory while first tokens are collected."""


def logits_of(outputs: NDArray[np.float32]) -> Logits:
    """Turn model outputs into logits.

    Args:
        outputs: float32 of shape (pairs, 1) or (pairs, 2), before any activation.

    Returns:
        Shape (pairs,). With one output, that output; with two, their difference (second minus first), whose sigmoid is
        the softmax probability of the second.
    """
    return outputs[:, 0] if outputs.shape[1] == 1 else outputs[:, 1] - outputs[:, 0]


def require_heads_fit(heads: Mapping[int, ExitHead], packed: "PackedModel") -> None:
    """Check that exit heads fit a model.

    Args:
        heads: The heads by layer, counted from 1.
        packed: The model.

    Raises:
        ModelCorrupt: A head is for a layer that the model does not have, or for another width.
    """
    for layer, head in heads.items():
        if layer >= packed.layers or len(head.weight) != packed.hidden:
            raise ModelCorrupt(
                f"there is an exit after layer {layer} for a width of {len(head.weight)}, and the model has "
                f"{packed.layers} layers of width {packed.hidden}; {EXITS_REMEDY}"
            )


def require_exit_layers(layers: Sequence[int], last: int) -> None:
    """Check the layers for exits.

    Args:
        layers: Layers, counted from 1.
        last: The number of layers of the model.

    Raises:
        ArgumentError: The layers are not ascending, or not all from 1 to ``last - 1``, or there is none.
    """
    given: object = layers
    if not isinstance(given, tuple | list) or not all(type(layer) is int for layer in cast("list[object]", given)):
        raise ArgumentError(f"layers must be a list of whole numbers, as in [3, 4], not {described(given)}")
    if not layers or list(layers) != sorted(set(layers)) or not 1 <= layers[0] <= layers[-1] < last:
        raise ArgumentError(
            f"exits need layers from 1 to {last - 1}, in ascending order, of the model's {last}; not {list(layers)}"
        )


def score_packed_cascade(
    packed: "PackedModel",
    heads: Mapping[int, ExitHead],
    queries: Sequence[str],
    encoded: Encoded,
    stages: Cascade,
    ranking_key: RankingKey | None,
) -> CascadeScores:
    """Run a cascade over all pairs, for as many queries at once as memory allows.

    Args:
        packed: The model.
        heads: Its exit heads by layer.
        queries: The query text of each pair.
        encoded: The token ids of the query and the passage of each pair, without special tokens.
        stages: The stages of the cascade.
        ranking_key: As for ``run_cascade``.
    """
    tokens = [min(len(query) + len(passage), packed.max_length) for query, passage in encoded]
    parts: list[tuple[PairNumbers, CascadeScores]] = []
    for rows in whole_queries(queries, tokens):
        numbers: list[int] = rows.tolist()
        score_at = _layer_scorer(packed, heads, [encoded[number] for number in numbers])
        part_key = None if ranking_key is None else restrict_key(ranking_key, rows)
        parts.append(
            (rows, run_cascade([queries[number] for number in numbers], stages, score_at, ranking_key=part_key))
        )
    return merge_scores(parts, len(encoded))


def first_tokens(packed: "PackedModel", encoded: Encoded, layers: Sequence[int]) -> tuple[NDArray[np.float32], Logits]:
    """Compute the states of first tokens and the logits for ``CrossEncoderReranker.first_tokens``.

    Args:
        packed: The model.
        encoded: The token ids of the query and the passage of each pair, without special tokens.
        layers: Layers in ascending order, from 1 to the last but one.

    Returns:
        The states, float32 of shape (pairs, layers, hidden), and the logits, float32 of shape (pairs,).

    Raises:
        ArgumentError: The layers are not valid.
    """
    require_exit_layers(layers, packed.layers)
    states, logits = (
        np.empty((len(encoded), len(layers), packed.hidden), np.float32),
        np.empty(len(encoded), np.float32),
    )
    for start in range(0, len(encoded), PAIRS_AT_ONCE):
        part = encoded[start : start + PAIRS_AT_ONCE]
        run, rows, here = packed.run_layered(part), np.arange(len(part)), slice(start, start + len(part))
        for column, layer in enumerate(layers):
            states[here, column] = run.first_tokens(layer, rows)
        logits[here] = logits_of(run.outputs(rows))
    return states, logits


def passages_encoded(packed: "PackedModel", pairs: Sequence[Pair]) -> list[TokenPair]:
    """The pairs with the token ids of their passages."""
    passages = each_text(packed.tokenizer.encode, [passage for _, passage in pairs])
    return [(query, ids) for (query, _), ids in zip(pairs, passages, strict=True)]


def each_text(compute: Callable[[Sequence[str]], list[Computed]], texts: Sequence[str]) -> list[Computed]:
    """The results of ``compute`` for each text; a text that occurs several times is computed once."""
    require_texts(texts)
    distinct = list(dict.fromkeys(texts))
    result_of = dict(zip(distinct, compute(distinct), strict=True))
    return [result_of[text] for text in texts]


def _layer_scorer(packed: "PackedModel", heads: Mapping[int, ExitHead], encoded: Encoded) -> LayerScorer:
    """Make the function that runs the pairs from exit to exit, and to the last layer."""
    run = packed.run_layered(encoded)

    def score_at(layer: int, rows: PairNumbers) -> Logits:
        return heads[layer](run.first_tokens(layer, rows)) if layer else logits_of(run.outputs(rows))

    return score_at
