"""Decoders: Qwen, Llama, Mistral and Gemma, whose blocks have the same parts with the same names."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ..layers import Attention, Layer, Norm, Norms, Rotation, View
from .options import Architecture, BuildOptions, root_mean_square_norm, rotation, vocabulary


def decoder(model: Any, options: BuildOptions) -> Architecture:  # noqa: ANN401 - models share no useful base
    """A decoder without its language model head. EmbeddingGemma, which is one too, sees later tokens."""
    maker = _Maker(model.config, options)
    kinds = maker.kinds()
    rotations = {kind: rotation(model, options, kind if maker.turns_by_kind else None) for kind in set(kinds)}
    layers = [
        maker.layer(block, kind, rotations[kind], apart=apart)
        for (block, apart), kind in zip(options.numbered(model.layers), kinds[: options.first_layers], strict=True)
    ]
    embed_tokens = model.embed_tokens  # Gemma's scales them

    def embed(ids: Tensor, types: Tensor, positions: Tensor) -> Tensor:
        del types, positions
        return embed_tokens(ids)

    return Architecture(embed, layers, maker.norm(model.norm), model.config.hidden_size, vocabulary(model))


@dataclass(frozen=True)
class _Maker:
    config: Any
    options: BuildOptions

    @property
    def turns_by_kind(self) -> bool:
        """Whether the positions of local layers turn faster than those of others."""
        return self.config.model_type == "gemma3_text"

    def kinds(self) -> list[str]:
        """The kind of each layer: "sliding_attention" sees a window."""
        if kinds := getattr(self.config, "layer_types", None):
            return list(kinds)
        sliding = self.config.model_type == "mistral" and self.config.sliding_window is not None
        return ["sliding_attention" if sliding else "full_attention"] * self.config.num_hidden_layers

    def norm(self, norm: Any) -> Norm:  # noqa: ANN401
        return root_mean_square_norm(norm, from_one=self.config.model_type.startswith("gemma"))

    def layer(self, block: Any, kind: str, turn: Rotation, *, apart: bool) -> Layer:  # noqa: ANN401
        attention, mlp = block.self_attn, block.mlp
        around_attention, around_mlp = self._norms(block)
        normed = hasattr(attention, "q_norm")
        projected = (attention.q_proj, attention.k_proj, attention.v_proj)
        return Layer(
            Attention(
                self.options.projections(projected, attention.head_dim, apart=apart),
                self.options.linear(attention.o_proj),
                around_attention,
                self._view(attention, kind),
                turn,
                (self.norm(attention.q_norm), self.norm(attention.k_norm)) if normed else None,
            ),
            self.options.gated((mlp.gate_proj, mlp.up_proj, mlp.down_proj), self._activation(), around_mlp),
        )

    def _norms(self, block: Any) -> tuple[Norms, Norms]:  # noqa: ANN401
        """The norms around both halves. Gemma 2 and 3 have two around each; the second has the name of another one."""
        first, second = self.norm(block.input_layernorm), self.norm(block.post_attention_layernorm)
        if not hasattr(block, "pre_feedforward_layernorm"):
            return Norms(before=first), Norms(before=second)
        before, after = self.norm(block.pre_feedforward_layernorm), self.norm(block.post_feedforward_layernorm)
        return Norms(before=first, result=second), Norms(before=before, result=after)

    def _view(self, attention: Any, kind: str) -> View:  # noqa: ANN401
        return View(
            causal=not getattr(self.config, "use_bidirectional_attention", False),
            window=self.config.sliding_window - 1 if kind == "sliding_attention" else None,
            scale=attention.scaling,
            # Gemma 3 has the setting as well, and does not use it.
            cap=self.config.attn_logit_softcapping if self.config.model_type == "gemma2" else None,
        )

    def _activation(self) -> str:
        return getattr(self.config, "hidden_activation", None) or self.config.hidden_act
