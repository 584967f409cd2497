"""Reads tokenizers from ``tokenizer.json``, where transformers would make the same of it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from tokenizers import Tokenizer

from ..checkpoints import read_settings

_AS_THEY_ARE = ("PreTrainedTokenizerFast", "TokenizersBackend")
"""Classes of transformers that take ``tokenizer.json`` as it is."""
_MOST_TOKENS = 100_000
"""transformers patches some tokenizers with more tokens than this."""
_NAMED = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
_CHANGES = ("add_bos_token", "add_eos_token", "split_special_tokens")
_ADDITIONS = ("chat_template", "extra_special_tokens", "additional_special_tokens")
"""Settings that change the tokenizer, the former whatever their value."""
_PLAIN = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}


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
    path, settings = folder / "tokenizer.json", read_settings(folder / "tokenizer_config.json")
    kind = settings.get("tokenizer_class")
    changed = settings.keys() & set(_CHANGES) or any(settings.get(name) for name in _ADDITIONS)
    more = [name for name in ("chat_template.jinja", "added_tokens.json") if (folder / name).is_file()]
    if not path.is_file() or changed or more:
        return None
    serialised: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    backend = Tokenizer.from_file(str(path))
    truncation: dict[str, Any] = serialised.get("truncation") or {}
    if truncation.get("direction", "Right") != "Right":
        return None
    if not _has_named_tokens(settings, serialised) or backend.get_vocab_size(with_added_tokens=True) > _MOST_TOKENS:
        return None
    if kind not in _AS_THEY_ARE and not (config["model_type"] == "bert" and _is_berts(serialised, settings)):
        return None
    backend.no_truncation()
    backend.no_padding()
    positions, own = int(config["max_position_embeddings"]), settings.get("model_max_length")
    return DirectTokenizer(
        backend,
        names=settings.get("model_input_names") or ("input_ids", "token_type_ids", "attention_mask"),
        limit=limit or min(positions, int(own or positions)),
        truncation_side=settings.get("truncation_side", "right"),
    )


def _has_named_tokens(settings: dict[str, Any], serialised: dict[str, Any]) -> bool:
    """Whether ``tokenizer.json`` holds all tokens that the settings name, so that transformers has none to add."""
    added: list[dict[str, Any]] = serialised.get("added_tokens") or []
    by_id = {str(token["id"]): {key: token[key] for key in ("content", *_PLAIN)} for token in added}
    contents = {token["content"] for token in added if token["special"]}
    named = [settings[name] for name in _NAMED if settings.get(name)]
    if not all(isinstance(name, str) and name in contents for name in named):
        return False
    listed: dict[str, dict[str, Any]] = settings.get("added_tokens_decoder") or {}
    return all(by_id.get(number) == token for number, token in listed.items())


def _is_berts(serialised: dict[str, Any], settings: dict[str, Any]) -> bool:
    """Whether the file holds what the class BertTokenizer of transformers makes of its vocabulary and settings."""
    if settings.get("tokenizer_class") not in ("BertTokenizer", "BertTokenizerFast"):
        return False
    names = {name: settings.get(name, default) for name, default in _BERT_TOKENS.items()}
    model = cast("dict[str, Any]", serialised.get("model") or {})
    vocabulary: dict[str, int] = model.get("vocab") or {}
    normalizer = {
        "type": "BertNormalizer",
        "clean_text": True,
        "handle_chinese_chars": settings.get("tokenize_chinese_chars", True),
        "strip_accents": settings.get("strip_accents"),
        "lowercase": settings.get("do_lower_case", True),
    }
    rest = {"unk_token": names["unk_token"], "continuing_subword_prefix": "##", "max_input_chars_per_word": 100}
    added: list[dict[str, Any]] = serialised.get("added_tokens") or []
    return (
        serialised.get("normalizer") == normalizer
        and serialised.get("pre_tokenizer") == {"type": "BertPreTokenizer"}
        and all(model.get(key) == value for key, value in rest.items())
        and model.get("type", "WordPiece") == "WordPiece"
        and {token["content"] for token in added} == set(names.values())
        and all(
            token == {"id": vocabulary.get(token["content"]), "content": token["content"], **_PLAIN} for token in added
        )
        and _has_berts_template(serialised, names, vocabulary)
    )


def _has_berts_template(serialised: dict[str, Any], names: dict[str, str], vocabulary: dict[str, int]) -> bool:
    """Whether special tokens are put around texts as BERT has them."""
    start, end = names["cls_token"], names["sep_token"]

    def special(token: str, kind: int) -> dict[str, Any]:
        return {"SpecialToken": {"id": token, "type_id": kind}}

    first, second = ({"Sequence": {"id": name, "type_id": kind}} for kind, name in enumerate("AB"))
    single = [special(start, 0), first, special(end, 0)]
    return serialised.get("post_processor") == {
        "type": "TemplateProcessing",
        "single": single,
        "pair": [*single, second, special(end, 1)],
        "special_tokens": {
            token: {"id": token, "ids": [vocabulary.get(token)], "tokens": [token]} for token in (start, end)
        },
    }


_BERT_TOKENS = {
    "unk_token": "[UNK]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
    "cls_token": "[CLS]",
    "mask_token": "[MASK]",
}
