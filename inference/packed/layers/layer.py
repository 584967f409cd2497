"""One transformer layer over packed tokens. Its fields are what the families differ in."""

from dataclasses import dataclass

import torch
from torch import Tensor

from .attention import ALL, KeysAndValues, View, attend
from .linear import Linear
from .norms import Norm, Norms
from .sequences import Sequences


@dataclass(frozen=True, slots=True)
class Projections:
    """Queries, keys and values in one product, or in two for a layer whose result is needed for few tokens.

    Attributes:
        together: All three in one product; None if they are computed apart.
        queries: The queries alone.
        keys_and_values: Keys and values in one product.
        heads: The number of attention heads.
        shared_heads: The number of heads of keys and values, which the other heads share (Ainslie et al. 2023).
        head_size: The width of a head.
    """

    together: Linear | None
    queries: Linear | None
    keys_and_values: Linear | None
    heads: int
    shared_heads: int
    head_size: int

    def __call__(self, x: Tensor, rows: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Compute queries, keys and values.

        Args:
            x: Hidden states, shape (tokens, hidden).
            rows: The tokens that need queries, int64; None for all.

        Returns:
            Three tensors of shape (tokens, heads, head size); the first has only the rows ``rows`` if these are given.
        """
        widths = [self.head_size * heads for heads in (self.heads, self.shared_heads, self.shared_heads)]
        if self.together is not None:
            parts = torch.split(self.together(x), widths, dim=1)
            parts = parts if rows is None else (parts[0][rows], *parts[1:])
        else:
            assert self.queries is not None and self.keys_and_values is not None
            others = torch.split(self.keys_and_values(x), widths[1:], dim=1)
            parts = (self.queries(x if rows is None else x[rows]), *others)
        q, k, v = (part.view(part.shape[0], -1, self.head_size) for part in parts)
        return q, k, v


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
        sines_left, sines_right = self.sines[positions, None].chunk(2, dim=-1)
        turned = wide * self.cosines[positions, None]
        turned_left, turned_right = turned.chunk(2, dim=-1)
        turned_left.addcmul_(right, sines_left, value=-1)
        turned_right.addcmul_(left, sines_right)
        return turned.to(x.dtype)


@dataclass(frozen=True, slots=True)
class Attention:
    """The half of a layer that looks at other tokens.

    Attributes:
        project: Computes queries, keys and values.
        out: Takes what the heads give.
        norms: The norms around it.
        view: What a token sees.
        rotation: Rotates queries and keys.
        head_norms: The norms of each query and of each key, before the rotation (Dehghani et al. 2023, section 2).
    """

    project: Projections
    out: Linear
    norms: Norms
    view: View = ALL
    rotation: Rotation | None = None
    head_norms: tuple[Norm, Norm] | None = None

    def projected(self, x: Tensor, sequences: Sequences, rows: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values as they meet, each of shape (tokens, heads, head size)."""
        q, k, v = self.project(x if self.norms.before is None else self.norms.before(x), rows)
        if self.head_norms is not None:
            q, k = self.head_norms[0](q), self.head_norms[1](k)
        if self.rotation is not None:
            positions = sequences.positions
            q, k = self.rotation(q, positions if rows is None else positions[rows]), self.rotation(k, positions)
        return q, k, v


@dataclass(frozen=True, slots=True)
class FeedForward:
    """The half of a layer that looks at one token.

    Attributes:
        up: Widens, with the activation.
        down: Narrows.
        norms: The norms around it.
        gate: Widens too, without an activation; both are multiplied (Shazeer 2020). None for no gate.
    """

    up: Linear
    down: Linear
    norms: Norms
    gate: Linear | None = None

    def __call__(self, x: Tensor) -> Tensor:
        """Run it on states of shape (tokens, hidden)."""
        inner = x if self.norms.before is None else self.norms.before(x)
        wide = self.up(inner)
        return _added(self.down, wide if self.gate is None else wide.mul_(self.gate(inner)), x, self.norms)


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of BERT, of ModernBERT, of T5, or of a decoder."""

    attention: Attention
    feed_forward: FeedForward

    def __call__(
        self, x: Tensor, sequences: Sequences, rows: Tensor | None, before: KeysAndValues | None = None
    ) -> Tensor:
        """Run the layer.

        Args:
            x: Hidden states, shape (tokens, hidden).
            sequences: Where the sequences lie in ``x``.
            rows: One token of each sequence, if only these are needed; None for all tokens.
            before: Keys and values of tokens that come before each sequence.

        Returns:
            Shape (tokens, hidden), or (sequences, hidden) with ``rows``.
        """
        return self._rest(x, self.attention.projected(x, sequences, rows), sequences, rows, before)

    def keeping(self, x: Tensor, sequences: Sequences, *, last: bool) -> tuple[Tensor, KeysAndValues]:
        """Run the layer and keep the keys and values.

        Args:
            x: Hidden states, shape (tokens, hidden).
            sequences: Where the sequences lie in ``x``.
            last: Whether only the keys and values are needed, because no layer follows.

        Returns:
            The result, which is ``x`` with ``last``, and the keys and values of all tokens.
        """
        q, k, v = self.attention.projected(x, sequences, None)
        return x if last else self._rest(x, (q, k, v), sequences, None, None), (k, v)

    def _rest(
        self,
        x: Tensor,
        projected: tuple[Tensor, Tensor, Tensor],
        sequences: Sequences,
        rows: Tensor | None,
        before: KeysAndValues | None,
    ) -> Tensor:
        attention = self.attention
        context = attend(*projected, sequences, view=attention.view, before=before)
        x = _added(attention.out, context, x if rows is None else x[rows], attention.norms)
        return self.feed_forward(x)


def _added(last: Linear, inner: Tensor, x: Tensor, norms: Norms) -> Tensor:
    """The result of the last product of a half, added to ``x``."""
    total = last(inner, x) if norms.result is None else torch.add(x, norms.result(last(inner)))
    return total if norms.total is None else norms.total(total)
