"""Reads tokenizers from ``tokenizer.json``, where transformers would make the same of it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from tokenizers import Tokenizer

from ..checkpoints import read_settings
from .tokenizer_classes import PLAIN, TokenizerClass, class_named

_AS_THEY_ARE = ("PreTrainedTokenizerFast", "TokenizersBackend")
"""Classes of transformers that take ``tokenizer.json`` as it is."""
_WHATEVER_CLASS = ("modernbert",)
"""Model types for which transformers takes it as it is, whatever the class."""
_NAMED = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
_CHANGES = ("add_bos_token", "add_eos_token", "split_special_tokens")
_ADDITIONS = ("chat_template", "extra_special_tokens", "additional_special_tokens")
"""Settings that change the tokenizer, the former whatever their value."""
_ALL_INPUTS = ("input_ids", "token_type_ids", "attention_mask")


class DirectTokenizer:
    """What bicross uses of a tokenizer of transformers.

    Attributes:
        backend_tokenizer: The tokenizer of the tokenizers library.
        model_input_names: The inputs of the model.
        model_max_length: The most tokens of an input.
        truncation_side: The side on which texts are cut.
    """

    def __init__(self, backend: Any, *, names: Sequence[str], limit: int, truncation_side: str) -> None:  # noqa: ANN401
        self.backend_tokenizer = backend
        self.model_input_names = list(names)
        self.model_max_length, self.truncation_side = limit, truncation_side

    def num_special_tokens_to_add(self, *, pair: bool) -> int:
        """The number of special tokens around one text, or around a pair."""
        return int(self.backend_tokenizer.num_special_tokens_to_add(pair))

    def __call__(self, texts: list[str], **_: object) -> dict[str, list[list[int]]]:
        """The token ids of texts, without special tokens and uncut."""
        encoded = self.backend_tokenizer.encode_batch(texts, add_special_tokens=False)
        return {"input_ids": [encoding.ids for encoding in encoded]}


def direct_tokenizer(folder: Path, config: Mapping[str, Any], limit: int | None) -> DirectTokenizer | None:
    """Read the tokenizer of a folder.

    Args:
        folder: The folder of ``tokenizer.json``.
        config: The fields of ``config.json``.
        limit: The most tokens of an input, if sentence-transformers has settings for that.

    Returns:
        The tokenizer; None if transformers might make another one of these files.

    Raises:
        ModelError: ``tokenizer_config.json`` is not JSON.
    """
    path, settings = folder / "tokenizer.json", _settings(folder)
    name = settings.get("tokenizer_class")
    as_it_is = config["model_type"] in _WHATEVER_CLASS or name in _AS_THEY_ARE
    kind = TokenizerClass(_ALL_INPUTS) if as_it_is else class_named(name)
    own_tokens = any(key.endswith("_token") and key not in _NAMED for key in settings)
    changed = own_tokens or settings.keys() & set(_CHANGES) or any(settings.get(name) for name in _ADDITIONS)
    more = [name for name in ("chat_template.jinja", "added_tokens.json") if (folder / name).is_file()]
    if not path.is_file() or changed or more or kind is None:
        return None
    serialised: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    truncation: dict[str, Any] = serialised.get("truncation") or {}
    if truncation.get("direction", "Right") != "Right" or not _has_named_tokens(settings, serialised):
        return None
    if _highest_id(serialised) >= config["vocab_size"]:  # transformers would fail at the first text with that token
        return None
    made = kind.make(serialised, settings)
    if made is None or made.get("post_processor") is None:  # transformers would make one
        return None
    backend = Tokenizer.from_file(str(path)) if made is serialised else Tokenizer.from_str(json.dumps(made))
    backend.no_truncation()
    backend.no_padding()
    positions, own = int(config["max_position_embeddings"]), settings.get("model_max_length")
    return DirectTokenizer(
        backend,
        names=settings.get("model_input_names") or kind.inputs,
        limit=limit or min(positions, int(own or positions)),
        truncation_side=settings.get("truncation_side", "right"),
    )


def _settings(folder: Path) -> dict[str, Any]:
    """The settings of a tokenizer; a token that is written with its properties is its text alone.

    Old folders name the tokens in another file, which transformers passes over if the settings list all of them.
    """
    settings, old = read_settings(folder / "tokenizer_config.json"), dict[str, Any]()
    if "added_tokens_decoder" not in settings:
        old = read_settings(folder / "special_tokens_map.json")
    texts = {name: settings[name]["content"] for name in _NAMED if _is_written_out(settings.get(name))}
    texts |= {name: value["content"] if isinstance(value, dict) else value for name, value in old.items()}
    return settings | texts


def _highest_id(serialised: dict[str, Any]) -> int:
    """The highest token id. The vocabulary is a list in order, or has the id of each token."""
    vocabulary: list[Any] | dict[str, int] = serialised["model"]["vocab"]
    words = max(vocabulary.values(), default=-1) if isinstance(vocabulary, dict) else len(vocabulary) - 1
    added: list[dict[str, int]] = serialised.get("added_tokens") or []
    return max([words, *(token["id"] for token in added)])


def _is_written_out(token: object) -> bool:
    return isinstance(token, dict) and cast("dict[str, object]", token).get("__type") == "AddedToken"


def _has_named_tokens(settings: dict[str, Any], serialised: dict[str, Any]) -> bool:
    """Whether ``tokenizer.json`` holds all tokens that the settings name, so that transformers has none to add."""
    added: list[dict[str, Any]] = serialised.get("added_tokens") or []
    by_id = {str(token["id"]): {key: token[key] for key in ("content", *PLAIN)} for token in added}
    contents = {token["content"] for token in added if token["special"]}
    named = [settings[name] for name in _NAMED if settings.get(name)]
    if not all(isinstance(name, str) and name in contents for name in named):
        return False
    listed: dict[str, dict[str, Any]] = settings.get("added_tokens_decoder") or {}
    return all(by_id.get(number) == token for number, token in listed.items())
