"""Encoders: BERT and its relatives, DistilBERT, ALBERT, NomicBERT, ModernBERT."""

from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from ..layers import ALL, Attention, Layer, Norms, View
from .options import Architecture, BuildOptions, PostNormBlock, Projected, parts_of, rotation, vocabulary


def bert(model: Any, options: BuildOptions) -> Architecture:  # noqa: ANN401 - models share no useful base
    """BERT and ELECTRA."""
    layers = [
        options.post_norm(bert_block(block), model.config.hidden_act, apart=apart)
        for block, apart in options.numbered(model.encoder.layer)
    ]
    embeddings, project = model.embeddings, getattr(model, "embeddings_project", None)

    def embed(ids: Tensor, types: Tensor, positions: Tensor) -> Tensor:
        embedded = embeddings(input_ids=ids[None], token_type_ids=types[None], position_ids=positions[None])[0]
        return embedded if project is None else project(embedded)

    return Architecture(embed, layers, None, model.config.hidden_size, vocabulary(model))


def bert_block(block: Any, projections: Projected | None = None) -> PostNormBlock:  # noqa: ANN401
    """The parts of a block of BERT. ``projections`` are those of queries, keys and values if they have other names."""
    attention, output = block.attention.self, block.attention.output
    return PostNormBlock(
        projections or (attention.query, attention.key, attention.value),
        attention.attention_head_size,
        output.dense,
        output.LayerNorm,
        block.intermediate.dense,
        block.output.dense,
        block.output.LayerNorm,
    )


def roberta(model: Any, options: BuildOptions) -> Architecture:  # noqa: ANN401
    """RoBERTa, XLM-RoBERTa and CamemBERT, whose positions begin after that of the padding."""
    base, padding = bert(model, options), int(model.config.pad_token_id)

    def embed(ids: Tensor, types: Tensor, positions: Tensor) -> Tensor:
        return base.embed(ids, types, positions + padding + 1)

    return replace(base, embed=embed, placeless=padding)


def distilbert(model: Any, options: BuildOptions) -> Architecture:  # noqa: ANN401
    """DistilBERT."""
    config, layers = model.config, list[Layer]()
    for block, apart in options.numbered(model.transformer.layer):
        attention, wide = block.attention, block.ffn
        parts = PostNormBlock(
            (attention.q_lin, attention.k_lin, attention.v_lin),
            config.dim // config.n_heads,
            attention.out_lin,
            block.sa_layer_norm,
            wide.lin1,
            wide.lin2,
            block.output_layer_norm,
        )
        layers.append(options.post_norm(parts, config.activation, apart=apart))
    embeddings = model.embeddings

    def embed(ids: Tensor, types: Tensor, positions: Tensor) -> Tensor:
        del types
        return embeddings(input_ids=ids[None], position_ids=positions[None])[0]

    return Architecture(embed, layers, None, config.dim, vocabulary(model))


def albert(model: Any, options: BuildOptions) -> Architecture:  # noqa: ANN401
    """ALBERT (Lan et al. 2020): few layers, each of them several times, and narrow embeddings."""
    config, encoder = model.config, model.encoder
    groups, count = encoder.albert_layer_groups, config.num_hidden_layers
    blocks = [block for layer in range(count) for block in groups[layer * len(groups) // count].albert_layers]
    packed: dict[tuple[int, bool], Layer] = {}
    layers: list[Layer] = []
    for block, apart in options.numbered(blocks):
        if (id(block), apart) not in packed:
            attention = block.attention
            parts = PostNormBlock(
                (attention.query, attention.key, attention.value),
                attention.attention_head_size,
                attention.dense,
                attention.LayerNorm,
                block.ffn,
                block.ffn_output,
                block.full_layer_layer_norm,
            )
            packed[id(block), apart] = options.post_norm(parts, config.hidden_act, apart=apart)
        layers.append(packed[id(block), apart])
    embeddings, widen = model.embeddings, encoder.embedding_hidden_mapping_in

    def embed(ids: Tensor, types: Tensor, positions: Tensor) -> Tensor:
        narrow = embeddings(input_ids=ids[None], token_type_ids=types[None], position_ids=positions[None])[0]
        return widen(narrow)

    return Architecture(embed, layers, None, config.hidden_size, vocabulary(model))


def nomic_bert(model: Any, options: BuildOptions) -> Architecture:  # noqa: ANN401
    """NomicBERT (Nussbaum et al. 2024): BERT with rotary positions and a gated unit."""
    config, embeddings, turn = model.config, model.embeddings, rotation(model, options)
    layers: list[Layer] = []
    for block, apart in options.numbered(model.layers):
        attention, mlp = block.self_attn, block.mlp
        projected = (attention.q_proj, attention.k_proj, attention.v_proj)
        layers.append(
            Layer(
                Attention(
                    options.projections(projected, attention.head_dim, apart=apart),
                    options.linear(attention.o_proj),
                    Norms(total=options.layer_norm(block.post_attention_layernorm)),
                    ALL,
                    turn,
                ),
                options.gated(
                    (mlp.gate_proj, mlp.up_proj, mlp.down_proj),
                    config.hidden_act,
                    Norms(total=options.layer_norm(block.post_mlp_layernorm)),
                ),
            )
        )

    def embed(ids: Tensor, types: Tensor, positions: Tensor) -> Tensor:
        del positions
        return embeddings(input_ids=ids[None], token_type_ids=types[None])[0]

    return Architecture(embed, layers, None, config.hidden_size, vocabulary(model))


def modernbert(model: Any, options: BuildOptions) -> Architecture:  # noqa: ANN401
    """ModernBERT (Warner et al. 2024): norms before each half, rotary positions, a gated unit and local attention."""
    config, embeddings = model.config, model.embeddings
    rotations = {kind: rotation(model, options, kind) for kind in set(config.layer_types)}
    layers: list[Layer] = []
    for block, apart in options.numbered(model.layers):
        kind, first = block.attention_type, isinstance(block.attn_norm, nn.Identity)
        attention = Attention(
            options.projections(
                parts_of(block.attn.Wqkv, 3), config.hidden_size // config.num_attention_heads, apart=apart
            ),
            options.linear(block.attn.Wo),
            Norms(before=None if first else options.layer_norm(block.attn_norm)),
            View(window=config.sliding_window if kind == "sliding_attention" else None),
            rotations[kind],
        )
        parts = (*parts_of(block.mlp.Wi, 2), block.mlp.Wo)
        norms = Norms(before=options.layer_norm(block.mlp_norm))
        layers.append(Layer(attention, options.gated(parts, config.hidden_activation, norms)))

    def embed(ids: Tensor, types: Tensor, positions: Tensor) -> Tensor:
        del types, positions
        return embeddings(input_ids=ids[None])[0]

    norm = options.layer_norm(model.final_norm)
    return Architecture(embed, layers, norm, config.hidden_size, vocabulary(model))
