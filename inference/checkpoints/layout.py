"""Where the parts of a model folder are: JSON settings, the modules of sentence-transformers, their transformers."""

import json
from pathlib import Path
from typing import Any, cast

from ...errors import ModelError

MODULES = "modules.json"
TRANSFORMER_SETTINGS = (
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_distilbert_config.json",
    "sentence_camembert_config.json",
    "sentence_albert_config.json",
    "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json",
)
"""The names under which sentence-transformers looks for the settings of a transformer, in its order."""


def read_settings(path: Path) -> dict[str, Any]:
    """Read a JSON object from a file.

    Args:
        path: The file.

    Returns:
        The object; empty if there is no such file.

    Raises:
        ModelError: The file holds something else.
    """
    if not path.is_file():
        return {}
    try:
        fields: object = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{path} is not JSON: {error}; save the model again") from error
    if not isinstance(fields, dict):
        raise ModelError(f"{path} must hold a JSON object, not {fields!r:.80}; save the model again")
    return cast("dict[str, Any]", fields)


def read_modules(folder: Path) -> list[dict[str, str]]:
    """Read the modules of sentence-transformers, in their order.

    Args:
        folder: A model folder.

    Returns:
        For each module its ``name``, ``type`` and ``path``; empty without ``modules.json``.

    Raises:
        ModelError: ``modules.json`` cannot be used.
    """
    path = folder / MODULES
    if not path.is_file():
        return []
    try:
        modules: object = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{path} is not JSON: {error}; save the model again") from error
    if not isinstance(modules, list) or not all(_is_module(module) for module in cast("list[object]", modules)):
        raise ModelError(f"{path} must list modules with a name, a type and a path; save the model again")
    return cast("list[dict[str, str]]", modules)


def transformer_folder(folder: Path, name: str) -> Path:
    """Find the folder from which sentence-transformers loaded a transformer.

    Args:
        folder: The model folder.
        name: The name of its module in the model: ``"0"``, or ``"0.sub_modules.query.0"`` inside of a Router.

    Returns:
        The folder of its ``config.json``.
    """
    paths = {module["name"]: folder / module["path"] for module in read_modules(folder)}
    first, *attributes = name.split(".")
    location = paths.get(first, folder)
    if len(attributes) >= 3 and attributes[0] == "sub_modules":
        structure = read_settings(location / "router_config.json").get("structure", {})
        return location / structure[attributes[1]][int(attributes[2])]
    return location


def _is_module(module: object) -> bool:
    keys = ("name", "type", "path")
    return isinstance(module, dict) and all(isinstance(cast("dict[str, object]", module).get(key), str) for key in keys)
