"""DistilBERT."""

from types import SimpleNamespace
from typing import Any

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

_NUMBERS = ("dim", "hidden_dim", "max_position_embeddings", "n_heads", "n_layers", "pad_token_id", "vocab_size")
_OTHER_NAMES = ("hidden_size", "num_attention_heads", "num_hidden_layers")
"""Names that transformers takes for some of these numbers as well."""
_EPSILON = 1e-12


class _Embeddings(nn.Module):
    def forward(self, input_ids: Tensor, position_ids: Tensor) -> Tensor:
        part: Any = self
        return part.LayerNorm(part.word_embeddings(input_ids) + part.position_embeddings(position_ids))


def _understands(config: Config) -> bool:
    return (
        is_plain(config)
        and has_numbers(config, _NUMBERS)
        and not config.keys() & set(_OTHER_NAMES)
        and config.get("activation") in ACTIVATIONS
        and config["dim"] % max(1, config["n_heads"]) == 0
    )


def _base(config: Config) -> Skeleton:
    fields = SimpleNamespace(**config)
    width = fields.dim
    parts: Parts = {
        "embeddings.word_embeddings": Embedding(fields.vocab_size, width, padding_idx=fields.pad_token_id),
        "embeddings.position_embeddings": Embedding(fields.max_position_embeddings, width),
        "embeddings.LayerNorm": nn.LayerNorm(width, eps=_EPSILON),
    }
    for number in range(fields.n_layers):
        name = f"transformer.layer.{number}"
        parts |= {f"{name}.attention.{part}": Linear(width, width) for part in ("q_lin", "k_lin", "v_lin", "out_lin")}
        parts[f"{name}.sa_layer_norm"] = nn.LayerNorm(width, eps=_EPSILON)
        parts[f"{name}.ffn.lin1"] = Linear(width, fields.hidden_dim)
        parts[f"{name}.ffn.lin2"] = Linear(fields.hidden_dim, width)
        parts[f"{name}.output_layer_norm"] = nn.LayerNorm(width, eps=_EPSILON)
    model = assembled(Skeleton(), parts, {"embeddings": _Embeddings})
    model.config, model.words, model.width = fields, "embeddings.word_embeddings", width
    return model


def _head(fields: SimpleNamespace, outputs: int) -> Parts:
    return {"pre_classifier": Linear(fields.dim, fields.dim), "classifier": Linear(fields.dim, outputs)}


FAMILIES: dict[str, Family] = {
    "distilbert": Family(
        _understands, _base, {"DistilBertForSequenceClassification": Classifier(_base, "distilbert", _head, {})}
    )
}
