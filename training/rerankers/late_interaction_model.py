"""The part of a late-interaction reranker that is trained: a projection of states, weights of tokens, and a scale."""

import random
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...rerank import Pair
from ...rerank.late_interaction import UNIT, Projection, QueryVectors, TokenVectors, max_sim
from .token_states import TokenStates

SAMPLED = 500
"""The passages from which means, deviations and principal components are taken."""
_START_SCALE = 25.0
_LEAST_DEVIATION = 1e-6
_WEIGHS_ONE = 0.5413
"""Its softplus is 1."""


class TokenProjection(nn.Module):
    """Turns states into token vectors and weights, with gradient.

    Args:
        start: What it is at first.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, start: Projection) -> None:
        super().__init__()
        self.register_buffer("mean", torch.from_numpy(start.mean))  # pyright: ignore[reportUnknownMemberType]
        self.register_buffer("deviation", torch.from_numpy(start.deviation))  # pyright: ignore[reportUnknownMemberType]
        parts = (start.project, start.weigh_weight, start.weigh_bias, start.log_scale)
        trained = [nn.Parameter(torch.from_numpy(part).clone()) for part in parts]  # pyright: ignore[reportUnknownMemberType]
        self.project, self.weigh_weight, self.weigh_bias, self.log_scale = trained

    def vectors(self, states: Tensor) -> Tensor:
        """Token vectors at length one, shape (tokens, dim)."""
        return nn.functional.normalize(self._standardised(states) @ self.project.T, dim=1)

    def weights(self, states: Tensor) -> Tensor:
        """The weight of each token of a query, shape (tokens,)."""
        linear = nn.functional.linear(self._standardised(states), self.weigh_weight, self.weigh_bias)
        return nn.functional.softplus(linear)[:, 0]

    def forward(self, query: Tensor, passages: Sequence[Tensor]) -> Tensor:
        """The scores of passages for a query.

        Args:
            query: The states of its tokens, shape (tokens, width).
            passages: Those of each passage.

        Returns:
            Shape (passages,).
        """
        cosines = self.vectors(query) @ self.vectors(torch.cat(list(passages))).T
        parts: Sequence[Tensor] = torch.split(cosines, [len(states) for states in passages], 1)
        best = torch.stack([torch.amax(part, 1) for part in parts])
        weights = self.weights(query)
        return self.log_scale.exp() * (best @ weights) / weights.sum()

    def exported(self) -> Projection:
        """The arrays of a model."""
        parts = (self.mean, self.deviation, self.project, self.weigh_weight, self.weigh_bias, self.log_scale)
        return Projection(*(np.array(part.detach().cpu().numpy(), np.float32) for part in parts))

    def _standardised(self, states: Tensor) -> Tensor:
        return (states - self.mean) / self.deviation


def starting_point(states: TokenStates, passages: Sequence[str], dim: int, *, seed: int) -> Projection:
    """Return the projection on the principal components of standardised states, with equal weights.

    Args:
        states: The states of texts.
        passages: Texts; some of them are drawn.
        dim: The number of components.
        seed: Random seed.
    """
    drawn = random.Random(seed).sample(list(passages), min(SAMPLED, len(passages)))
    states.compute(drawn)
    found = np.concatenate([states[text].numpy() for text in drawn]).astype(np.float64)
    mean, deviation = found.mean(axis=0), np.maximum(found.std(axis=0), _LEAST_DEVIATION)
    standardised = (found - mean) / deviation
    _, components = np.linalg.eigh(standardised.T @ standardised / len(found))
    arrays = (mean, deviation, components[:, -dim:].T, np.zeros((1, states.width)), [_WEIGHS_ONE], np.log(_START_SCALE))
    return Projection(*(np.array(array, np.float32, order="C") for array in arrays))


def score_pairs(model: TokenProjection, states: TokenStates, pairs: Sequence[Pair]) -> NDArray[np.float32]:
    """Score pairs as the finished model does, by vectors in int8.

    Args:
        model: The model as far as it is trained.
        states: The states of texts.
        pairs: (query, passage) texts.

    Returns:
        float32 of shape (pairs,).
    """
    states.compute(text for pair in pairs for text in pair)
    rows_of: dict[str, list[int]] = {}
    for row, (query, _) in enumerate(pairs):
        rows_of.setdefault(query, []).append(row)
    scores, device = np.empty(len(pairs), np.float32), model.mean.device
    with torch.inference_mode():
        scale = float(model.log_scale.double().exp())
        for query, rows in rows_of.items():
            own = states.of_query(query).to(device)
            asked = QueryVectors.of(_rounded(model.vectors(own)), model.weights(own).cpu().numpy())
            passages = [states[pairs[row][1]] for row in rows]
            vectors = _rounded(model.vectors(torch.cat(passages).to(device)))
            ends = np.cumsum([len(part) for part in passages])[:-1]
            scores[rows] = scale * max_sim(asked, np.split(vectors, ends))
    return scores


def _rounded(vectors: Tensor) -> TokenVectors:
    return (vectors * UNIT).round().to(torch.int8).cpu().numpy()
