"""Linear layers over packed tokens, in the fastest form that the device supports.

On a CPU the weights are converted once to the layout that oneDNN multiplies fastest, and the activation or the residual
is applied while the product is still in the cache.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

PACKED_FOR_ROWS = 1024
"""The layout is chosen for products of this many rows; other numbers of rows use it as well."""

# oneDNN's names of the activations of transformers.
FUSED = {
    "gelu": ("gelu", "none"),
    "gelu_new": ("gelu", "tanh"),
    "gelu_fast": ("gelu", "tanh"),
    "gelu_pytorch_tanh": ("gelu", "tanh"),
    "relu": ("relu", ""),
    "silu": ("swish", ""),
}


class Linear(Protocol):
    """A linear layer with an activation and a residual: ``activation(x @ weight.T + bias) + other``."""

    def __call__(self, x: Tensor, other: Tensor | None = None) -> Tensor:
        """Run the layer.

        Args:
            x: Shape (tokens, inputs).
            other: A residual to add, shape (tokens, outputs), or None.

        Returns:
            Shape (tokens, outputs), in the number format of ``x``, except where two int8 layers exchange bytes.
        """
        ...


class PlainLinear:
    """A linear layer computed by plain torch, for GPUs."""

    def __init__(self, weight: Tensor, bias: Tensor | None, activation: str | None) -> None:
        self._weight, self._bias = weight, bias
        self._activation = activation_of(activation)

    def __call__(self, x: Tensor, other: Tensor | None = None) -> Tensor:
        """See ``Linear``."""
        y = self._activation(nn.functional.linear(x, self._weight, self._bias))
        return y if other is None else y.add_(other)


class PrepackedLinear:
    """A linear layer computed by oneDNN, with the weights in its own layout."""

    def __init__(self, weight: Tensor, bias: Tensor | None, activation: str | None) -> None:
        operations: Any = torch.ops.mkldnn
        self._run, self._run_added = operations._linear_pointwise.default, operations._linear_pointwise.binary
        self._weight = operations._reorder_linear_weight(weight.contiguous(), PACKED_FOR_ROWS)
        self._bias = None if bias is None else bias.contiguous()
        self._name, self._algorithm = FUSED.get(activation or "", ("none", ""))
        self._after = None if activation is None or activation in FUSED else activation_of(activation)

    def __call__(self, x: Tensor, other: Tensor | None = None) -> Tensor:
        """See ``Linear``."""
        if len(x) == 1:
            # With AVX-512 oneDNN has a kernel for one row of many inputs, whose last digits are others.
            return self(x.repeat(2, 1), None if other is None else other.repeat(2, 1))[:1]
        if other is not None:
            return self._run_added(x, other, self._weight, self._bias, "add")
        y = self._run(x, self._weight, self._bias, self._name, [], self._algorithm)
        return y if self._after is None else self._after(y)


def make_linear(*parts: nn.Linear, activation: str | None = None, dtype: torch.dtype) -> Linear:
    """Make one linear layer that computes several side by side.

    Args:
        parts: Linear layers of torch with the same inputs.
        activation: The name of an activation in transformers; None for none.
        dtype: The number format.

    Returns:
        A layer whose outputs are those of all ``parts``, one after the other.
    """
    weight, bias = joined(parts, dtype)
    return (PrepackedLinear if _can_prepack(weight) else PlainLinear)(weight, bias, activation)


def _can_prepack(weight: Tensor) -> bool:
    """Whether oneDNN has its own layout for these weights; for bfloat16 only on a CPU with AVX-512 or AVX-NE."""
    if weight.device.type != "cpu" or not torch.backends.mkldnn.is_available() or weight.dtype == torch.float16:
        return False
    operations: Any = torch.ops.mkldnn
    return weight.dtype != torch.bfloat16 or bool(operations._is_mkldnn_bf16_supported())


def joined(parts: Sequence[nn.Linear], dtype: torch.dtype) -> tuple[Tensor, Tensor | None]:
    """Weight and bias of one layer that computes all ``parts`` side by side."""
    weight = torch.cat([part.weight.detach() for part in parts]).to(dtype)
    biases = [part.bias for part in parts if part.bias is not None]  # pyright: ignore[reportUnnecessaryComparison]
    return weight, torch.cat([bias.detach() for bias in biases]).to(dtype) if biases else None


def activation_of(name: str | None) -> Callable[[Tensor], Tensor]:
    """The activation function with that name in transformers; None gives the identity."""
    if name is None:
        return nn.Identity()
    from transformers.activations import ACT2FN

    activations: Any = ACT2FN
    return activations[name]
