"""Trains exit heads by self-distillation: heads after early layers learn the scores of the last layer.

The model itself does not change. The first token of each pair after the given layers is computed once. A head is the
linear map of it whose differences within each list are nearest to those of the model's logits, by ridge regression
(Hoerl and Kennard 1970): what the candidates of a query have in common does not rank them. A head has as many weights
as the model is wide, few enough to be learned from a few hundred queries.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError, ModelError
from ...errors.arguments import checked_count, checked_instance, checked_items, checked_number
from ...inference import ExitHead
from ...rerank import CrossEncoderReranker
from ..ranking_list import RankingList, checked_lists

logger = logging.getLogger("bicross")

LEAST_LISTS = 10
RIDGES = np.logspace(-5, 1, 13)
"""The penalties that are tried, as shares of the trace of the features' Gram matrix."""
_LEAST_DEVIATION = 0.1
"""Features that vary less than this share of the mean deviation are not scaled up to it."""
_TINY = 1e-6
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ExitSettings:
    """How exit heads are trained.

    Args:
        layers: The layers that get a head, counted from 1.
        held_out_share: The share of the lists on which the penalty is chosen.
        seed: Random seed of that choice.
    """

    layers: tuple[int, ...] = (3, 4)
    held_out_share: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        for layer in checked_items(self.layers, "layers", "layers"):
            checked_count(layer, "each of layers")
        checked_count(self.seed, "seed", least=0)
        if not 0.0 < checked_number(self.held_out_share, "held_out_share", -1e300, 1e300) < 1.0:
            raise ArgumentError(f"held_out_share must be between 0 and 1, not {self.held_out_share}")


@dataclass(frozen=True, slots=True)
class TrainedExit:
    """A head, and the mean correlation of its logits with the model's over the held-out lists."""

    head: ExitHead
    correlation: float


def train_exits(
    reranker: CrossEncoderReranker,
    lists: Sequence[RankingList],
    settings: ExitSettings | None = None,
) -> dict[int, TrainedExit]:
    """Return a trained head for each layer.

    Args:
        reranker: The model, which does not change.
        lists: Queries with candidates, at least 10; their labels are not used.
        settings: The layers, and how to train.

    Raises:
        ArgumentError: There are too few lists, or a list has fewer than two passages.
        ModelError: The model's scores are not finite.
    """
    settings = ExitSettings() if settings is None else checked_instance(settings, ExitSettings, "settings")
    checked_instance(reranker, CrossEncoderReranker, "reranker")
    lists = checked_lists(lists)
    short = next((item.query for item in lists if len(item.passages) < 2), None)
    if len(lists) < LEAST_LISTS or short is not None:
        raise ArgumentError(
            f"exits learn from {LEAST_LISTS} queries or more, each with two passages or more; there are {len(lists)}"
            + ("" if short is None else f", and {short[:60]!r} has fewer passages")
        )
    pairs = [(item.query, passage) for item in lists for passage in item.passages]
    states, logits = reranker.first_tokens(pairs, settings.layers)
    if not np.isfinite(logits).all():
        raise ModelError("the model's scores are not finite: nothing can be learned from them")
    sizes = [len(item.passages) for item in lists]
    exits: dict[int, TrainedExit] = {}
    for column, layer in enumerate(settings.layers):
        exits[layer] = fit_exit(states[:, column], logits, sizes, settings)
        logger.info("exit after layer %d: held-out correlation %.3f", layer, exits[layer].correlation)
    return exits


def fit_exit(
    states: NDArray[np.float32], logits: NDArray[np.float32], sizes: Sequence[int], settings: ExitSettings
) -> TrainedExit:
    """Fit one head; the penalty is the one with the best correlation on held-out lists, then all lists are used.

    Args:
        states: First tokens after the layer, shape (pairs, hidden).
        logits: The model's logits, shape (pairs,).
        sizes: The number of pairs of each list; the pairs of a list follow one another.
        settings: How to train.
    """
    owners = np.repeat(np.arange(len(sizes)), sizes)
    deviation = states.astype(np.float64).std(axis=0)
    scale = np.maximum(deviation, max(_TINY, _LEAST_DEVIATION * float(deviation.mean())))
    features = _centred(states / scale, owners)
    targets = _centred(logits.astype(np.float64)[:, None], owners)[:, 0]
    random = np.random.default_rng(settings.seed)
    held_out = random.permutation(len(sizes))[: max(1, round(settings.held_out_share * len(sizes)))]
    check = np.isin(owners, held_out)
    weights = [_ridge(features[~check], targets[~check], penalty) for penalty in RIDGES]
    correlations = [_correlation(features[check] @ weight, targets[check], owners[check]) for weight in weights]
    best = int(np.argmax(correlations))
    weight = (_ridge(features, targets, RIDGES[best]) / scale).astype(np.float32)
    bias = np.mean(logits - states @ weight, dtype=np.float64)
    return TrainedExit(ExitHead(weight, np.array([bias], np.float32)), correlations[best])


def _ridge(features: Floats, targets: Floats, penalty: float) -> Floats:
    products = features.T @ features
    penalties = max(_TINY, penalty * float(np.trace(products))) * np.eye(len(products))
    return np.asarray(np.linalg.solve(products + penalties, features.T @ targets), np.float64)


def _centred(values: Floats, owners: NDArray[np.int64]) -> Floats:
    """Subtract from each row the mean over its list."""
    sums = np.zeros((int(owners[-1]) + 1, values.shape[1]))
    np.add.at(sums, owners, values)
    return values - (sums / np.bincount(owners)[:, None])[owners]


def _correlation(predicted: Floats, targets: Floats, owners: NDArray[np.int64]) -> float:
    """The mean over lists of Pearson's correlation; lists whose values are all equal are left out."""
    correlations: list[float] = []
    for owner in np.unique(owners):
        mine, true = predicted[owners == owner], targets[owners == owner]
        if mine.std() > _TINY and true.std() > _TINY:
            correlations.append(float(np.corrcoef(mine, true)[0, 1]))
    return float(np.mean(correlations)) if correlations else 0.0
