"""What attention adds to its products for the distance of two tokens."""

from dataclasses import dataclass

import torch
from torch import Tensor

from .rows import few_filled_up


@dataclass(frozen=True, slots=True)
class DistanceBias:
    """A number for each distance and each head (Raffel et al. 2020, section 2.1).

    Attributes:
        table: By head and by distance, shape (heads, 2 x longest - 1). The distance of a key behind its query is
            positive, and 0 stands in the middle.
    """

    table: Tensor

    def __call__(self, q: Tensor, k: Tensor, at: slice) -> Tensor:
        """See ``Bias``."""
        keys = k.shape[2]
        windows = _around(self.table, keys).unfold(-1, keys, 1)  # for the queries from the last to the first
        return windows.flip(1)[:, at].to(q.dtype)


@dataclass(frozen=True, slots=True)
class DisentangledBias:
    """Products of contents with relative positions (He et al. 2021, "DeBERTa", section 3.1).

    Positions are looked up by distance once, when the model is packed. So a product with all distances that occur has
    the wanted numbers on its diagonals, and a view with other strides picks them without copying.

    Attributes:
        keys: What queries are multiplied with, by head and distance, shape (heads, 2 x longest - 1, head size). The
            distance of a key behind its query is positive. None if the model leaves it out.
        queries: What keys are multiplied with; here the distance of a query behind its key is positive.
        scale: The factor of the products.
    """

    keys: Tensor | None
    queries: Tensor | None
    scale: float

    def __call__(self, q: Tensor, k: Tensor, at: slice) -> Tensor:
        """See ``Bias``."""
        bias = q.new_zeros(())
        if self.keys is not None:
            bias = _diagonals(q, _around(self.keys, k.shape[2], -2), at.start) * self.scale
        if self.queries is not None:
            products = _diagonals(k, _around(self.queries, k.shape[2], -2), 0).transpose(-1, -2)
            bias = bias + products[:, :, at] * self.scale
        return bias


def _around(table: Tensor, keys: int, dimension: int = -1) -> Tensor:
    """The distances that occur among so many keys."""
    middle = table.shape[dimension] // 2
    return table.narrow(dimension, middle - keys + 1, 2 * keys - 1)


def _diagonals(x: Tensor, positions: Tensor, start: int) -> Tensor:
    """Multiply tokens with the positions of all others.

    Args:
        x: Shape (sequences, heads, tokens, head size), tokens from ``start`` on.
        positions: By distance, shape (heads, 2 x keys - 1, head size).
        start: The position of the first token.

    Returns:
        The product of each token with the distance of each key from it, shape (sequences, heads, tokens, keys).
    """
    tokens, keys = x.shape[2], (positions.shape[1] + 1) // 2
    products = _products(x, positions.transpose(1, 2))
    sequence, head, query, distance = products.stride()
    strides = (sequence, head, query - distance, distance)
    return products.as_strided((*products.shape[:2], tokens, keys), strides, keys - 1 - start)


def _products(x: Tensor, positions: Tensor) -> Tensor:
    """Multiply ``x`` of shape (sequences, heads, tokens, size) with ``positions`` of shape (heads, size, distances).

    On a CPU the sequences come one after the other, and copies of the last token fill up few: the last digits of a
    product depend on how many rows are multiplied together. There may be more tokens in the result than in ``x``.
    """
    count, heads, tokens, size = x.shape
    if x.device.type != "cpu":
        together = x.transpose(0, 1).reshape(heads, count * tokens, size) @ positions
        return together.view(heads, count, tokens, -1).transpose(0, 1)
    rows = few_filled_up(tokens, x.device)
    x = x if rows is None else x[:, :, rows]
    products = x.new_empty((*x.shape[:3], positions.shape[-1]))
    for sequence, result in zip(x, products, strict=True):
        torch.matmul(sequence, positions, out=result)
    return products
