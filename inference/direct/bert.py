"""BERT, ELECTRA, RoBERTa, XLM-RoBERTa and CamemBERT."""

from functools import partial
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from .skeletons import (
    ACTIVATIONS,
    Classifier,
    Config,
    Embedding,
    Family,
    Linear,
    Parts,
    Skeleton,
    assembled,
    has_numbers,
    is_plain,
)

_NUMBERS = (
    "hidden_size",
    "intermediate_size",
    "layer_norm_eps",
    "max_position_embeddings",
    "num_attention_heads",
    "num_hidden_layers",
    "pad_token_id",
    "type_vocab_size",
    "vocab_size",
)
"""Fields of ``config.json`` that must be there: what a missing one means is known to transformers alone."""


class _Embeddings(nn.Module):
    def forward(self, input_ids: Tensor, token_type_ids: Tensor, position_ids: Tensor) -> Tensor:
        part: Any = self
        x = part.word_embeddings(input_ids) + part.token_type_embeddings(token_type_ids)
        return part.LayerNorm(x + part.position_embeddings(position_ids))


class _Pooler(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        part: Any = self
        return part.dense(x[:, 0]).tanh()


class _TanhHead(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        part: Any = self
        return part.out_proj(torch.tanh(part.dense(x[:, 0, :])))


class _GeluHead(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        part: Any = self
        return part.out_proj(nn.functional.gelu(part.dense(x[:, 0, :])))


def _understands(config: Config) -> bool:
    return (
        is_plain(config)
        and has_numbers(config, _NUMBERS)
        and (config["model_type"] != "electra" or isinstance(config.get("embedding_size"), int))
        and config.get("hidden_act") in ACTIVATIONS
        and config["hidden_size"] % max(1, config["num_attention_heads"]) == 0
    )


def _base(config: Config, *, pooler: bool = False) -> Skeleton:
    fields = SimpleNamespace(**config)
    width, narrow = fields.hidden_size, config.get("embedding_size", fields.hidden_size)
    # RoBERTa and its relatives reserve the first rows of the table for padding.
    reserved = None if config["model_type"] in ("bert", "electra") else fields.pad_token_id
    parts: Parts = {
        "embeddings.word_embeddings": Embedding(fields.vocab_size, narrow, padding_idx=fields.pad_token_id),
        "embeddings.position_embeddings": Embedding(fields.max_position_embeddings, narrow, padding_idx=reserved),
        "embeddings.token_type_embeddings": Embedding(fields.type_vocab_size, narrow),
        "embeddings.LayerNorm": nn.LayerNorm(narrow, eps=fields.layer_norm_eps),
    }
    if narrow != width:
        parts["embeddings_project"] = Linear(narrow, width)
    for number in range(fields.num_hidden_layers):
        parts |= _layer(f"encoder.layer.{number}", fields)
    kinds: dict[str, type[nn.Module]] = {"embeddings": _Embeddings}
    if pooler:
        parts["pooler.dense"] = Linear(width, width)
        kinds["pooler"] = _Pooler
    model = assembled(Skeleton(), parts, kinds)
    for block in model.get_submodule("encoder.layer").children():
        block.get_submodule("attention.self").attention_head_size = width // fields.num_attention_heads
    model.config, model.words, model.width = fields, "embeddings.word_embeddings", width
    return model


def _layer(name: str, fields: SimpleNamespace) -> Parts:
    width, wide = fields.hidden_size, fields.intermediate_size
    return {
        **{f"{name}.attention.self.{part}": Linear(width, width) for part in ("query", "key", "value")},
        f"{name}.attention.output.dense": Linear(width, width),
        f"{name}.attention.output.LayerNorm": nn.LayerNorm(width, eps=fields.layer_norm_eps),
        f"{name}.intermediate.dense": Linear(width, wide),
        f"{name}.output.dense": Linear(wide, width),
        f"{name}.output.LayerNorm": nn.LayerNorm(width, eps=fields.layer_norm_eps),
    }


def _linear_head(fields: SimpleNamespace, outputs: int) -> Parts:
    return {"classifier": Linear(fields.hidden_size, outputs)}


def _two_layers(fields: SimpleNamespace, outputs: int) -> Parts:
    width = fields.hidden_size
    return {"classifier.dense": Linear(width, width), "classifier.out_proj": Linear(width, outputs)}


def _family(**classifiers: Classifier) -> Family:
    return Family(_understands, _base, {f"{name}ForSequenceClassification": made for name, made in classifiers.items()})


_ROBERTAS = Classifier(_base, "roberta", _two_layers, {"classifier": _TanhHead})
FAMILIES: dict[str, Family] = {
    "bert": _family(Bert=Classifier(partial(_base, pooler=True), "bert", _linear_head, {})),
    "camembert": _family(Camembert=_ROBERTAS),
    "electra": _family(Electra=Classifier(_base, "electra", _two_layers, {"classifier": _GeluHead})),
    "roberta": _family(Roberta=_ROBERTAS),
    "xlm-roberta": _family(XLMRoberta=_ROBERTAS),
}
