"""Merges a low-rank adapter, of a reranker or a reader, with its BERT base model into a folder of its own.

An adapter folder holds ``adapter.json`` (see ``AdapterSettings``) and ``adapter.safetensors`` in float16: for a linear
layer ``NAME.down`` (rank, in) and ``NAME.up`` (out, rank), whose scaled product is added to ``NAME.weight``; every
other tensor replaces the parameter of that name. Heads for early exits, where there are any, are in
``exits.safetensors``.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file  # pyright: ignore[reportUnknownVariableType]

from ..errors import ModelCorrupt, ModelError
from .checksum import sha256_of
from .exit_heads import EXITS, MODEL_SETTINGS, exits_entry

ADAPTER_SETTINGS = "adapter.json"
ADAPTER_WEIGHTS = "adapter.safetensors"

_RERANKER: dict[str, object] = {
    "architectures": ["BertForSequenceClassification"],
    "dtype": "float32",
    "id2label": {"0": "LABEL_0"},
    "label2id": {"LABEL_0": 0},
    "sentence_transformers": {"activation_fn": "torch.nn.modules.linear.Identity"},
}
_READER: dict[str, object] = {"architectures": ["BertForQuestionAnswering"], "dtype": "float32"}
_HEAD_OF_READER = "qa_outputs.weight"
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt")


@dataclass(frozen=True, slots=True)
class AdapterSettings:
    """The content of ``adapter.json``.

    Attributes:
        base: The hub id of the base model.
        base_sha256: The sha256 of its weights.
        adapter_sha256: The sha256 of the adapter's weights.
        scale: The factor of each low-rank product.
        blend: The weight of the reranker against the first stage, chosen on training data; 1 for a reader.
        exits_sha256: The sha256 of the heads for early exits; None without them.
        reader: What ``bicross.json`` says of a reader; None for a reranker.
        calibration: The curve from the logits of a reranker to relevance, as a record; None without one.
    """

    base: str
    base_sha256: str
    adapter_sha256: str
    scale: float
    blend: float
    exits_sha256: str | None = None
    reader: Mapping[str, Any] | None = None
    calibration: Mapping[str, Any] | None = None

    @staticmethod
    def read(folder: Path) -> "AdapterSettings":
        """Read the settings from an adapter's folder. Raises ``ModelCorrupt`` if they cannot be used."""
        try:
            return AdapterSettings(**json.loads((folder / ADAPTER_SETTINGS).read_text(encoding="utf-8")))
        except (TypeError, ValueError) as error:
            raise ModelCorrupt(f"{folder / ADAPTER_SETTINGS} cannot be used: {error}") from error

    @staticmethod
    def of(
        folder: Path,
        *,
        base: str,
        base_folder: Path,
        scale: float,
        blend: float = 1.0,
        reader: Mapping[str, Any] | None = None,
    ) -> "AdapterSettings":
        """Make the settings for the files in an adapter's folder.

        Args:
            folder: The folder with the adapter's weights and, where there are any, its exits.
            base: The hub id of the base model.
            base_folder: The folder of the base model.
            scale: The factor of each low-rank product.
            blend: The weight of the reranker against the first stage.
            reader: For a reader, what ``bicross.json`` is going to say of it.
        """
        exits = folder / EXITS
        return AdapterSettings(
            base=base,
            base_sha256=sha256_of(base_folder / "model.safetensors"),
            adapter_sha256=sha256_of(folder / ADAPTER_WEIGHTS),
            scale=scale,
            blend=blend,
            exits_sha256=sha256_of(exits) if exits.is_file() else None,
            reader=reader,
        )

    def write(self, folder: Path) -> None:
        """Write ``adapter.json`` into an adapter's folder."""
        fields = asdict(self)
        for name in ("reader", "calibration"):
            if fields[name] is None:
                del fields[name]  # versions of before knew none
        (folder / ADAPTER_SETTINGS).write_text(json.dumps(fields, indent=2) + "\n", encoding="utf-8")


def cache_folder() -> Path:
    """The folder for merged models: ``BICROSS_CACHE``, else ``~/.cache/bicross``."""
    return Path(os.environ.get("BICROSS_CACHE") or Path.home() / ".cache" / "bicross")


