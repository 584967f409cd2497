"""Encoders of the BERT family as modules of torch, with the names, shapes and order of sums of transformers.

They have what the packed engine takes of a model: parameters and embeddings. Each parameter is described here once, so
that a file of weights that holds another set of names or another shape is noticed.
"""

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, cast

import torch
from torch import Tensor, nn

Parts = dict[str, nn.Module]
"""The layers of a model by their names."""


class _Linear(nn.Linear):
    def reset_parameters(self) -> None:
        """Leave the parameters as they are: they come from a file, and to draw them would import half of torch."""


class _Embedding(nn.Embedding):
    def reset_parameters(self) -> None:
        """As for linear layers."""


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


class Skeleton(nn.Module):
    """A base model or a classifier.

    Attributes:
        config: The fields of ``config.json``.
    """

    config: SimpleNamespace

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return next(self.parameters()).device

    def get_input_embeddings(self) -> nn.Module:
        """The embeddings of the token ids."""
        return self.get_submodule("embeddings.word_embeddings")


REQUIRED = (
    "hidden_act",
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


def base_model(config: Mapping[str, Any], *, pooler: bool) -> Skeleton:
    """Make the base model of a config.

    Args:
        config: The fields of ``config.json``, with all of ``REQUIRED``.
        pooler: Whether it has the pooler that BERT's classifiers take.
    """
    fields = SimpleNamespace(**config)
    width, narrow = fields.hidden_size, config.get("embedding_size", fields.hidden_size)
    # RoBERTa and its relatives reserve the first rows of the table for padding.
    reserved = None if config["model_type"] in ("bert", "electra") else fields.pad_token_id
    parts: Parts = {
        "embeddings.word_embeddings": _Embedding(fields.vocab_size, narrow, padding_idx=fields.pad_token_id),
        "embeddings.position_embeddings": _Embedding(fields.max_position_embeddings, narrow, padding_idx=reserved),
        "embeddings.token_type_embeddings": _Embedding(fields.type_vocab_size, narrow),
        "embeddings.LayerNorm": nn.LayerNorm(narrow, eps=fields.layer_norm_eps),
    }
    if narrow != width:
        parts["embeddings_project"] = _Linear(narrow, width)
    for number in range(fields.num_hidden_layers):
        parts |= _layer(f"encoder.layer.{number}", fields)
    kinds: dict[str, type[nn.Module]] = {"embeddings": _Embeddings}
    if pooler:
        parts["pooler.dense"] = _Linear(width, width)
        kinds["pooler"] = _Pooler
    model = _assembled(Skeleton(), parts, kinds)
    for block in model.get_submodule("encoder.layer").children():
        block.get_submodule("attention.self").attention_head_size = width // fields.num_attention_heads
    model.config = fields
    return model


def _layer(name: str, fields: SimpleNamespace) -> Parts:
    width, wide = fields.hidden_size, fields.intermediate_size
    return {
        **{f"{name}.attention.self.{part}": _Linear(width, width) for part in ("query", "key", "value")},
        f"{name}.attention.output.dense": _Linear(width, width),
        f"{name}.attention.output.LayerNorm": nn.LayerNorm(width, eps=fields.layer_norm_eps),
        f"{name}.intermediate.dense": _Linear(width, wide),
        f"{name}.output.dense": _Linear(wide, width),
        f"{name}.output.LayerNorm": nn.LayerNorm(width, eps=fields.layer_norm_eps),
    }


def classifier(config: Mapping[str, Any]) -> Skeleton | None:
    """Make the sequence classifier of a config.

    Args:
        config: The fields of ``config.json``, with all of ``REQUIRED``.

    Returns:
        A model whose class has the name that transformers gives it; None if the class is not known here.
    """
    architectures: list[str] = config.get("architectures") or []
    made = _CLASSIFIERS.get(architectures[0]) if len(architectures) == 1 else None
    labels = config.get("id2label", (0, 1))  # transformers does not write the labels of two classes
    if (
        made is None
        or config["model_type"] != made[0]
        or "num_labels" in config
        or not isinstance(labels, dict | tuple)
    ):
        return None
    (_, prefix, head), outputs = made, len(cast("dict[str, str]", labels))
    base = base_model(config, pooler=head is None)
    model: Skeleton = type(architectures[0], (Skeleton,), {})()
    model.add_module(prefix, base)
    width = base.config.hidden_size
    if head is None:
        model.add_module("classifier", _Linear(width, outputs))
    else:
        parts: Parts = {"dense": _Linear(width, width), "out_proj": _Linear(width, outputs)}
        model.add_module("classifier", _assembled(head(), parts, {}))
    model.config = base.config
    model.config.num_labels = outputs
    return model


def _assembled(root: Any, parts: Parts, kinds: Mapping[str, Callable[[], nn.Module]]) -> Any:  # noqa: ANN401
    """Put layers into a tree of modules, by their names; ``kinds`` are those of modules that compute something."""
    for name, layer in parts.items():
        path, _, last = name.rpartition(".")
        parent, prefix = root, ""
        for step in path.split(".") if path else ():
            prefix = f"{prefix}.{step}" if prefix else step
            if step not in dict(parent.named_children()):
                holds_numbers = f"{prefix}.0." in f"{name}."
                parent.add_module(step, nn.ModuleList() if holds_numbers else kinds.get(prefix, nn.Module)())
            parent = parent.get_submodule(step)
        parent.add_module(last, layer)
    return root


MODEL_TYPES = ("bert", "camembert", "electra", "roberta", "xlm-roberta")
"""The model types of ``config.json`` that are known here."""
_CLASSIFIERS: dict[str, tuple[str, str, type[nn.Module] | None]] = {
    "BertForSequenceClassification": ("bert", "bert", None),
    "CamembertForSequenceClassification": ("camembert", "roberta", _TanhHead),
    "ElectraForSequenceClassification": ("electra", "electra", _GeluHead),
    "RobertaForSequenceClassification": ("roberta", "roberta", _TanhHead),
    "XLMRobertaForSequenceClassification": ("xlm-roberta", "roberta", _TanhHead),
}
"""The classes of classifiers: model type, name of the base model in them, and head; the one of BERT is linear."""
