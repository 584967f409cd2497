"""Transformer layers over packed tokens. Know where the residuals and norms go, not where the weights come from."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .attention import Sequences, attend
from .linear import Linear


@dataclass(frozen=True, slots=True)
class Norm:
    """Layer normalisation."""

    weight: Tensor
    bias: Tensor | None
    epsilon: float

    def __call__(self, x: Tensor) -> Tensor:
        """The same shape and number format; sums are taken in float32."""
        return nn.functional.layer_norm(x, x.shape[-1:], self.weight, self.bias, self.epsilon)


@dataclass(frozen=True, slots=True)
class Projections:
    """Queries, keys and values in one product; or apart, for a layer whose result is read at a few places only."""

    together: Linear | None
    queries: Linear | None
    keys_and_values: Linear | None
    heads: int

    def __call__(self, x: Tensor, rows: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Each of shape (tokens, heads, head size); queries for the rows ``rows`` alone where these are given."""
        if self.together is not None:
            parts = self.together(x).chunk(3, dim=1)
            parts = parts if rows is None else (parts[0][rows], *parts[1:])
        else:
            assert self.queries is not None and self.keys_and_values is not None
            parts = (self.queries(x if rows is None else x[rows]), *self.keys_and_values(x).chunk(2, dim=1))
        q, k, v = (part.view(part.shape[0], self.heads, -1) for part in parts)
        return q, k, v


@dataclass(frozen=True, slots=True)
class PostNormLayer:
    """Normalises after each sum, as BERT and its kin do (Devlin et al. 2019; Vaswani et al. 2017, section 3)."""

    project: Projections
    out: Linear
    attention_norm: Norm
    up: Linear
    down: Linear
    norm: Norm

    def __call__(self, x: Tensor, sequences: Sequences, rows: Tensor | None) -> Tensor:
        """Shape (tokens, hidden), or (sequences, hidden) where only the rows ``rows`` are wanted."""
        context = attend(*self.project(x, rows), sequences)
        x = self.attention_norm(self.out(context, x if rows is None else x[rows]))
        return self.norm(self.down(self.up(x), x))


@dataclass(frozen=True, slots=True)
class Rotation:
    """Rotary positions (Su et al. 2021, section 3.4.2): cosines and sines by place, shape (places, head size)."""

    cosines: Tensor
    sines: Tensor

    def __call__(self, x: Tensor, places: Tensor) -> Tensor:
        """``x`` of shape (tokens, heads, head size), each token turned by its place."""
        wide = x.float()
        left, right = wide.chunk(2, dim=-1)
        turned = torch.cat((-right, left), dim=-1)
        return (wide * self.cosines[places, None] + turned * self.sines[places, None]).to(x.dtype)


@dataclass(frozen=True, slots=True)
class PreNormLayer:
    """ModernBERT's (Warner et al. 2024, section 2): norms before, rotary positions, a gated unit, local attention."""

    attention_norm: Norm | None
    project: Projections
    rotation: Rotation
    window: int | None
    out: Linear
    norm: Norm
    up: Linear
    gate: Linear
    down: Linear

    def __call__(self, x: Tensor, sequences: Sequences, rows: Tensor | None) -> Tensor:
        """As for ``PostNormLayer``."""
        q, k, v = self.project(x if self.attention_norm is None else self.attention_norm(x), rows)
        places = sequences.places
        q = self.rotation(q, places if rows is None else places[rows])
        x = self.out(
            attend(q, self.rotation(k, places), v, sequences, window=self.window), x if rows is None else x[rows]
        )
        inner = self.norm(x)
        return self.down(self.up(inner).mul_(self.gate(inner)), x)


Layer = PostNormLayer | PreNormLayer
