"""What the classes of transformers make of ``tokenizer.json``: some take no more of it than the vocabulary."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

PLAIN = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
"""The properties of most special tokens."""
_BERT_TOKENS = {
    "unk_token": "[UNK]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
    "cls_token": "[CLS]",
    "mask_token": "[MASK]",
}
_XLM_TOKENS = {
    "bos_token": "<s>",
    "eos_token": "</s>",
    "sep_token": "</s>",
    "cls_token": "<s>",
    "unk_token": "<unk>",
    "pad_token": "<pad>",
    "mask_token": "<mask>",
}
_XLM_UNKNOWN = 3
"""The row of the unknown token in the vocabulary, whatever the file says."""
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TokenizerClass:
    """A class of transformers.

    Attributes:
        inputs: The inputs of the models that it is made for.
        make: Takes ``tokenizer.json`` and ``tokenizer_config.json``; returns what the class makes of the former, the
            same object if that is all of it, None if it is not known.
    """

    inputs: tuple[str, ...]
    make: Callable[[Json, Json], Json | None] = lambda serialised, _: serialised


def class_named(name: object) -> TokenizerClass | None:
    """The class of that name; None if it is not known here."""
    return _CLASSES.get(name.removesuffix("Fast")) if isinstance(name, str) else None


def _bert(serialised: Json, settings: Json) -> Json | None:
    """BertTokenizer: the file, if it holds what the class makes of its vocabulary and the settings."""
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
    fixed_fields = {"unk_token": names["unk_token"], "continuing_subword_prefix": "##", "max_input_chars_per_word": 100}
    added: list[dict[str, Any]] = serialised.get("added_tokens") or []
    same = (
        serialised.get("normalizer") == normalizer
        and serialised.get("pre_tokenizer") == {"type": "BertPreTokenizer"}
        and all(model.get(key) == value for key, value in fixed_fields.items())
        and model.get("type", "WordPiece") == "WordPiece"
        and {token["content"] for token in added} == set(names.values())
        and all(
            token == {"id": vocabulary.get(token["content"]), "content": token["content"], **PLAIN} for token in added
        )
        and serialised.get("post_processor")
        == _template(names["cls_token"], [names["sep_token"]], vocabulary, types=True)
    )
    return serialised if same else None


def _xlm_roberta(serialised: Json, settings: Json) -> Json | None:
    """XLMRobertaTokenizer: vocabulary, table of characters and added tokens of the file, the rest always the same."""
    names = {name: settings.get(name, default) for name, default in _XLM_TOKENS.items()}
    model: Json = serialised.get("model") or {}
    rows: list[tuple[str, float]] = model.get("vocab") or []
    vocabulary = {str(row[0]): number for number, row in enumerate(rows)}
    added: list[Json] = serialised.get("added_tokens") or []
    prefixed = settings.get("add_prefix_space", True)
    contents = [token["content"] for token in added]
    if (
        model.get("type") != "Unigram"
        or not isinstance(prefixed, bool)
        or set(contents) != set(names.values())
        or any(token["id"] != vocabulary.get(token["content"]) for token in added)
        or not _lists_all(added, settings)
    ):
        return None
    scheme = "always" if prefixed else "never"
    spaces = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": True}
    made = {
        "normalizer": _table_of_characters(serialised),
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, spaces]},
        "post_processor": _template(names["bos_token"], [names["eos_token"]] * 2, vocabulary, types=False),
        "model": model | {"unk_id": _XLM_UNKNOWN, "byte_fallback": False},
    }
    return serialised if made.items() <= serialised.items() else serialised | made


def _lists_all(added: list[Json], settings: Json) -> bool:
    """Whether the settings list all added tokens, or none, for which the class takes those of the file."""
    listed: Json = settings.get("added_tokens_decoder") or {}
    return "added_tokens_decoder" not in settings or len(listed) == len(added)


def _table_of_characters(serialised: Json) -> Json | None:
    """The first table that replaces characters, alone or in a sequence."""
    normalizer: Json = serialised.get("normalizer") or {}
    steps: list[Json] = normalizer["normalizers"] if normalizer.get("type") == "Sequence" else [normalizer]
    return next((step for step in steps if step.get("type") == "Precompiled"), None)


def _template(start: str, ends: list[str], vocabulary: Mapping[str, int], *, types: bool) -> Json:
    """Special tokens around texts: a start, one end after a single text, all of ``ends`` after the first of two.

    Args:
        start: The token before the first text.
        ends: The tokens after the first of two texts; the first of them is after each text.
        vocabulary: The ids of the tokens.
        types: Whether the second text and what follows have the type 1.
    """

    def special(token: str, kind: int) -> Json:
        return {"SpecialToken": {"id": token, "type_id": kind}}

    end, second = ends[0], int(types)
    single = [special(start, 0), {"Sequence": {"id": "A", "type_id": 0}}, special(end, 0)]
    more = [*(special(token, 0) for token in ends[1:]), {"Sequence": {"id": "B", "type_id": second}}]
    return {
        "type": "TemplateProcessing",
        "single": single,
        "pair": [*single, *more, special(end, second)],
        "special_tokens": {
            token: {"id": token, "ids": [vocabulary.get(token)], "tokens": [token]} for token in (start, end)
        },
    }


_BERT = TokenizerClass(("input_ids", "token_type_ids", "attention_mask"), _bert)
_CLASSES: Mapping[str, TokenizerClass] = {
    "BertTokenizer": _BERT,
    "DistilBertTokenizer": TokenizerClass(("input_ids", "attention_mask"), _bert),
    "ElectraTokenizer": _BERT,
    "XLMRobertaTokenizer": TokenizerClass(("input_ids", "attention_mask"), _xlm_roberta),
}
