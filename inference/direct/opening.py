"""Opens encoders and rerankers without transformers, whose import takes longer than all the rest of a search.

A folder that has anything unusual is left to transformers and sentence-transformers, which know what it means: an
unknown architecture or module, a setting that is missing or not known here, tensors that are missing or too many. Only
what is understood in full is opened here, and gives the same numbers.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..checkpoints import read_modules, read_settings
from ..tokenizer import TextTokenizer
from .families import family_of
from .models import DirectModel, Transformer
from .module_files import later_modules
from .skeletons import classifier
from .tokenizer_files import DirectTokenizer, direct_tokenizer
from .weights import fill, read_tensors

_TASKS = {
    "feature-extraction": ("last_hidden_state", "token_embeddings"),
    "sequence-classification": ("logits", "scores"),
}
_ENCODER_PROMPTS = {"query": "", "document": ""}
"""The prompts that sentence-transformers has for every encoder."""


def direct_encoder(folder: Path, device: str | None) -> DirectModel | None:
    """Open an encoder: a transformer, pooling, and perhaps dense layers and norms.

    Args:
        folder: A folder that ``resolve_model`` returned.
        device: A torch device; None takes CUDA, then the CPU.

    Returns:
        The model in float32; None if it has to be opened by sentence-transformers.
    """
    settings = read_settings(folder / "config_sentence_transformers.json")
    modules = [(_kind(module["type"]), folder / module["path"]) for module in read_modules(folder)]
    kinds, paths = [kind for kind, _ in modules], [path for _, path in modules]
    if kinds[:1] != ["Transformer"] or settings.get("model_type", "SentenceTransformer") != "SentenceTransformer":
        return None
    if settings.get("truncate_dim") is not None:
        return None
    transformer = _transformer(paths[0], "feature-extraction", device)
    later = transformer and later_modules(kinds[1:], paths[1:], transformer.model.width)
    if transformer is None or later is None:
        return None
    later = [module.to(transformer.model.device) for module in later]
    return _model([transformer, *later], settings, _ENCODER_PROMPTS)


def direct_reranker(folder: Path, device: str | None) -> DirectModel | None:
    """Open a reranker: a sequence classifier.

    Args:
        folder: A folder that ``resolve_model`` returned.
        device: A torch device; None takes CUDA, then the CPU.

    Returns:
        The model in float32; None if it has to be opened by sentence-transformers.
    """
    modules, settings = read_modules(folder), read_settings(folder / "config_sentence_transformers.json")
    if modules:
        kinds = [_kind(module["type"]) for module in modules]
        plain = kinds == ["Transformer"] and settings.get("model_type") == "CrossEncoder"
    else:
        plain = not settings and not _settings_files(folder)
    location = folder / modules[0]["path"] if modules else folder
    transformer = _transformer(location, "sequence-classification", device) if plain else None
    return None if transformer is None else _model([transformer], settings, {})


def read_tokenizer(folder: Path) -> DirectTokenizer | None:
    """Read the tokenizer of a model folder, as the functions above do."""
    modules = read_modules(folder)
    location = folder / modules[0]["path"] if modules else folder
    config, own = read_settings(location / "config.json"), _own_settings(location)
    if own is None or family_of(config) is None:
        return None
    return direct_tokenizer(location, config, own.get("max_seq_length"))


def _kind(module_type: str) -> str:
    """The class of a module of sentence-transformers; of others, which bring their own code, the whole name."""
    return module_type.rpartition(".")[2] if module_type.startswith("sentence_transformers.") else module_type


def _model(parts: list[nn.Module], settings: Mapping[str, Any], prompts: Mapping[str, str]) -> DirectModel | None:
    given: dict[str, Any] = settings.get("prompts") or {}
    own, named = {**prompts, **given}, settings.get("default_prompt_name")
    if not all(isinstance(prompt, str | None) for prompt in own.values()) or named not in (None, *own):
        return None
    return DirectModel(parts, {name: prompt or "" for name, prompt in own.items()}, named)


def _transformer(folder: Path, task: str, device: str | None) -> Transformer | None:
    config, settings, where = read_settings(folder / "config.json"), _own_settings(folder), _device(device)
    family = family_of(config)
    if settings is None or where is None or family is None or settings.get("transformer_task", task) != task:
        return None
    tokenizer, tensors = direct_tokenizer(folder, config, settings.get("max_seq_length")), read_tensors(folder)
    if tokenizer is None or tensors is None:
        return None
    is_base = task == "feature-extraction"
    TextTokenizer.of(tokenizer, pairs=not is_base)  # raises if the engine cannot run with it
    with torch.device("meta"):
        model = family.base(config) if is_base else classifier(family, config)
    if model is None or not fill(model, tensors, ignored=partial(_is_ignored, is_base=is_base)):
        return None
    return Transformer(model.eval().to(where), tokenizer)


def _is_ignored(name: str, *, is_base: bool) -> bool:
    """Whether transformers does not use a tensor: an old buffer, or the pooler of an encoder."""
    return name.endswith("embeddings.position_ids") or (is_base and name.startswith("pooler."))


def _own_settings(folder: Path) -> dict[str, Any] | None:
    """The settings of a Transformer of sentence-transformers; None if they do more than limit the tokens."""
    if _settings_files(folder) not in ([], ["sentence_bert_config.json"]):
        return None
    settings = read_settings(folder / "sentence_bert_config.json")
    given = {name: value for name, value in settings.items() if value not in (None, False, {})}
    output, name = _TASKS.get(given.pop("transformer_task", "feature-extraction"), (None, None))
    plain = {"text": {"method": "forward", "method_output_name": output}}
    if given.pop("modality_config", plain) != plain or given.pop("module_output_name", name) != name:
        return None
    limit = given.pop("max_seq_length", None)
    if given or not (limit is None or (isinstance(limit, int) and limit > 0)):
        return None
    return {"max_seq_length": limit} | {key: settings[key] for key in ("transformer_task",) if key in settings}


def _settings_files(folder: Path) -> list[str]:
    """The files in which sentence-transformers looks for the settings of a Transformer."""
    return [path.name for path in folder.glob("sentence_*_config.json")]


def _device(device: str | None) -> str | None:
    """The device that sentence-transformers would take; None if it has to say so itself."""
    if device is not None:
        return device if torch.device(device).type in ("cpu", "cuda") else None
    if torch.cuda.is_available():
        return "cuda"
    return None if torch.backends.mps.is_available() or torch.accelerator.is_available() else "cpu"
