"""Transformer layers over packed tokens: projections, attention, residuals, norms and feed-forward parts."""

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
        """Normalise ``x`` in its shape and number format; sums are computed in float32."""
        return nn.functional.layer_norm(x, x.shape[-1:], self.weight, self.bias, self.epsilon)


@dataclass(frozen=True, slots=True)
class Projections:
    """Queries, keys and values in one product, or in two for a layer whose result is needed for few tokens.

    Attributes:
        together: All three in one product; None if they are computed apart.
        queries: The queries alone.
        keys_and_values: Keys and values in one product.
        heads: The number of attention heads.
    """

    together: Linear | None
    queries: Linear | None
    keys_and_values: Linear | None
    heads: int

    def __call__(self, x: Tensor, rows: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Compute queries, keys and values.

        Args:
            x: Hidden states, shape (tokens, hidden).
            rows: The tokens that need queries, int64; None for all.

        Returns:
            Three tensors of shape (tokens, heads, head size); the first has only the rows ``rows`` if these are given.
        """
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
    """Normalises after each sum, as BERT and its relatives do (Devlin et al. 2019; Vaswani et al. 2017, section 3)."""

    project: Projections
    out: Linear
    attention_norm: Norm
    up: Linear
    down: Linear
    norm: Norm

    def __call__(self, x: Tensor, sequences: Sequences, rows: Tensor | None) -> Tensor:
        """Run the layer.

        Args:
            x: Hidden states, shape (tokens, hidden).
            sequences: Where the sequences lie in ``x``.
            rows: The first token of each sequence, if only these are needed; None for all tokens.

        Returns:
            Shape (tokens, hidden), or (sequences, hidden) with ``rows``.
        """
        context = attend(*self.project(x, rows), sequences)
        x = self.attention_norm(self.out(context, x if rows is None else x[rows]))
        return self.norm(self.down(self.up(x), x))


@dataclass(frozen=True, slots=True)
class Rotation:
    """Rotary positions (Su et al. 2021, section 3.4.2).

    Attributes:
        cosines: By position, shape (positions, head size).
        sines: The same for sines.
    """

    cosines: Tensor
    sines: Tensor

    def __call__(self, x: Tensor, positions: Tensor) -> Tensor:
        """Rotate each token of ``x``, shape (tokens, heads, head size), by its position in ``positions``, (tokens,)."""
        wide = x.float()
        left, right = wide.chunk(2, dim=-1)
        turned = torch.cat((-right, left), dim=-1)
        return (wide * self.cosines[positions, None] + turned * self.sines[positions, None]).to(x.dtype)


@dataclass(frozen=True, slots=True)
class PreNormLayer:
    """The layer of ModernBERT: norms before each part, rotary positions, a gated unit and local attention.

    See Warner et al. 2024, section 2. ``window`` is the greatest distance of attention in tokens, None for no limit.
    """

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
        positions = sequences.positions
        q = self.rotation(q, positions if rows is None else positions[rows])
        x = self.out(
            attend(q, self.rotation(k, positions), v, sequences, window=self.window), x if rows is None else x[rows]
        )
        inner = self.norm(x)
        return self.down(self.up(inner).mul_(self.gate(inner)), x)


Layer = PostNormLayer | PreNormLayer
