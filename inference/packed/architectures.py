"""Turns encoders of the transformers library into packed ones, by the names of their modules.

An architecture that is missing here is no error: ``build`` returns None, and sentence-transformers runs the model.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from .int8 import Int8Linears
from .layers import Layer, Norm, PostNormLayer, PreNormLayer, Projections, Rotation
from .linear import Linear, make_linear

Embed = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Takes token ids, type ids and positions in the sequence, each (tokens,); returns float32, (tokens, hidden)."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """A packed encoder.

    Attributes:
        embed: The embeddings.
        layers: The layers, from first to last.
        norm: The norm after the last layer, if there is one.
        hidden: The width of the hidden states.
        vocabulary: The number of token ids; all ids are below it.
        placeless: A token id that takes no position in the sequence, if the model has one.
    """

    embed: Embed
    layers: Sequence[Layer]
    norm: Norm | None
    hidden: int
    vocabulary: int
    placeless: int | None = None


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """How to pack an encoder.

    Attributes:
        dtype: The number format of the layers.
        first_token_only: Whether only the first token of each sequence is needed after the last layer.
        int8: The maker of int8 layers; None for other number formats.
        exits: Layers, counted from 1, after which the first tokens may be needed as well.
    """

    dtype: torch.dtype
    first_token_only: bool
    int8: Int8Linears | None = None
    exits: frozenset[int] = frozenset()

    def needs_first_token_only(self, layer: int, layers: int) -> bool:
        """Whether the result of a layer, from 1 to ``layers``, may be needed for first tokens only."""
        return layer in self.exits or (self.first_token_only and layer == layers)

    def linear(self, *parts: nn.Linear, activation: str | None = None) -> Linear:
        """One linear layer that computes all ``parts`` side by side."""
        if self.int8 is not None:
            return self.int8.layer(*parts, activation=activation)
        return make_linear(*parts, activation=activation, dtype=self.dtype)

    def feed_forward(self, up: nn.Linear, down: nn.Linear, activation: str) -> tuple[Linear, Linear]:
        """Two linear layers, where only the second takes the output of the first."""
        if self.int8 is not None:
            return self.int8.feed_forward(up, down, activation)
        return self.linear(up, activation=activation), self.linear(down)


def build(model: Any, options: BuildOptions) -> Architecture | None:  # noqa: ANN401 - models share no useful base
    """Pack a base model.

    Args:
        model: A base model of transformers, in float32.
        options: How to pack it.

    Returns:
        The packed encoder, or None if the architecture cannot run packed.
    """
    config = model.config
    builder = _BUILDERS.get(config.model_type)
    if builder is None or getattr(config, "is_decoder", False) or getattr(config, "add_cross_attention", False):
        return None
    if getattr(config, "position_embedding_type", None) not in (None, "absolute"):
        return None
    return builder(model, options)


def _bert(model: Any, options: BuildOptions) -> Architecture:  # noqa: ANN401
    blocks = model.encoder.layer
    layers = [
        PostNormLayer(
            _projections(
                (block.attention.self.query, block.attention.self.key, block.attention.self.value),
                model.config.num_attention_heads,
                options,
                apart=options.needs_first_token_only(number, len(blocks)),
            ),
            options.linear(block.attention.output.dense),
            _norm(block.attention.output.LayerNorm, options),
            *options.feed_forward(block.intermediate.dense, block.output.dense, model.config.hidden_act),
            _norm(block.output.LayerNorm, options),
        )
        for number, block in enumerate(blocks, start=1)
    ]
    embeddings, project = model.embeddings, getattr(model, "embeddings_project", None)

    def embed(ids: Tensor, types: Tensor, positions: Tensor) -> Tensor:
        embedded = embeddings(input_ids=ids[None], token_type_ids=types[None], position_ids=positions[None])[0]
        return embedded if project is None else project(embedded)

    return Architecture(embed, layers, None, model.config.hidden_size, _vocabulary(model))


def _roberta(model: Any, options: BuildOptions) -> Architecture:  # noqa: ANN401
    base, padding = _bert(model, options), int(model.config.pad_token_id)

    def embed(ids: Tensor, types: Tensor, positions: Tensor) -> Tensor:
        return base.embed(ids, types, positions + padding + 1)

    return replace(base, embed=embed, placeless=padding)


def _distilbert(model: Any, options: BuildOptions) -> Architecture:  # noqa: ANN401
    blocks = model.transformer.layer
    layers = [
        PostNormLayer(
            _projections(
                (block.attention.q_lin, block.attention.k_lin, block.attention.v_lin),
                model.config.n_heads,
                options,
                apart=options.needs_first_token_only(number, len(blocks)),
            ),
            options.linear(block.attention.out_lin),
            _norm(block.sa_layer_norm, options),
            *options.feed_forward(block.ffn.lin1, block.ffn.lin2, model.config.activation),
            _norm(block.output_layer_norm, options),
        )
        for number, block in enumerate(blocks, start=1)
    ]
    embeddings = model.embeddings

    def embed(ids: Tensor, types: Tensor, positions: Tensor) -> Tensor:
        del types
        return embeddings(input_ids=ids[None], position_ids=positions[None])[0]

    return Architecture(embed, layers, None, model.config.dim, _vocabulary(model))


def _modernbert(model: Any, options: BuildOptions) -> Architecture:  # noqa: ANN401
    config, blocks, embeddings = model.config, model.layers, model.embeddings
    rotations = {kind: _rotation(model, kind) for kind in set(config.layer_types)}
    layers: list[Layer] = []
    for number, block in enumerate(blocks, start=1):
        up, gate = _parts(block.mlp.Wi, 2)
        layers.append(
            PreNormLayer(
                None if isinstance(block.attn_norm, nn.Identity) else _norm(block.attn_norm, options),
                _projections(
                    _parts(block.attn.Wqkv, 3),
                    config.num_attention_heads,
                    options,
                    apart=options.needs_first_token_only(number, len(blocks)),
                ),
                rotations[block.attention_type],
                config.sliding_window if block.attention_type == "sliding_attention" else None,
                options.linear(block.attn.Wo),
                _norm(block.mlp_norm, options),
                make_linear(up, activation=config.hidden_activation, dtype=options.dtype),
                make_linear(gate, dtype=options.dtype),
                make_linear(block.mlp.Wo, dtype=options.dtype),
            )
        )

    def embed(ids: Tensor, types: Tensor, positions: Tensor) -> Tensor:
        del types, positions
        return embeddings(input_ids=ids[None])[0]

    return Architecture(embed, layers, _norm(model.final_norm, options), config.hidden_size, _vocabulary(model))


_BUILDERS: dict[str, Callable[[Any, BuildOptions], Architecture]] = {
    "bert": _bert,
    "distilbert": _distilbert,
    "electra": _bert,
    "modernbert": _modernbert,
    "roberta": _roberta,
    "xlm-roberta": _roberta,
}


def _projections(parts: Sequence[nn.Linear], heads: int, options: BuildOptions, *, apart: bool) -> Projections:
    q, k, v = parts
    if apart:
        return Projections(None, options.linear(q), options.linear(k, v), heads)
    return Projections(options.linear(q, k, v), None, None, heads)


def _vocabulary(model: Any) -> int:  # noqa: ANN401
    return model.get_input_embeddings().num_embeddings


def _norm(norm: nn.LayerNorm, options: BuildOptions) -> Norm:
    bias = None if norm.bias is None else norm.bias.detach().to(options.dtype)  # pyright: ignore[reportUnnecessaryComparison]
    return Norm(norm.weight.detach().to(options.dtype), bias, norm.eps)


def _rotation(model: Any, kind: str) -> Rotation:  # noqa: ANN401
    positions = torch.arange(model.config.max_position_embeddings, device=model.device)
    cosines, sines = model.rotary_emb(torch.empty(0, device=model.device), positions[None], kind)
    return Rotation(cosines[0], sines[0])


def _parts(linear: nn.Linear, count: int) -> tuple[nn.Linear, ...]:
    """Split one linear layer into ``count`` layers that each give a part of its output."""
    has_bias = linear.bias is not None  # pyright: ignore[reportUnnecessaryComparison]
    biases = linear.bias.chunk(count) if has_bias else (None,) * count
    parts: list[nn.Linear] = []
    for weight, bias in zip(linear.weight.chunk(count), biases, strict=True):
        part = nn.Linear(weight.shape[1], weight.shape[0], bias=False, device="meta")
        part.weight = nn.Parameter(weight, requires_grad=False)
        part.bias = nn.Parameter(bias, requires_grad=False) if bias is not None else None  # type: ignore[assignment]
        parts.append(part)
    return tuple(parts)
