"""Encoders with relative positions: MPNet, T5 and DeBERTa."""

from typing import Any

import torch
from torch import Tensor, nn

from ..layers import Attention, DisentangledBias, DistanceBias, FeedForward, Layer, Norms, View
from .encoders import bert_block
from .options import (
    Architecture,
    BuildOptions,
    CannotPackError,
    PostNormBlock,
    root_mean_square_norm,
    vocabulary,
)

MPNET_PADDING = 1
"""The position table of MPNet begins after this row, whatever its config says of the padding token."""

MOST_TOKENS = 16384
"""T5 names no limit, and its tokenizer may name none either."""


def mpnet(model: Any, options: BuildOptions) -> Architecture:  # noqa: ANN401 - models share no useful base
    """MPNet: BERT with one bias by distance for all layers."""
    encoder, config, layers = model.encoder, model.config, list[Layer]()
    # Without a number of buckets, as transformers calls it, which passes over that in the config.
    buckets = encoder.relative_position_bucket(_distances(options, model.device))
    view = View(bias=DistanceBias(_by_head(encoder.relative_attention_bias, buckets)))
    for block, apart in options.numbered(encoder.layer):
        attention = block.attention.attn
        parts = PostNormBlock(
            (attention.q, attention.k, attention.v),
            attention.attention_head_size,
            attention.o,
            block.attention.LayerNorm,
            block.intermediate.dense,
            block.output.dense,
            block.output.LayerNorm,
        )
        layers.append(options.post_norm(parts, config.hidden_act, apart=apart, view=view))
    embeddings = model.embeddings

    def embed(ids: Tensor, types: Tensor, positions: Tensor) -> Tensor:
        del types
        return embeddings(input_ids=ids[None], position_ids=positions[None] + MPNET_PADDING + 1)[0]

    return Architecture(embed, layers, None, config.hidden_size, vocabulary(model), placeless=MPNET_PADDING)


def t5(model: Any, options: BuildOptions) -> Architecture:  # noqa: ANN401
    """The encoder of T5: a bias by distance, norms without mean, and products that are not scaled."""
    config, stack, layers = model.config, model.encoder, list[Layer]()
    first = stack.block[0].layer[0].SelfAttention
    buckets = first._relative_position_bucket(
        _distances(options, model.device),
        bidirectional=True,
        num_buckets=config.relative_attention_num_buckets,
        max_distance=config.relative_attention_max_distance,
    )
    view = View(scale=1.0, bias=DistanceBias(_by_head(first.relative_attention_bias, buckets)))
    for block, apart in options.numbered(stack.block):
        attention, wide = block.layer[0].SelfAttention, block.layer[1]
        layers.append(
            Layer(
                Attention(
                    options.projections((attention.q, attention.k, attention.v), config.d_kv, apart=apart),
                    options.linear(attention.o),
                    Norms(before=root_mean_square_norm(block.layer[0].layer_norm)),
                    view,
                ),
                _t5_feed_forward(
                    wide.DenseReluDense,
                    config.dense_act_fn,
                    Norms(before=root_mean_square_norm(wide.layer_norm)),
                    options,
                ),
            )
        )
    embed_tokens = stack.embed_tokens

    def embed(ids: Tensor, types: Tensor, positions: Tensor) -> Tensor:
        del types, positions
        return embed_tokens(ids)

    return Architecture(embed, layers, root_mean_square_norm(stack.final_layer_norm), config.d_model, vocabulary(model))


def _t5_feed_forward(dense: Any, activation: str, norms: Norms, options: BuildOptions) -> FeedForward:  # noqa: ANN401
    if hasattr(dense, "wi_0"):
        return options.gated((dense.wi_0, dense.wi_1, dense.wo), activation, norms)
    return options.feed_forward(dense.wi, dense.wo, activation, norms)


def deberta_v2(model: Any, options: BuildOptions) -> Architecture:  # noqa: ANN401
    """DeBERTa, versions 2 and 3: BERT with attention that takes contents and relative positions apart."""
    encoder, config, embeddings = model.encoder, model.config, model.embeddings
    if encoder.conv is not None:
        raise CannotPackError("it has a convolution")
    positions = encoder.get_rel_embedding()
    layers: list[Layer] = []
    for block, apart in options.numbered(encoder.layer):
        attention = block.attention.self
        projections = (attention.query_proj, attention.key_proj, attention.value_proj)
        view = _disentangled(attention, positions, options)
        layers.append(options.post_norm(bert_block(block, projections), config.hidden_act, apart=apart, view=view))

    def embed(ids: Tensor, types: Tensor, positions: Tensor) -> Tensor:
        return embeddings(input_ids=ids[None], token_type_ids=types[None], position_ids=positions[None])[0]

    return Architecture(embed, layers, None, config.hidden_size, vocabulary(model))


def _disentangled(attention: Any, positions: Tensor | None, options: BuildOptions) -> View:  # noqa: ANN401
    kinds = {"c2p", "p2c"} & set(attention.pos_att_type)
    scale = (attention.attention_head_size * (1 + len(kinds))) ** -0.5
    if positions is None or not kinds:
        return View(scale=scale)
    from transformers.models.deberta_v2 import modeling_deberta_v2

    library: Any = modeling_deberta_v2
    span, distances = attention.pos_ebd_size, _distances(options, positions.device)
    buckets = -distances  # of a query behind its key
    if attention.position_buckets > 0:
        limits = attention.position_buckets, attention.max_relative_positions
        buckets = library.make_log_bucket_position(buckets, *limits).long()
    shared = attention.share_att_key

    def table(name: str, rows: Tensor) -> Tensor:
        project = getattr(attention, name if shared else f"pos_{name}")
        by_distance = project(positions[: 2 * span])[(rows + span).clamp(0, 2 * span - 1)]
        return by_distance.view(len(rows), -1, attention.attention_head_size).transpose(0, 1).to(options.dtype)

    keys = table("key_proj", buckets) if "c2p" in kinds else None
    queries = table("query_proj", -buckets) if "p2c" in kinds else None
    return View(scale=scale, bias=DisentangledBias(keys, queries, scale))


def _distances(options: BuildOptions, device: torch.device) -> Tensor:
    """All distances of a key behind its query, ascending."""
    if options.longest > MOST_TOKENS:
        raise CannotPackError(f"it takes texts of {options.longest} tokens, too many for a table of all distances")
    return torch.arange(1 - options.longest, options.longest, device=device)


def _by_head(table: nn.Embedding, buckets: Tensor) -> Tensor:
    return table(buckets).detach().T.contiguous()
