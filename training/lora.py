"""Low-rank adapters (LoRA, Hu et al. 2021, arXiv 2106.09685, section 4.1): thin matrices trained beside frozen weights.

Not peft: its merge sums in float32, so that 34 % of the merged weights of the bundled reranker differ in their last bit
and its recorded sha256 does not hold; its initial values differ as well; and importing it takes seconds.
"""

import math
import re
from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from ..errors import ModelError

FULLY_TRAINED = ("norm", "token_type_embeddings", "pooler", "classifier", "head.", "score.", "qa_outputs")
"""Parts that train all their weights: they have few, or are new to a model that never saw a second segment."""

_IN_A_LAYER = re.compile(r"(^|\.)layers?\.\d+\.")


class LoraLinear(nn.Module):
    """A frozen linear layer plus the product of two thin matrices: ``y = Wx + b + scale * up(down(x))``."""

    def __init__(self, base: nn.Linear, rank: int, scale: float) -> None:
        super().__init__()
        self.base = base
        self.down = nn.Linear(base.in_features, rank, bias=False)
        self.up = nn.Linear(rank, base.out_features, bias=False)
        self.scale = scale
        nn.init.normal_(self.down.weight, std=1.0 / math.sqrt(base.in_features))
        nn.init.zeros_(self.up.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Map shape (..., in_features) to (..., out_features)."""
        return self.base(x) + self.scale * self.up(self.down(x))

    def merged(self) -> nn.Linear:
        """Return the base layer with the product added to its weight, summed in float64."""
        product = self.up.weight.detach().double() @ self.down.weight.detach().double()
        with torch.no_grad():
            self.base.weight.copy_(self.base.weight.double() + self.scale * product)
        return self.base


def add_adapters(model: PreTrainedModel, *, rank: int = 32, scale: float = 2.0) -> None:
    """Freeze a model, add an adapter to each linear layer of its encoder, and unfreeze the parts in ``FULLY_TRAINED``.

    Args:
        model: The model, which is changed in place.
        rank: The rank of the adapters.
        scale: The factor of what an adapter adds to its layer.

    Raises:
        ModelError: No layers are found in this architecture.
    """
    linears: list[tuple[str, nn.Linear]] = [
        (name, module)
        for name, module in cast("Iterable[tuple[str, nn.Module]]", model.named_modules())
        if isinstance(module, nn.Linear) and _IN_A_LAYER.search(name)
    ]
    if not linears:
        raise ModelError(f"{type(model).__name__} has no layers that adapters are known for; train all its parameters")
    for name, parameter in model.named_parameters():
        parameter.requires_grad = any(part in name.lower() for part in FULLY_TRAINED)
    for name, module in linears:
        _replace(model, name, LoraLinear(module, rank, scale))


def merge_adapters(model: nn.Module) -> None:
    """Replace adapted layers by plain linear ones; scores stay the same up to rounding."""
    for name, module in list(cast("Iterable[tuple[str, nn.Module]]", model.named_modules())):
        if isinstance(module, LoraLinear):
            _replace(model, name, module.merged())


def _replace(model: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, leaf = name.rpartition(".")
    setattr(model.get_submodule(parent), leaf, module)


def adapter_state(model: nn.Module) -> dict[str, Tensor]:
    """Return the trained tensors in float16: ``NAME.down`` (rank, in), ``NAME.up`` (out, rank), whole parameters."""
    state: dict[str, Tensor] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            key = name.removesuffix(".weight") if name.endswith((".down.weight", ".up.weight")) else name
            state[key] = parameter.detach().to("cpu", torch.float16).contiguous()
    return state
