"""How a model is to be packed, and what it becomes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ....errors import ModelError
from ..layers import (
    ALL,
    Attention,
    FeedForward,
    Int8Linears,
    Layer,
    LayerNorm,
    Linear,
    Norm,
    Norms,
    Projections,
    RootMeanSquareNorm,
    Rotation,
    View,
    make_linear,
)

Embed = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Takes token ids, type ids and positions in the sequence, each (tokens,); returns float32, (tokens, hidden)."""


class CannotPackError(ModelError):
    """A model has a part that the engine does not know; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """A packed model.

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

    @property
    def causal(self) -> bool:
        """Whether no token sees a later one, so that texts that begin alike have their beginning in common."""
        return all(layer.attention.view.causal for layer in self.layers)

    @property
    def plain(self) -> bool:
        """Whether attention is one that a GPU has a kernel for."""
        views = [layer.attention.view for layer in self.layers]
        return all(view.cap is None and view.bias is None for view in views)


Projected = tuple[nn.Linear, nn.Linear, nn.Linear]
"""The layers that compute queries, keys and values."""


@dataclass(frozen=True, slots=True)
class PostNormBlock:
    """The modules of a layer that normalises after each sum, as BERT does (Devlin et al. 2019)."""

    projections: Projected
    head_size: int
    out: nn.Linear
    attention_norm: nn.LayerNorm
    up: nn.Linear
    down: nn.Linear
    norm: nn.LayerNorm


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """How to pack a model.

    Attributes:
        dtype: The number format of the layers.
        longest: The most tokens of a sequence.
        one_token_only: Whether only one token of each sequence is needed after the last layer.
        int8: The maker of int8 layers; None for other number formats.
        exits: Layers, counted from 1, after which one token of each sequence may be needed as well.
        first_layers: How many of the first layers are packed; None for all.
    """

    dtype: torch.dtype
    longest: int
    one_token_only: bool
    int8: Int8Linears | None = None
    exits: frozenset[int] = frozenset()
    first_layers: int | None = None

    def numbered(self, blocks: Sequence[Any]) -> Iterator[tuple[Any, bool]]:
        """Each block that is packed, with whether its result may be needed for one token of each sequence only."""
        for number, block in enumerate(list(blocks)[: self.first_layers], start=1):
            yield block, number in self.exits or (self.one_token_only and number == len(blocks))

    def linear(self, *parts: nn.Linear, activation: str | None = None) -> Linear:
        """One linear layer that computes all ``parts`` side by side."""
        if self.int8 is not None:
            return self.int8.layer(*parts, activation=activation)
        return make_linear(*parts, activation=activation, dtype=self.dtype)

    def projections(self, parts: Sequence[nn.Linear], head_size: int, *, apart: bool) -> Projections:
        """The projections of queries, keys and values, in one product unless ``apart``."""
        q, k, v = parts
        sizes = (q.out_features // head_size, k.out_features // head_size, head_size)
        if apart:
            return Projections(None, self.linear(q), self.linear(k, v), *sizes)
        return Projections(self.linear(q, k, v), None, None, *sizes)

    def feed_forward(self, up: nn.Linear, down: nn.Linear, activation: str, norms: Norms) -> FeedForward:
        """Two linear layers, where only the second takes the output of the first."""
        if self.int8 is not None:
            return FeedForward(*self.int8.feed_forward(up, down, activation), norms)
        return FeedForward(self.linear(up, activation=activation), self.linear(down), norms)

    def gated(self, parts: Sequence[nn.Linear], activation: str, norms: Norms) -> FeedForward:
        """A gated unit of the layers (up, which has the activation, gate, down). It is never in eight bits."""
        up, gate, down = parts
        return FeedForward(
            make_linear(up, activation=activation, dtype=self.dtype),
            make_linear(down, dtype=self.dtype),
            norms,
            make_linear(gate, dtype=self.dtype),
        )

    def post_norm(self, block: PostNormBlock, activation: str, *, apart: bool, view: View = ALL) -> Layer:
        """A layer that normalises after each sum."""
        attention = Attention(
            self.projections(block.projections, block.head_size, apart=apart),
            self.linear(block.out),
            Norms(total=self.layer_norm(block.attention_norm)),
            view,
        )
        norms = Norms(total=self.layer_norm(block.norm))
        return Layer(attention, self.feed_forward(block.up, block.down, activation, norms))

    def layer_norm(self, norm: nn.LayerNorm) -> LayerNorm:
        """A layer normalisation."""
        bias = None if norm.bias is None else norm.bias.detach().to(self.dtype)  # pyright: ignore[reportUnnecessaryComparison]
        return LayerNorm(norm.weight.detach().to(self.dtype), bias, norm.eps)


def root_mean_square_norm(norm: Any, *, from_one: bool = False) -> RootMeanSquareNorm:  # noqa: ANN401
    """A norm without mean.

    Args:
        norm: A module of transformers.
        from_one: Whether its weight is stored as the difference from one.
    """
    epsilon = norm.variance_epsilon if hasattr(norm, "variance_epsilon") else norm.eps
    return RootMeanSquareNorm(norm.weight.detach().float() + float(from_one), epsilon)


def rotation(model: Any, options: BuildOptions, kind: str | None = None) -> Rotation:  # noqa: ANN401
    """The rotary positions of a model, or of its layers of one ``kind``."""
    rotary = model.rotary_emb
    named = rotary.rope_type if kind is None else rotary.rope_type[kind]
    if named in ("dynamic", "longrope"):
        raise CannotPackError(f"its rotary positions are of the type {named!r}, which change with the length")
    positions = torch.arange(min(options.longest, model.config.max_position_embeddings), device=model.device)
    cosines, sines = rotary(torch.empty(0, device=model.device), positions[None], *([] if kind is None else [kind]))
    return Rotation(cosines[0], sines[0])


def vocabulary(model: Any) -> int:  # noqa: ANN401
    """The number of token ids of a model."""
    return model.get_input_embeddings().num_embeddings


def parts_of(linear: nn.Linear, count: int) -> tuple[nn.Linear, ...]:
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
