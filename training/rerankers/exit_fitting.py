"""Trains exit heads by self-distillation: early layers learn what the last one says. Knows no index and no judgments.

The model itself stays as it is. Of each pair the first token after the layers in question is collected once. A head is
the linear map of it whose differences within each list are nearest to those of the whole model's logits, by ridge
regression (Hoerl and Kennard 1970): what is common to the candidates of a query orders nothing. A head has as many
numbers as the model is wide, few enough to be learned from a few hundred queries.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError, ModelError
from ...inference import ExitHead
from ...rerank import CrossEncoderReranker

logger = logging.getLogger("bicross")

LEAST_LISTS = 10
RIDGES = np.logspace(-5, 1, 13)
"""Penalties that are tried, as shares of what the features themselves weigh."""
_LEAST_DEVIATION = 0.1
"""A feature that varies less than this share of the others' deviation is not stretched to theirs."""
_TINY = 1e-6
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ExitSettings:
    """``layers``, counted from 1, get a head each; the penalty is chosen on a share of the lists, drawn by ``seed``."""

    layers: tuple[int, ...] = (3, 4)
    held_out_share: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0.0 < self.held_out_share < 1.0:
            raise ArgumentError(f"held_out_share must be between 0 and 1, not {self.held_out_share}")


@dataclass(frozen=True, slots=True)
class TrainedExit:
    """A head, and how its logits correlate with the whole model's: the mean over lists that were held out."""

    head: ExitHead
    correlation: float


def train_exits(
    reranker: CrossEncoderReranker,
    lists: Sequence[tuple[str, Sequence[str]]],
    settings: ExitSettings | None = None,
) -> dict[int, TrainedExit]:
    """A head for each layer, from queries with passages of which some are better than others; no judgments are needed.

    Raises ``ArgumentError`` where there are too few lists, or a list has less than two passages.
    """
    settings = settings or ExitSettings()
    short = next((query for query, passages in lists if len(passages) < 2), None)
    if len(lists) < LEAST_LISTS or short is not None:
        raise ArgumentError(
            f"exits learn from {LEAST_LISTS} queries or more, each with two passages or more; there are {len(lists)}"
            + ("" if short is None else f", and {short[:60]!r} has fewer passages")
        )
    pairs = [(query, passage) for query, passages in lists for passage in passages]
    states, logits = reranker.first_tokens(pairs, settings.layers)
    if not np.isfinite(logits).all():
        raise ModelError("the model gives scores that are not finite, from which nothing can be learned")
    sizes = [len(passages) for _, passages in lists]
    found: dict[int, TrainedExit] = {}
    for place, layer in enumerate(settings.layers):
        found[layer] = fit_exit(states[:, place], logits, sizes, settings)
        logger.info("exit after layer %d: held-out correlation %.3f", layer, found[layer].correlation)
    return found


def fit_exit(
    states: NDArray[np.float32], logits: NDArray[np.float32], sizes: Sequence[int], settings: ExitSettings
) -> TrainedExit:
    """One head, from first tokens (pairs, hidden) and logits (pairs,); each list has ``sizes`` of them, in a row.

    The penalty is the one whose logits correlate most on held-out lists; then all lists are learned from.
    """
    owners = np.repeat(np.arange(len(sizes)), sizes)
    deviation = states.astype(np.float64).std(axis=0)
    scale = np.maximum(deviation, max(_TINY, _LEAST_DEVIATION * float(deviation.mean())))
    features, wanted = _centred(states / scale, owners), _centred(logits.astype(np.float64)[:, None], owners)[:, 0]
    chance = np.random.default_rng(settings.seed)
    held_out = chance.permutation(len(sizes))[: max(1, round(settings.held_out_share * len(sizes)))]
    check = np.isin(owners, held_out)
    tried = [_ridge(features[~check], wanted[~check], penalty) for penalty in RIDGES]
    known = [_correlation(features[check] @ weight, wanted[check], owners[check]) for weight in tried]
    best = int(np.argmax(known))
    weight = (_ridge(features, wanted, RIDGES[best]) / scale).astype(np.float32)
    bias = np.mean(logits - states @ weight, dtype=np.float64)
    return TrainedExit(ExitHead(weight, np.array([bias], np.float32)), known[best])


def _ridge(features: Floats, wanted: Floats, penalty: float) -> Floats:
    products = features.T @ features
    penalties = max(_TINY, penalty * float(np.trace(products))) * np.eye(len(products))
    return np.asarray(np.linalg.solve(products + penalties, features.T @ wanted), np.float64)


def _centred(values: Floats, owners: NDArray[np.int64]) -> Floats:
    """Rows without the mean over their list."""
    sums = np.zeros((int(owners[-1]) + 1, values.shape[1]))
    np.add.at(sums, owners, values)
    return values - (sums / np.bincount(owners)[:, None])[owners]


def _correlation(said: Floats, wanted: Floats, owners: NDArray[np.int64]) -> float:
    """Pearson's within each list, the mean; a list whose logits are all equal says nothing."""
    found: list[float] = []
    for owner in np.unique(owners):
        one, other = said[owners == owner], wanted[owners == owner]
        if one.std() > _TINY and other.std() > _TINY:
            found.append(float(np.corrcoef(one, other)[0, 1]))
    return float(np.mean(found)) if found else 0.0
