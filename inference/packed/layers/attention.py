"""Attention within each sequence of a packed batch, never across sequences."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from inspect import signature
from typing import Protocol

import torch
from torch import Tensor, nn

from .rows import few_filled_up
from .sequences import Group, Sequences

KeysAndValues = tuple[Tensor, Tensor]
"""Keys and values, each of shape (tokens, heads, head size)."""


class Bias(Protocol):
    """What is added to the products of queries and keys, by the distance of their tokens."""

    def __call__(self, q: Tensor, k: Tensor, at: slice) -> Tensor:
        """Compute it for sequences of one length.

        Args:
            q: Queries, shape (sequences, heads, queries, head size).
            k: Keys, shape (sequences, heads, keys, head size).
            at: The positions of the queries among the keys.

        Returns:
            A tensor that can be expanded to (sequences, heads, queries, keys), in the number format of ``q``.
        """
        ...


@dataclass(frozen=True, slots=True)
class View:
    """Which tokens a token sees, and how.

    Attributes:
        causal: Whether it sees no later token.
        window: The greatest distance at which it sees another, in tokens; None for no limit.
        scale: The factor of the products of queries and keys; None for one through the root of the head size.
        cap: The products are squeezed smoothly between plus and minus this number; None for no limit (Gemma Team 2024,
            "Gemma 2", section 2).
        bias: What is added to the products.
    """

    causal: bool = False
    window: int | None = None
    scale: float | None = None
    cap: float | None = None
    bias: Bias | None = None


ALL = View()
"""A token sees all tokens."""


def attend(
    q: Tensor, k: Tensor, v: Tensor, sequences: Sequences, *, view: View, before: KeysAndValues | None = None
) -> Tensor:
    """Scaled dot-product attention. There may be fewer heads of keys and values than of queries, which share them.

    Args:
        q: Queries, shape (tokens, heads, head size), or (sequences, heads, head size) for one token of each.
        k: Keys, shape (tokens, heads, head size).
        v: Values, shape (tokens, heads, head size).
        sequences: Where the sequences lie.
        view: What a token sees.
        before: Keys and values of tokens that come before each of the sequences.

    Returns:
        Shape (rows of ``q``, heads x head size). With ``borders``, rows that belong to no sequence are uninitialised.
    """
    if sequences.borders is not None and before is None:
        return _all_lengths(q, k, v, sequences, view)
    # Rows that belong to no sequence are zeros, which are safe to calculate with.
    out = q.new_zeros((q.shape[0], q.shape[1] * q.shape[2]))
    single = q.shape[0] != k.shape[0]
    for group in sequences.groups:
        keys = slice(group.token, group.token + group.count * group.length)
        rows = slice(group.sequence, group.sequence + group.count) if single else keys
        parts = [_split(part[part_rows], group.count) for part, part_rows in ((q, rows), (k, keys), (v, keys))]
        if before is not None:
            parts[1:] = (_after(group, *both) for both in zip(before, parts[1:], strict=True))
        attended = _one_length(*parts, view=view, reads_last=sequences.reads_last)
        out[rows].view(group.count, -1, *q.shape[1:]).copy_(attended.transpose(1, 2))
    return out


def _split(part: Tensor, count: int) -> Tensor:
    """View sequences of one length as (sequences, heads, tokens, head size), without copying."""
    return part.view(count, -1, *part.shape[1:]).transpose(1, 2)


def _after(group: Group, before: Tensor, part: Tensor) -> Tensor:
    return torch.cat((before.transpose(0, 1).expand(group.count, -1, -1, -1), part), dim=2)


def _one_length(q: Tensor, k: Tensor, v: Tensor, *, view: View, reads_last: bool) -> Tensor:
    """Attention of sequences of one length, each of shape (sequences, heads, tokens, head size)."""
    queries, keys = q.shape[2], k.shape[2]
    at = slice(keys - queries, keys) if queries > 1 or reads_last else slice(0, 1)
    if view.cap is not None:
        return _capped(q, k, v, view, _mask(view, at, keys, q.device))
    attention = partial(
        nn.functional.scaled_dot_product_attention, scale=view.scale, enable_gqa=q.shape[1] != k.shape[1]
    )
    rows = few_filled_up(queries, q.device)
    asked = q if rows is None else q[:, :, rows]
    if view.bias is None and view.causal and queries == keys and (view.window is None or keys <= view.window + 1):
        return attention(asked, k, v, is_causal=True)[:, :, :queries]
    mask = _mask(view, at, keys, q.device) if view.bias is None else view.bias(q, k, at)
    if mask is not None and rows is not None:
        mask = mask[..., rows, :]
    return attention(asked, k, v, attn_mask=mask)[:, :, :queries]


def _mask(view: View, at: slice, keys: int, device: torch.device) -> Tensor | None:
    """The keys that each query sees, shape (queries, keys); None if all see all."""
    narrow = view.window is not None and keys > view.window + 1
    later = view.causal and at.start + 1 < keys
    if not (narrow or later):
        return None
    positions = torch.arange(keys, device=device)
    distance = positions[at, None] - positions[None, :]
    mask = distance >= 0 if view.causal else torch.ones_like(distance, dtype=torch.bool)
    return mask if view.window is None else mask & (distance.abs() <= view.window)


def _capped(q: Tensor, k: Tensor, v: Tensor, view: View, mask: Tensor | None) -> Tensor:
    assert view.cap is not None
    shared = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(shared, 1), v.repeat_interleave(shared, 1)
    products = q @ k.transpose(-1, -2) * (q.shape[-1] ** -0.5 if view.scale is None else view.scale)
    products = (products / view.cap).tanh_().mul_(view.cap)
    if mask is not None:
        products.masked_fill_(~mask, float("-inf"))
    return products.softmax(-1, dtype=torch.float32).to(v.dtype) @ v


def serves_all_lengths(device: torch.device, dtype: torch.dtype, head_size: int) -> bool:
    """Tell whether torch has a kernel for sequences of different lengths: FlashAttention on NVIDIA GPUs.

    Args:
        device: The device.
        dtype: The number format of queries, keys and values.
        head_size: The width of one attention head.
    """
    return (
        device.type == "cuda"
        and torch.version.hip is None
        and dtype in (torch.float16, torch.bfloat16)
        and head_size % 8 == 0
        and head_size <= 256
        and torch.cuda.get_device_capability(device) >= (8, 0)
        and torch.backends.cuda.is_flash_attention_available()
        and _has_kernel()
    )


def _all_lengths(q: Tensor, k: Tensor, v: Tensor, sequences: Sequences, view: View) -> Tensor:
    from torch.nn.attention import varlen

    assert view.cap is None and view.bias is None, "the kernel knows neither"
    run: Callable[..., Tensor] = varlen.varlen_attn  # pyright: ignore[reportAssignmentType] - a pair only if asked for
    borders, longest = sequences.borders, sequences.longest
    assert borders is not None
    shared = {"scale": view.scale, "enable_gqa": q.shape[1] != k.shape[1]}
    left = -1 if view.window is None else view.window
    reach = (left, 0 if view.causal else left)
    if q.shape[0] == k.shape[0]:
        return run(q, k, v, borders, borders, longest, longest, window_size=reach, **shared).flatten(1)
    lone = torch.arange(q.shape[0] + 1, dtype=torch.int32, device=q.device)
    if sequences.reads_last:
        return run(q, k, v, lone, borders, 1, longest, window_size=reach, **shared).flatten(1)
    # The kernel treats a single query as the last token of its sequence. Here it is the first token, so its window
    # covers the first keys.
    width = 1 if view.causal else None if view.window is None else view.window + 1
    keys_in_reach = None if width is None else borders.diff().clamp(max=width)
    return run(q, k, v, lone, borders, 1, longest, seqused_k=keys_in_reach, **shared).flatten(1)


def _has_kernel() -> bool:
    """Whether torch has the kernel, with a window and with a limit on the keys; old versions do not."""
    try:
        from torch.nn.attention import varlen
    except ImportError:
        return False
    needed = {"window_size", "seqused_k", "scale", "enable_gqa"}
    return needed <= signature(varlen.varlen_attn).parameters.keys()
