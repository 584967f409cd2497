"""Linear layers that multiply in eight bits on a CPU, after a calibration on some texts.

Activations are unsigned and weights signed, because processors multiply this combination. Each scale is fixed once, so
a score does not depend on the rest of its batch, and few passes over the activations are needed.
"""

import threading
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ....errors import ArgumentError, ModelError
from ...loading import cpu_has_bfloat16
from .linear import FUSED, Linear, activation_of, joined, make_linear

_STEPS, _ZERO = 127, 128
"""Inputs are from -127 to 127 steps; adding 128 makes unsigned bytes."""
_SPLIT_SHARE = 96
"""Units that are added for outliers: at most one for each 96 units."""
_UNSEEN = 1.25
"""The factor by which outliers may exceed those seen in the calibration."""
_ALIGNED = 16
_TINY = 1e-5
_observing = threading.Lock()


class _Scale(NamedTuple):
    """The value of a byte: ``step * (byte - zero)``."""

    step: float
    zero: int


class Int8Linears:
    """Makes layers that compute in float32 and record the range of their inputs until ``quantise`` is called.

    Attributes:
        dtype: The number format of inputs and outputs.
    """

    def __init__(self, device: torch.device) -> None:
        """Check the device. Raises ``ArgumentError`` if the device or the processor does not multiply bytes fast."""
        _require_fast(device)
        self.dtype = torch.bfloat16 if cpu_has_bfloat16() else torch.float32
        self._layers: list[_Layer] = []
        self._pairs: list[tuple[_Layer, _Layer]] = []

    def layer(self, *parts: nn.Linear, activation: str | None = None) -> "_Layer":
        """The same as ``make_linear``; the activation must be one of ``FUSED``."""
        self._layers.append(_Layer(*joined(parts, torch.float32), activation))
        return self._layers[-1]

    def feed_forward(self, up: nn.Linear, down: nn.Linear, activation: str) -> tuple[Linear, Linear]:
        """Make two layers, where the second takes the output of the first in bytes.

        With an activation that cannot be fused with the product, the layers do not use bytes, since it would need
        passes of its own; nor with SiLU, which was not tried.
        """
        if activation not in FUSED or activation == "silu":
            return make_linear(up, activation=activation, dtype=self.dtype), make_linear(down, dtype=self.dtype)
        first, second = self.layer(up, activation=activation), self.layer(down)
        self._pairs.append((first, second))
        return first, second

    def quantise(self) -> None:
        """Switch to eight bits, with the ranges of the calibration.

        Raises:
            ModelError: The model computed numbers that are not finite.
        """
        if not all(layer.low.isfinite().all() and layer.high.isfinite().all() for layer in self._layers):
            raise ModelError("the model computes NaN or infinity, which have no bytes; its weights are damaged")
        for first, second in self._pairs:
            _join(first, second)
        for layer in self._layers:
            layer.quantise(self.dtype)


class _Layer:
    """A linear layer that records the range of its inputs until it is quantised."""

    def __init__(self, weight: Tensor, bias: Tensor | None, activation: str | None) -> None:
        self.weight, self.bias, self.activation = weight, bias, activation
        self.low, self.high = torch.zeros(weight.shape[1]), torch.zeros(weight.shape[1])
        self.takes: _Scale | None = None
        self.gives: _Scale | None = None
        self._quantised: _QuantisedLayer | None = None

    def __call__(self, x: Tensor, other: Tensor | None = None) -> Tensor:
        """See ``Linear``."""
        if self._quantised is not None:
            return self._quantised(x, other)
        wide = x.float()
        with _observing:  # batches run in several threads
            self.low, self.high = torch.minimum(self.low, wide.amin(0)), torch.maximum(self.high, wide.amax(0))
        y = activation_of(self.activation)(nn.functional.linear(wide, self.weight, self.bias)).to(x.dtype)
        return y if other is None else y + other

    def quantise(self, dtype: torch.dtype) -> None:
        multiply, weight, takes = None, self.weight, self.takes
        if takes is None:
            # Input channels share the difficulty with their weights (Xiao et al. 2023, section 4, with alpha 0.5).
            reach = torch.maximum(self.high, -self.low)
            reach = reach.clamp_min(reach.mean().item() / 4 + _TINY)  # few texts may not show a channel's full range
            share = (reach / weight.abs().amax(0).clamp_min(_TINY)).sqrt()
            multiply = (_STEPS / (reach / share).max() / share).to(dtype)
            weight, takes = weight / multiply.float(), _Scale(1.0, _ZERO)
        steps = weight.abs().amax(1).clamp_min(_TINY**2) / _STEPS
        whole = (weight / steps[:, None]).round().to(torch.int8)
        self._quantised = _QuantisedLayer(
            multiply,
            takes,
            _operations().qlinear_prepack(whole, None),
            steps,
            torch.zeros_like(steps, dtype=torch.int32),
            self.bias,
            self.activation,
            (1.0, 0, dtype) if self.gives is None else (self.gives.step, self.gives.zero, torch.uint8),
        )
        self.weight = self.low = self.high = torch.empty(0)


