"""ModernBERT (Warner et al. 2024)."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

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
    "local_attention",
    "max_position_embeddings",
    "norm_eps",
    "num_attention_heads",
    "num_hidden_layers",
    "pad_token_id",
    "vocab_size",
)
_SWITCHES = ("attention_bias", "mlp_bias", "norm_bias")
_KINDS = ("full_attention", "sliding_attention")
_OLD_THETAS = {"full_attention": "global_rope_theta", "sliding_attention": "local_rope_theta"}
_CHANGING = ("head_dim", "partial_rotary_factor", "rope_scaling", "rope_theta", "sliding_window")
"""Fields that would override others."""


class _Embeddings(nn.Module):
    def forward(self, input_ids: Tensor) -> Tensor:
        part: Any = self
        return part.norm(part.tok_embeddings(input_ids))


class _Rotary(nn.Module):
    """Rotary positions, which turn faster in local layers."""

    def __init__(self, thetas: Mapping[str, float], head_size: int) -> None:
        super().__init__()
        self.rope_type = dict.fromkeys(thetas, "default")
        self._thetas, self._head_size = thetas, head_size

    def forward(self, x: Tensor, positions: Tensor, kind: str) -> tuple[Tensor, Tensor]:
        """The cosines and sines of positions, each of shape (1, positions, head size); ``x`` tells the device."""
        steps = torch.arange(0, self._head_size, 2, dtype=torch.float) / self._head_size
        frequencies = (1.0 / (self._thetas[kind] ** steps)).to(x.device)
        angles = positions[..., None].float() * frequencies
        both = torch.cat((angles, angles), dim=-1)
        return both.cos(), both.sin()


class _Head(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        part: Any = self
        return part.norm(nn.functional.gelu(part.dense(x)))


def _understands(config: Config) -> bool:
    return (
        is_plain(config)
        and has_numbers(config, _NUMBERS)
        and all(isinstance(config.get(name), bool) for name in _SWITCHES)
        and not any(config.get(name) is not None for name in _CHANGING)
        and config.get("hidden_activation") in ACTIVATIONS
        and config["num_attention_heads"] > 0
        and config["hidden_size"] % (2 * config["num_attention_heads"]) == 0
        and _layer_types(config) is not None
        and _thetas(config) is not None
    )


def _layer_types(config: Config) -> list[str] | None:
    """The kind of each layer, which files of before transformers 5 give by the distance of the global ones."""
    kinds: object = config.get("layer_types")
    if kinds is None:
        each: object = config.get("global_attn_every_n_layers")
        if not isinstance(each, int) or each < 1:
            return None
        return [_KINDS[number % each > 0] for number in range(config["num_hidden_layers"])]
    sound = isinstance(kinds, list) and set(cast("list[Any]", kinds)) <= set(_KINDS)
    return (
        list(cast("list[str]", kinds))
        if sound and len(cast("list[str]", kinds)) == config["num_hidden_layers"]
        else None
    )


def _thetas(config: Config) -> dict[str, float] | None:
    """The bases of the rotary positions by the kind of layer; None if positions are turned in another way."""
    named: object = config.get("rope_parameters")
    if named is None:
        bases: dict[str, Any] = {kind: config.get(name) for kind, name in _OLD_THETAS.items()}
    elif isinstance(named, dict) and set(cast("dict[str, Any]", named)) == set(_KINDS):
        given = cast("dict[str, dict[str, Any]]", named)
        plain = {"rope_type", "rope_theta"}
        if any(fields.keys() != plain or fields["rope_type"] != "default" for fields in given.values()):
            return None
        bases = {kind: fields["rope_theta"] for kind, fields in given.items()}
    else:
        return None
    return bases if all(isinstance(base, int | float) and base > 0 for base in bases.values()) else None


def _base(config: Config) -> Skeleton:
    kinds, thetas = _layer_types(config), _thetas(config)
    assert kinds is not None and thetas is not None, "checked by _understands"
    fields = SimpleNamespace(**{**config, "layer_types": kinds, "sliding_window": config["local_attention"] // 2})
    width, parts = fields.hidden_size, dict[str, nn.Module]()
    parts["embeddings.tok_embeddings"] = Embedding(fields.vocab_size, width, padding_idx=fields.pad_token_id)
    parts["embeddings.norm"] = _norm(fields)
    for number in range(fields.num_hidden_layers):
        name, biased = f"layers.{number}", fields.attention_bias
        parts[f"{name}.attn_norm"] = _norm(fields) if number else nn.Identity()
        parts[f"{name}.attn.Wqkv"] = Linear(width, 3 * width, bias=biased)
        parts[f"{name}.attn.Wo"] = Linear(width, width, bias=biased)
        parts[f"{name}.mlp_norm"] = _norm(fields)
        parts[f"{name}.mlp.Wi"] = Linear(width, 2 * fields.intermediate_size, bias=fields.mlp_bias)
        parts[f"{name}.mlp.Wo"] = Linear(fields.intermediate_size, width, bias=fields.mlp_bias)
    parts["final_norm"] = _norm(fields)
    parts["rotary_emb"] = _Rotary(thetas, width // fields.num_attention_heads)
    model = assembled(Skeleton(), parts, {"embeddings": _Embeddings})
    for block, kind in zip(model.layers, kinds, strict=True):
        block.attention_type = kind
    model.config, model.words, model.width = fields, "embeddings.tok_embeddings", width
    return model


def _norm(fields: SimpleNamespace) -> nn.LayerNorm:
    return nn.LayerNorm(fields.hidden_size, eps=fields.norm_eps, bias=fields.norm_bias)


def _head(fields: SimpleNamespace, outputs: int) -> Parts:
    return {
        "head.dense": Linear(fields.hidden_size, fields.hidden_size, bias=fields.classifier_bias),
        "head.norm": _norm(fields),
        "classifier": Linear(fields.hidden_size, outputs),
    }


def _understands_head(config: Config) -> bool:
    return (
        isinstance(config.get("classifier_bias"), bool)
        and config.get("classifier_activation") == "gelu"
        and config.get("classifier_pooling") in ("cls", "mean")
    )


FAMILIES: dict[str, Family] = {
    "modernbert": Family(
        _understands,
        _base,
        {
            "ModernBertForSequenceClassification": Classifier(
                _base, "model", _head, {"head": _Head}, understands=_understands_head
            )
        },
    )
}
