"""Norms, and where a layer applies them."""

from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class LayerNorm:
    """Layer normalisation (Ba et al. 2016)."""

    weight: Tensor
    bias: Tensor | None
    epsilon: float

    def __call__(self, x: Tensor) -> Tensor:
        """Normalise ``x`` in its shape and number format; sums are computed in float32."""
        return nn.functional.layer_norm(x, x.shape[-1:], self.weight, self.bias, self.epsilon)


@dataclass(frozen=True, slots=True)
class RootMeanSquareNorm:
    """Normalisation without a mean and without a bias (Zhang and Sennrich 2019).

    Attributes:
        weight: float32, shape (width,).
        epsilon: Is added to the mean square.
    """

    weight: Tensor
    epsilon: float

    def __call__(self, x: Tensor) -> Tensor:
        """Normalise ``x`` in its shape and number format, by way of float32."""
        return nn.functional.rms_norm(x.float(), x.shape[-1:], self.weight, self.epsilon).to(x.dtype)


Norm = LayerNorm | RootMeanSquareNorm


@dataclass(frozen=True, slots=True)
class Norms:
    """The norms of one half of a layer, which adds its result to its input. Each of them may be missing.

    Attributes:
        before: Of the input, as far as the half itself takes it.
        result: Of the result, before it is added (Gemma Team 2024, "Gemma 2", section 2).
        total: Of the sum (Vaswani et al. 2017, section 3.1).
    """

    before: Norm | None = None
    result: Norm | None = None
    total: Norm | None = None