@dataclass(frozen=True, slots=True)
class _QuantisedLayer:
    multiply: Tensor | None
    takes: _Scale
    weight: Tensor
    steps: Tensor
    zeros: Tensor
    bias: Tensor | None
    activation: str | None
    gives: tuple[float, int, torch.dtype]

    def __call__(self, x: Tensor, other: Tensor | None) -> Tensor:
        if self.multiply is not None:
            whole = (x * self.multiply).round_().clamp_(-_STEPS, _STEPS).to(torch.int8)
            x = whole.view(torch.uint8).bitwise_xor_(_ZERO)  # the bytes of a + 128
        run, operands = _operations().qlinear_pointwise, (x, *self.takes, self.weight, self.steps, self.zeros)
        if other is not None:
            wide = (1.0, 0, other.dtype)
            return run.binary(*operands, other, self.bias, *wide, 1.0, 0, "add", 1.0, "none", [], "")
        name, algorithm = FUSED.get(self.activation or "", ("none", ""))
        return run.default(*operands, self.bias, *self.gives, name, [], algorithm)


def _join(first: _Layer, second: _Layer) -> None:
    """Let ``first`` give bytes to ``second``, and keep the scale fine although a few units become large.

    A unit that exceeds the range of a byte gets copies, each of which begins where the one before is saturated: GELU
    and ReLU are the identity there. (Zhao et al. 2019 split units in halves instead, for weights.)
    """
    low, high = second.low.min().item(), second.high.clamp_min(_TINY)
    top, copies = high.max().item(), torch.zeros(len(high), dtype=torch.long)
    while True:
        lower = top * 0.95
        needed = (torch.where(high > lower, high * _UNSEEN, high) / lower).ceil().long() - 1
        if needed.sum() > len(high) // _SPLIT_SHARE:
            break
        top, copies = lower, needed
    scale = _Scale((top - low) / 255, round(-low * 255 / (top - low)))
    first.gives = second.takes = scale
    units = torch.repeat_interleave(torch.arange(len(high)), copies)
    if not len(units):
        return
    starts = torch.cat([torch.arange(1, int(count) + 1) for count in copies[copies > 0]]) * top
    empty = -(len(high) + len(units)) % _ALIGNED
    bias = torch.zeros(len(high)) if first.bias is None else first.bias
    first.bias = torch.cat((bias, bias[units] - starts, torch.zeros(empty)))
    first.weight = torch.cat((first.weight, first.weight[units], torch.zeros(empty, first.weight.shape[1])))
    second.weight = torch.cat((second.weight, second.weight[:, units], torch.zeros(len(second.weight), empty)), 1)


def _require_fast(device: torch.device) -> None:
    if device.type != "cpu":
        raise ArgumentError(
            f"dtype='int8' is for a CPU, not for the device {str(device)!r}; use dtype='bfloat16' or 'float32'"
        )
    supported: Any = getattr(torch.cpu, "_is_vnni_supported", bool)
    if not (supported() and torch.backends.mkldnn.is_available() and hasattr(_operations(), "qlinear_pointwise")):
        raise ArgumentError(
            "dtype='int8' needs a processor with AVX-512 VNNI, and a torch with oneDNN; use dtype='float32'"
        )


def _operations() -> Any:  # noqa: ANN401 - operations of torch have no types
    return torch.ops.onednn
