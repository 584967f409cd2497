"""Reads tensors from safetensors, and puts them into modules that have exactly these."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file  # pyright: ignore[reportUnknownVariableType]
from torch import Tensor, nn

from ..checkpoints import read_settings

_WHOLE, _INDEX = "model.safetensors", "model.safetensors.index.json"


def read_tensors(folder: Path) -> dict[str, Tensor] | None:
    """The tensors of a folder, mapped into memory; None if they cannot be read, or are an adapter's to be added to.

    Large models are split into files; an index names the file of each tensor.
    """
    if (folder / "adapter_config.json").is_file():
        return None
    try:
        if (folder / _WHOLE).is_file():
            return load_file(folder / _WHOLE)
        return _read_parts(folder)
    except (SafetensorError, OSError):
        return None


def _read_parts(folder: Path) -> dict[str, Tensor] | None:
    listed: object = read_settings(folder / _INDEX).get("weight_map")
    if not isinstance(listed, dict) or not listed:
        return None
    files = cast("dict[str, object]", listed)
    tensors: dict[str, Tensor] = {}
    for name in sorted({str(name) for name in files.values()}):
        if Path(name).name != name:  # a path could lead anywhere
            return None
        part = load_file(folder / name)
        if part.keys() != {tensor for tensor, file in files.items() if file == name}:
            return None
        tensors |= part
    return tensors


def fill(module: nn.Module, tensors: dict[str, Tensor], *, ignored: Callable[[str], bool] = lambda _: False) -> bool:
    """Put tensors into a module.

    Args:
        module: The module; its parameters may be without storage.
        tensors: The tensors by their names.
        ignored: Tells whether the module does not need a tensor.

    Returns:
        False if the tensors are not exactly its parameters, in name and shape; the module is then as before.
    """
    expected = {name: parameter.shape for name, parameter in module.named_parameters()}
    given = {name: tensor for name, tensor in tensors.items() if not ignored(name)}
    if {name: tensor.shape for name, tensor in given.items()} != expected:
        return False
    # Copies: the file may change while the model is in use.
    filled: dict[str, Any] = {name: tensor.to(torch.float32, copy=True) for name, tensor in given.items()}
    module.load_state_dict(filled, assign=True)
    return True
