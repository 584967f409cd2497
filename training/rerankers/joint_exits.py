"""Exits that learn while their model does: early layers are drawn to what its last one says. Knows no loss and no data.

The last layer is the teacher of the earlier ones within one model: self-distillation (Zhang et al. 2019, "Be Your Own
Teacher", arXiv 1905.08094, section 3). Heads alone, for a model that stays as it is, are what ``exit_fitting`` makes.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from ...errors import ModelError
from ...inference import ExitHead
from ...rerank import require_exit_layers

ATTRIBUTE = "joint_exits"
"""What they are called in the model that they are part of, so that checkpoints hold them."""
_A_LAYER = re.compile(r"(^|\.)layers?\.\d+$")


class JointExits(nn.Module):
    """A linear head after each of some layers, which reads the first token of each sequence that passes there."""

    def __init__(self, model: PreTrainedModel, layers: Sequence[int], known: Mapping[int, ExitHead]) -> None:
        """``layers`` are counted from 1; heads that are not ``known`` begin at zero."""
        super().__init__()
        named = list(cast("Iterable[tuple[str, nn.Module]]", model.named_modules()))
        blocks = [module for name, module in named if _A_LAYER.search(name)]
        if not blocks:
            raise ModelError(f"{type(model).__name__} has no layers that exits are known for; train it without them")
        require_exit_layers(layers, len(blocks))
        width = int(model.config.hidden_size)
        self._by_layer = {layer: _linear(known.get(layer), width) for layer in layers}
        self.heads = nn.ModuleList(self._by_layer.values())
        self._norm = [module for name, module in named if name.endswith("final_norm")]  # in a list: the model has it
        self._said: dict[int, Tensor] = {}
        self._hooks = [blocks[layer - 1].register_forward_hook(self._hook(layer)) for layer in layers]

    def said(self) -> list[Tensor]:
        """What each head said of the sequences that the model has just read, shape (sequences,)."""
        return [self._said[layer] for layer in self._by_layer]

    def taken_off(self) -> dict[int, ExitHead]:
        """The heads as they are kept; the model runs without them from now on."""
        for hook in self._hooks:
            hook.remove()
        return {layer: _kept(head) for layer, head in self._by_layer.items()}

    def _hook(self, layer: int) -> Callable[[nn.Module, object, Tensor | tuple[Tensor, ...]], None]:
        def read(_module: nn.Module, _inputs: object, outputs: Tensor | tuple[Tensor, ...]) -> None:
            first = (outputs if isinstance(outputs, Tensor) else outputs[0])[:, 0]
            for norm in self._norm:  # the last layer's states go through it, and so do those that an exit reads
                first = norm(first)
            self._said[layer] = self._by_layer[layer](first).view(-1)

        return read


def add_exits(model: PreTrainedModel, layers: Sequence[int], known: Mapping[int, ExitHead]) -> None:
    """Make heads after ``layers`` part of a model that is going to be trained. ``ArgumentError`` for other layers."""
    model.add_module(ATTRIBUTE, JointExits(model, layers, known))


def exits_of(model: nn.Module) -> JointExits | None:
    """Those that ``add_exits`` made part of it, of a model that may be wrapped."""
    return next((module for module in model.modules() if isinstance(module, JointExits)), None)


def remove_exits(model: nn.Module) -> dict[int, ExitHead]:
    """Undo ``add_exits``: the heads by layer, none where there are none."""
    exits = exits_of(model)
    if exits is None:
        return {}
    delattr(model, ATTRIBUTE)
    return exits.taken_off()


def _linear(known: ExitHead | None, width: int) -> nn.Linear:
    head = nn.Linear(width, 1)
    weight, bias = (np.zeros(width), np.zeros(1)) if known is None else (known.weight, known.bias)
    with torch.no_grad():
        head.weight.copy_(torch.tensor(weight))
        head.bias.copy_(torch.tensor(bias))
    return head


def _kept(head: nn.Linear) -> ExitHead:
    weight, bias = (tensor.detach().cpu().numpy().astype(np.float32) for tensor in (head.weight[0], head.bias))
    return ExitHead(weight, bias)
