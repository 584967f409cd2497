"""Exit heads, which score a pair after an early layer of a cross-encoder, and the file that stores them.

A model's folder holds them in ``exits.safetensors`` and describes them in ``bicross.json``: the layers, the sha256 of
that file, and the sha256 of the weights that the heads were trained on.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save  # pyright: ignore[reportUnknownVariableType]

from ..errors import ModelCorrupt
from .atomic_files import whole_file
from .checksum import combined_sha256, sha256_of

EXITS = "exits.safetensors"
MODEL_SETTINGS = "bicross.json"
"""The file in a model's folder for settings of bicross that the files of transformers have no field for."""
EXITS_REMEDY = "train them again: `bicross train exits`"
Floats = NDArray[np.float32]

_NAME = re.compile(r"([1-9]\d{0,3})\.(weight|bias)")


@dataclass(frozen=True, slots=True, eq=False)
class ExitHead:
    """A linear head: ``weight @ x + bias`` for the state ``x`` of the first token.

    Attributes:
        weight: float32 of shape (hidden,).
        bias: float32 of shape (1,).
    """

    weight: Floats
    bias: Floats

    def __call__(self, states: Floats) -> Floats:
        """Logits of shape (n,) for states of first tokens of shape (n, hidden)."""
        # A matrix product would give a state other last digits in other company.
        return ((states * self.weight).sum(axis=1, dtype=np.float64) + self.bias).astype(np.float32)


def read_exits(folder: Path) -> dict[int, ExitHead]:
    """Read the exit heads of a model.

    Args:
        folder: The model's folder.

    Returns:
        The heads by layer, counted from 1, in ascending order; empty if ``bicross.json`` names none.

    Raises:
        ModelCorrupt: The heads are not those that ``bicross.json`` names, or were trained on other weights.
    """
    entry: Any = model_settings(folder).get("exits")
    if entry is None:
        return {}
    if not isinstance(entry, dict) or {*entry} != {"layers", "sha256", "weights_sha256"}:
        raise ModelCorrupt(f"{folder / MODEL_SETTINGS} has exits that cannot be used, {entry!r:.200}; {EXITS_REMEDY}")
    if entry["weights_sha256"] != weights_sha256(folder):
        raise ModelCorrupt(f"the exits in {folder} were trained on other weights than it holds; {EXITS_REMEDY}")
    path = folder / EXITS
    if not path.is_file() or sha256_of(path) != entry["sha256"]:
        raise ModelCorrupt(f"{path} is missing or damaged; {EXITS_REMEDY}")
    heads = _heads(path)
    if list(heads) != entry["layers"]:
        raise ModelCorrupt(
            f"{path} has heads for the layers {list(heads)}, not {entry['layers']!r:.80}; {EXITS_REMEDY}"
        )
    return heads


def write_exits(folder: Path, heads: Mapping[int, ExitHead]) -> None:
    """Store exit heads in a model's folder, in place of any others.

    Args:
        folder: The folder of the model on whose weights the heads were trained.
        heads: The heads by layer, counted from 1.
    """
    save_heads(folder / EXITS, heads)
    settings = model_settings(folder) | {"exits": exits_entry(folder)}
    with whole_file(folder / MODEL_SETTINGS) as file:
        file.write(json.dumps(settings).encode())


def save_heads(path: Path, heads: Mapping[int, ExitHead]) -> None:
    """Write the file of heads atomically, without ``bicross.json``."""
    tensors = {
        f"{layer}.{name}": np.ascontiguousarray(getattr(head, name), np.float32)
        for layer, head in heads.items()
        for name in ("weight", "bias")
    }
    with whole_file(path) as file:
        file.write(save(tensors))


def exits_entry(folder: Path) -> dict[str, object]:
    """The entry of ``bicross.json`` for the heads and the weights in a folder."""
    path = folder / EXITS
    return {"layers": list(_heads(path)), "sha256": sha256_of(path), "weights_sha256": weights_sha256(folder)}


def weights_sha256(folder: Path) -> str:
    """The sha256 of all weights in a model's folder except the exits, which do not affect scores of the last layer."""
    return combined_sha256(sorted(path for path in folder.rglob("*.safetensors") if path.name != EXITS))


def model_settings(folder: Path) -> dict[str, Any]:
    """The content of ``bicross.json``, empty without the file. Raises ``ModelCorrupt`` if it is not a JSON object."""
    path = folder / MODEL_SETTINGS
    if not path.is_file():
        return {}
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelCorrupt(f"{path} cannot be read: {error}") from error
    if not isinstance(settings, dict):
        raise ModelCorrupt(f"{path} must hold a JSON object, not {settings!r:.80}")
    return cast("dict[str, Any]", settings)


def _heads(path: Path) -> dict[int, ExitHead]:
    try:
        tensors: dict[str, NDArray[Any]] = load_file(path)
    except (SafetensorError, OSError) as error:
        raise ModelCorrupt(f"{path} cannot be read: {error}; {EXITS_REMEDY}") from error
    parts: dict[int, dict[str, Floats]] = {}
    for name, tensor in tensors.items():
        parsed = _NAME.fullmatch(name)
        if parsed is None or not np.isfinite(tensor).all():
            raise ModelCorrupt(f"{path} holds {name!r}, which is no part of an exit head or not finite; {EXITS_REMEDY}")
        parts.setdefault(int(parsed[1]), {})[parsed[2]] = tensor.astype(np.float32)
    try:
        heads = {layer: ExitHead(**parts[layer]) for layer in sorted(parts)}
    except TypeError as error:
        raise ModelCorrupt(f"{path} lacks parts of an exit head: {error}; {EXITS_REMEDY}") from error
    for layer, head in heads.items():
        if head.weight.ndim != 1 or head.bias.shape != (1,):
            raise ModelCorrupt(f"{path} has a head for layer {layer} whose parts have other shapes; {EXITS_REMEDY}")
    return heads