def merged_model(adapter: Path, *, find_base: Callable[[str], Path]) -> Path:
    """Merge an adapter with its base model, once, in the cache.

    The folder is built under another name and then renamed, so it is complete or absent, also when several processes
    build it at the same time. An existing folder is verified, and built again if it is damaged.

    Args:
        adapter: The adapter's folder.
        find_base: Returns the folder of a model by its hub id.

    Returns:
        The folder of the merged model.

    Raises:
        ModelCorrupt: The adapter is damaged, or the base model has other weights than the adapter was trained on.
        ModelError: The cache cannot be written to.
    """
    settings = AdapterSettings.read(adapter)
    for name, sha256 in ((ADAPTER_WEIGHTS, settings.adapter_sha256), (EXITS, settings.exits_sha256)):
        if sha256 is not None and not _is(adapter / name, sha256):
            raise ModelCorrupt(f"{adapter / name} is damaged; install bicross again")
    # The name depends on everything that the content depends on, so a new adapter never gets an old merge.
    key = hashlib.sha256((adapter / ADAPTER_SETTINGS).read_bytes()).hexdigest()[:12]
    target = cache_folder() / "models" / f"{adapter.name}-{key}"
    if _is_whole(target):
        return target
    base = find_base(settings.base)
    if sha256_of(base / "model.safetensors") != settings.base_sha256:
        raise ModelCorrupt(
            f"{base} holds other weights of {settings.base} than {adapter.name} was trained on "
            f"(sha256 {settings.base_sha256})"
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as error:
        raise ModelError(
            f"{target.parent} cannot be written to ({error}); set BICROSS_CACHE to a folder that can"
        ) from error
    try:
        _build(building, base, adapter, settings)
        _put(building, target)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return target


def _build(folder: Path, base: Path, adapter: Path, settings: AdapterSettings) -> None:
    for name in _TOKENIZER_FILES:
        if (base / name).is_file():
            shutil.copyfile(base / name, folder / name)
    config = json.loads((base / "config.json").read_text(encoding="utf-8"))
    config |= _RERANKER if settings.reader is None else _READER
    (folder / "config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")
    weights = merge(load_file(base / "model.safetensors"), load_file(adapter / ADAPTER_WEIGHTS), settings.scale)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    kind = {"blend": settings.blend} if settings.reader is None else {"reader": settings.reader}
    model_settings: dict[str, object] = {**kind, "weights_sha256": sha256_of(folder / "model.safetensors")}
    if settings.calibration is not None:
        model_settings["calibration"] = settings.calibration
    if settings.exits_sha256 is not None:
        shutil.copyfile(adapter / EXITS, folder / EXITS)
        model_settings["exits"] = exits_entry(folder)
    (folder / MODEL_SETTINGS).write_text(json.dumps(model_settings), encoding="utf-8")


def merge(
    base: dict[str, NDArray[np.float32]], adapter: dict[str, NDArray[np.float16]], scale: float
) -> dict[str, NDArray[np.float32]]:
    """Apply an adapter to the parameters of a BertModel.

    Products are computed in float64, so the float32 result is the same on every machine except for rare last digits.

    Args:
        base: The parameters of the BertModel by name, float32.
        adapter: The tensors of ``adapter.safetensors`` by name, float16.
        scale: The factor of each low-rank product.

    Returns:
        The parameters of a BertForSequenceClassification or, with the head of a reader, of a BertForQuestionAnswering,
        by name, float32.
    """
    unused = ("position_ids", *(("pooler.dense.weight", "pooler.dense.bias") if _HEAD_OF_READER in adapter else ()))
    weights = {f"bert.{name}": value for name, value in base.items() if not name.endswith(unused)}
    for name, value in adapter.items():
        if name.endswith(".up"):
            continue
        if name.endswith(".down"):
            layer = name.removesuffix(".down")
            product = adapter[f"{layer}.up"].astype(np.float64) @ value.astype(np.float64)
            merged = weights[f"{layer}.weight"] + scale * product
            weights[f"{layer}.weight"] = np.ascontiguousarray(merged, dtype=np.float32)
        else:
            weights[name] = value.astype(np.float32)
    return weights


def _put(building: Path, target: Path) -> None:
    """Rename ``building`` to ``target``; if another process was faster, keep its folder, which is equal."""
    if target.exists() and not _is_whole(target):
        shutil.rmtree(target, ignore_errors=True)
    try:
        building.rename(target)
    except OSError:
        if not _is_whole(target):
            raise


def _is_whole(folder: Path) -> bool:
    try:
        settings = json.loads((folder / MODEL_SETTINGS).read_text(encoding="utf-8"))
        exits = settings.get("exits")
        return _is(folder / "model.safetensors", settings["weights_sha256"]) and (
            exits is None or _is(folder / EXITS, exits["sha256"])
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _is(path: Path, sha256: str) -> bool:
    return path.is_file() and sha256_of(path) == sha256
