"""Exit heads that are trained together with their model: early layers learn the scores of its last layer.

The last layer is the teacher of the earlier ones: self-distillation (Zhang et al. 2019, "Be Your Own Teacher", arXiv
1905.08094, section 3). ``exit_fitting`` trains heads for a model that does not change.
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
"""The name of the heads as a part of the model, so that checkpoints have them."""
_A_LAYER = re.compile(r"(^|\.)layers?\.\d+$")


class JointExits(nn.Module):
    """A linear head after each of some layers, on the first token of each sequence."""

    def __init__(self, model: PreTrainedModel, layers: Sequence[int], initial: Mapping[int, ExitHead]) -> None:
        """Add heads after ``layers``, counted from 1; those without ``initial`` weights start at zero."""
        super().__init__()
        named = list(cast("Iterable[tuple[str, nn.Module]]", model.named_modules()))
        blocks = [module for name, module in named if _A_LAYER.search(name)]
        if not blocks:
            raise ModelError(f"{type(model).__name__} has no layers that exits are known for; train it without them")
        require_exit_layers(layers, len(blocks))
        width = int(model.config.hidden_size)
        self._by_layer = {layer: _linear(initial.get(layer), width) for layer in layers}
        self.heads = nn.ModuleList(self._by_layer.values())
        self._norm = [module for name, module in named if name.endswith("final_norm")]  # a list: not registered twice
        self._logits: dict[int, Tensor] = {}
        self._hooks = [blocks[layer - 1].register_forward_hook(self._hook(layer)) for layer in layers]

    def logits(self) -> list[Tensor]:
        """Return the logits of each head for the last batch of the model, shape (sequences,)."""
        return [self._logits[layer] for layer in self._by_layer]

    def detach_heads(self) -> dict[int, ExitHead]:
        """Remove the hooks, and return the heads by layer."""
        for hook in self._hooks:
            hook.remove()
        return {layer: _exit_head(head) for layer, head in self._by_layer.items()}

    def _hook(self, layer: int) -> Callable[[nn.Module, object, Tensor | tuple[Tensor, ...]], None]:
        def run_head(_module: nn.Module, _inputs: object, outputs: Tensor | tuple[Tensor, ...]) -> None:
            first = (outputs if isinstance(outputs, Tensor) else outputs[0])[:, 0]
            for norm in self._norm:  # states of the last layer go through it, so those of an exit do too
                first = norm(first)
            self._logits[layer] = self._by_layer[layer](first).view(-1)

        return run_head


def add_exits(model: PreTrainedModel, layers: Sequence[int], initial: Mapping[int, ExitHead]) -> None:
    """Add heads after ``layers`` to a model before training; raise ``ArgumentError`` if it has no such layers."""
    model.add_module(ATTRIBUTE, JointExits(model, layers, initial))


def exits_of(model: nn.Module) -> JointExits | None:
    """Return the heads that ``add_exits`` added to a model, which may be wrapped; None if there are none."""
    return next((module for module in model.modules() if isinstance(module, JointExits)), None)


def remove_exits(model: nn.Module) -> dict[int, ExitHead]:
    """Undo ``add_exits``; return the heads by layer."""
    exits = exits_of(model)
    if exits is None:
        return {}
    delattr(model, ATTRIBUTE)
    return exits.detach_heads()


def _linear(initial: ExitHead | None, width: int) -> nn.Linear:
    head = nn.Linear(width, 1)
    weight, bias = (np.zeros(width), np.zeros(1)) if initial is None else (initial.weight, initial.bias)
    with torch.no_grad():
        head.weight.copy_(torch.tensor(weight))
        head.bias.copy_(torch.tensor(bias))
    return head


def _exit_head(head: nn.Linear) -> ExitHead:
    weight, bias = (tensor.detach().cpu().numpy().astype(np.float32) for tensor in (head.weight[0], head.bias))
    return ExitHead(weight, bias)
