"""Opens encoders and rerankers without transformers, whose import takes longer than all the rest of a search.

A folder that has anything unusual is left to transformers and sentence-transformers, which know what it means: an
unknown architecture or module, a setting that is missing or not known here, tensors that are missing or too many. Only
what is understood in full is opened here, and gives the same numbers.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file  # pyright: ignore[reportUnknownVariableType]
from torch import Tensor, nn

from ..checkpoints import read_modules, read_settings
from ..tokenizer import TextTokenizer
from .models import DirectModel, Normalize, Pooling, Transformer
from .skeletons import MODEL_TYPES, REQUIRED, Skeleton, base_model, classifier
from .tokenizer_files import DirectTokenizer, direct_tokenizer

_MODES = {"pooling_mode_cls_token": "cls", "pooling_mode_mean_tokens": "mean"}
_TASKS = {
    "feature-extraction": ("last_hidden_state", "token_embeddings"),
    "sequence-classification": ("logits", "scores"),
}
_ENCODER_PROMPTS = {"query": "", "document": ""}
"""The prompts that sentence-transformers has for every encoder."""


def direct_encoder(folder: Path, device: str | None) -> DirectModel | None:
    """Open an encoder: a transformer, pooling by the first token or the mean, and perhaps a norm.

    Args:
        folder: A folder that ``resolve_model`` returned.
        device: A torch device; None takes CUDA, then the CPU.

    Returns:
        The model in float32; None if it has to be opened by sentence-transformers.
    """
    settings = read_settings(folder / "config_sentence_transformers.json")
    modules = [(_kind(module["type"]), folder / module["path"]) for module in read_modules(folder)]
    kinds, paths = [kind for kind, _ in modules], [path for _, path in modules]
    if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        return None
    if settings.get("model_type", "SentenceTransformer") != "SentenceTransformer":
        return None
    pooling = _pooling(read_settings(paths[1] / "config.json"))
    if pooling is None or settings.get("truncate_dim") is not None or not _plain_norms(paths[2:]):
        return None
    transformer = _transformer(paths[0], "feature-extraction", device)
    later = [pooling, *(Normalize() for _ in paths[2:])]
    return None if transformer is None else _model([transformer, *later], settings, _ENCODER_PROMPTS)


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
    return (
        None if own is None or not _is_known(config) else direct_tokenizer(location, config, own.get("max_seq_length"))
    )


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
    if settings is None or where is None or not _is_known(config) or settings.get("transformer_task", task) != task:
        return None
    tokenizer, tensors = direct_tokenizer(folder, config, settings.get("max_seq_length")), _tensors(folder)
    if tokenizer is None or tensors is None:
        return None
    is_base = task == "feature-extraction"
    TextTokenizer.of(tokenizer, pairs=not is_base)  # raises if the engine cannot run with it
    with torch.device("meta"):
        model = base_model(config, pooler=False) if is_base else classifier(config)
    if model is None or not _fill(model, tensors, is_base=is_base):
        return None
    return Transformer(model.eval().to(where), tokenizer)


def _fill(model: Skeleton, tensors: dict[str, Tensor], *, is_base: bool) -> bool:
    """Put tensors into a model. Returns False if they are not exactly its parameters."""
    expected = {name: parameter.shape for name, parameter in model.named_parameters()}
    given = {name: tensor for name, tensor in tensors.items() if not _is_ignored(name, is_base=is_base)}
    if {name: tensor.shape for name, tensor in given.items()} != expected:
        return False
    # Copies: the file may change while the model is in use.
    model.load_state_dict({name: tensor.to(torch.float32, copy=True) for name, tensor in given.items()}, assign=True)
    return True


def _is_ignored(name: str, *, is_base: bool) -> bool:
    """Whether transformers does not use a tensor: an old buffer, or the pooler of an encoder."""
    return name.endswith("embeddings.position_ids") or (is_base and name.startswith("pooler."))


def _tensors(folder: Path) -> dict[str, Tensor] | None:
    """The tensors of a folder with one file of weights, mapped into memory."""
    path = folder / "model.safetensors"
    if not path.is_file() or (folder / "adapter_config.json").is_file():
        return None
    try:
        return load_file(path)
    except (SafetensorError, OSError):
        return None


def _is_known(config: Mapping[str, Any]) -> bool:
    """Whether a config has all that is needed, and nothing that makes another model of it."""
    numbers = [config.get(name) for name in REQUIRED if name != "hidden_act"]
    sound = all(isinstance(number, int | float) and number >= 0 for number in numbers)
    return (
        sound
        and config.get("model_type") in MODEL_TYPES
        and (config["model_type"] != "electra" or isinstance(config.get("embedding_size"), int))
        and isinstance(config.get("hidden_act"), str)
        and config["hidden_size"] % max(1, config["num_attention_heads"]) == 0
        and not any(
            config.get(name) for name in ("is_decoder", "add_cross_attention", "auto_map", "quantization_config")
        )
        and config.get("position_embedding_type", "absolute") == "absolute"
    )


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


def _pooling(settings: dict[str, Any]) -> Pooling | None:
    """The pooling that settings of sentence-transformers name, old or new; None if it is not known here."""
    mode = settings.get("pooling_mode")
    if mode is None:
        named = [name for name, value in settings.items() if name.startswith("pooling_mode_") and value]
        mode = _MODES.get(named[0]) if len(named) == 1 else None
    if not isinstance(mode, str) or mode not in _MODES.values() or settings.get("include_prompt", True) is not True:
        return None
    return Pooling(mode)


def _plain_norms(paths: list[Path]) -> bool:
    """Whether norms take and give the vectors of texts."""
    return all(set(read_settings(path / "config.json").values()) <= {"sentence_embedding"} for path in paths)


def _device(device: str | None) -> str | None:
    """The device that sentence-transformers would take; None if it has to say so itself."""
    if device is not None:
        return device if torch.device(device).type in ("cpu", "cuda") else None
    if torch.cuda.is_available():
        return "cuda"
    return None if torch.backends.mps.is_available() or torch.accelerator.is_available() else "cpu"
