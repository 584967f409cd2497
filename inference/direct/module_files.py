"""Reads the modules of sentence-transformers that come after the transformer of an encoder."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from ..checkpoints import read_settings
from .models import Dense, Normalize, Pooling
from .skeletons import Linear
from .weights import fill, read_tensors

_OLD_MODES = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_lasttoken": "lasttoken",
}
"""How old files name the ways of pooling, in the order in which their vectors are joined."""
_DENSE = {"in_features", "out_features", "bias", "activation_function", "module_input_name", "module_output_name"}
_RESULT = "sentence_embedding"
_ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "torch.nn.modules.activation.GELU": nn.GELU,
    "torch.nn.modules.activation.ReLU": nn.ReLU,
    "torch.nn.modules.activation.SiLU": nn.SiLU,
    "torch.nn.modules.activation.Sigmoid": nn.Sigmoid,
    "torch.nn.modules.activation.Tanh": nn.Tanh,
    "torch.nn.modules.linear.Identity": nn.Identity,
}


def later_modules(kinds: Sequence[str], folders: Sequence[Path], width: int) -> list[nn.Module] | None:
    """Read pooling and the modules after it.

    Args:
        kinds: The classes of the modules.
        folders: The folder of each.
        width: The width of the hidden states of the transformer.

    Returns:
        The modules; None if one of them is not understood in full.
    """
    if kinds[:1] != ["Pooling"]:
        return None
    pooling = _pooling(read_settings(folders[0] / "config.json"))
    if pooling is None:
        return None
    modules: list[nn.Module] = [pooling]
    dimension = width * len(pooling.modes)
    for kind, folder in zip(kinds[1:], folders[1:], strict=True):
        module = _dense(folder, dimension) if kind == "Dense" else _norm(folder) if kind == "Normalize" else None
        if module is None:
            return None
        modules.append(module)
        dimension = module.linear.out_features if isinstance(module, Dense) else dimension
    return modules


def _pooling(settings: dict[str, Any]) -> Pooling | None:
    mode: object = settings.get("pooling_mode")
    if mode is None:
        if any(
            value and name.startswith("pooling_mode_") and name not in _OLD_MODES for name, value in settings.items()
        ):
            return None
        mode = [new for old, new in _OLD_MODES.items() if settings.get(old)]
    modes = (mode,) if isinstance(mode, str) else tuple(cast("list[str]", mode)) if isinstance(mode, list) else ()
    if not modes or not set(modes) <= set(_OLD_MODES.values()) or settings.get("include_prompt", True) is not True:
        return None
    return Pooling(modes)


def _norm(folder: Path) -> Normalize | None:
    """A norm, if it takes and gives the vectors of texts."""
    return Normalize() if set(read_settings(folder / "config.json").values()) <= {_RESULT} else None


def _dense(folder: Path, width: int) -> Dense | None:
    settings, tensors = read_settings(folder / "config.json"), read_tensors(folder)
    activation = _ACTIVATIONS.get(settings.get("activation_function", "torch.nn.modules.activation.Tanh"))
    outputs: object = settings.get("out_features")
    plain = all(settings.get(name) in (None, _RESULT) for name in ("module_input_name", "module_output_name"))
    biased: object = settings.get("bias", True)
    if tensors is None or activation is None or not isinstance(outputs, int) or not isinstance(biased, bool):
        return None
    if settings.keys() - _DENSE or settings.get("in_features") != width or not plain:
        return None
    with torch.device("meta"):
        module = Dense(Linear(width, outputs, bias=biased), activation())
    return module if fill(module, tensors) else None
