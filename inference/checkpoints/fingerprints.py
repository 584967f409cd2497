"""Hashes of what vectors and scores depend on besides the weights: settings and tokenizer files."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from .layout import MODULES, TRANSFORMER_SETTINGS, read_modules, read_settings, transformer_folder

_TOKENIZERS = ("tokenizer.json", "vocab.txt")
"""The files of which the first is the tokenizer of a folder, where there is one."""
_OTHER_TOKENIZERS = ("*.model", "vocab.json", "merges.txt", "bpe.codes", "tekken.json", "*.tiktoken")
_VOLATILE = {
    "_commit_hash",
    "_name_or_path",
    "__version__",
    "architectures",
    "dtype",
    "gradient_checkpointing",
    "id2label",
    "label2id",
    "name_or_path",
    "similarity_fn_name",
    "torch_dtype",
    "transformers_version",
    "use_cache",
}
"""Fields that change with the version that saved a model, or that bicross does not use."""
_OF_TOKENIZERS = {
    "add_bos_token",
    "add_eos_token",
    "add_prefix_space",
    "chat_template",
    "do_lower_case",
    "strip_accents",
    "tokenize_chinese_chars",
    "tokenizer_class",
    "truncation_side",
}
"""The fields of ``tokenizer_config.json`` that token ids depend on."""
_TEMPLATES = ("chat_template.jinja", "chat_template.json", "additional_chat_templates/*.jinja")


def tokenizer_files(folder: Path) -> list[Path]:
    """Find the files that a tokenizer is made of.

    Args:
        folder: A model folder in any layout.

    Returns:
        ``tokenizer.json``, else ``vocab.txt``, else the files of SentencePiece and of byte pairs; in the folder itself,
        else in that of its first module.
    """
    modules = read_modules(folder)
    for location in (folder, *([transformer_folder(folder, modules[0]["name"])] if modules else [])):
        whole = [location / name for name in _TOKENIZERS if (location / name).is_file()][:1]
        parts = whole or sorted(path for pattern in _OTHER_TOKENIZERS for path in location.glob(pattern))
        if parts:
            return parts
    return sorted(path for name in (*_TOKENIZERS, *_OTHER_TOKENIZERS) for path in folder.rglob(name))


def settings_sha256(folder: Path) -> str:
    """Hash the settings of a model that its vectors and scores depend on.

    These are the settings of transformers and of each module of sentence-transformers, prompts, chat templates, and how
    the tokenizer treats case and length. Fields that only tell who saved the model are left out.

    Args:
        folder: A model folder.

    Returns:
        The sha256 in hex.

    Raises:
        ModelError: A settings file cannot be read.
    """
    paths = [folder / "config_sentence_transformers.json", *folder.rglob("config.json")]
    paths += folder.rglob("router_config.json")
    paths += [path for name in TRANSFORMER_SETTINGS for path in folder.rglob(name)]
    settings: dict[str, Any] = {
        path.relative_to(folder).as_posix(): _kept(read_settings(path)) for path in paths if _is_of_model(path, folder)
    }
    for path in folder.rglob("tokenizer_config.json"):
        fields = read_settings(path)
        settings[path.relative_to(folder).as_posix()] = {key: fields[key] for key in _OF_TOKENIZERS & fields.keys()}
    for path in (path for pattern in _TEMPLATES for path in folder.rglob(pattern)):
        settings[path.relative_to(folder).as_posix()] = path.read_text(encoding="utf-8", errors="replace")
    settings[MODULES] = [(module["type"].rpartition(".")[2], module["path"]) for module in read_modules(folder)]
    canonical = json.dumps(settings, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def has_prompts(folder: Path) -> bool:
    """Tell whether a model puts more than special tokens around texts, or more than a transformer computes its result.

    Prompts, a chat template, or modules after the transformer: fingerprints of before did not depend on these.
    """
    prompts: dict[str, Any] = read_settings(folder / "config_sentence_transformers.json").get("prompts") or {}
    templates = any(next(folder.rglob(pattern), None) for pattern in _TEMPLATES)
    templated = any(read_settings(path).get("chat_template") for path in folder.rglob("tokenizer_config.json"))
    return any(prompts.values()) or templates or templated or len(read_modules(folder)) > 1


def _is_of_model(path: Path, folder: Path) -> bool:
    inside = path.relative_to(folder).parts[:-1]
    return path.is_file() and not any(part.startswith((".", "onnx", "openvino", "checkpoint")) for part in inside)


def _kept(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The settings without volatile fields, at any depth."""
    return {
        key: _kept(cast("dict[str, Any]", value)) if isinstance(value, dict) else value
        for key, value in fields.items()
        if key not in _VOLATILE
    }
