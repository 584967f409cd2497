"""Attention within each sequence of a packed batch, and never across. Knows no architecture."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .packing import Group


@dataclass(frozen=True, slots=True)
class Sequences:
    """Where the sequences of a batch lie, on the device that computes.

    ``starts`` are the first tokens and the end of the last one; ``places`` says for every token its place in its
    sequence; both int64. ``groups`` are neighbours of one length.
    """

    groups: tuple[Group, ...]
    starts: Tensor
    places: Tensor
    longest: int


def attend(q: Tensor, k: Tensor, v: Tensor, sequences: Sequences, *, window: int | None = None) -> Tensor:
    """Scaled dot-product attention; shapes (tokens, heads, head size), result (tokens, heads * head size).

    Where ``q`` has one row a sequence instead of one a token, that row is the sequence's first token. ``window`` is the
    greatest distance at which a token sees another, None without limit. On a GPU in half precision one kernel serves
    sequences of all lengths; elsewhere equal lengths go together.
    """
    if q.device.type == "cuda" and q.dtype in (torch.float16, torch.bfloat16):
        return _variable_length(q, k, v, sequences, window)
    # Zeros stand in rows that belong to no sequence: numbers that are harmless to calculate with.
    out = q.new_zeros((q.shape[0], q.shape[1] * q.shape[2]))
    one = q.shape[0] != k.shape[0]
    for group in sequences.groups:
        keys = slice(group.token, group.token + group.count * group.length)
        rows = slice(group.sequence, group.sequence + group.count) if one else keys
        parts = (_split(part[place], group.count) for part, place in ((q, rows), (k, keys), (v, keys)))
        mask = None if window is None or group.length <= window else _band(group.length, window, one, q.device)
        found = nn.functional.scaled_dot_product_attention(*parts, attn_mask=mask)
        out[rows].view(group.count, -1, *q.shape[1:]).copy_(found.transpose(1, 2))
    return out


def _split(part: Tensor, count: int) -> Tensor:
    """(sequences, heads, tokens, head size) of sequences of one length, without copying."""
    return part.view(count, -1, *part.shape[1:]).transpose(1, 2)


def _band(length: int, window: int, one: bool, device: torch.device) -> Tensor:  # noqa: FBT001
    places = torch.arange(length, device=device)
    queries = places[:1] if one else places
    return (queries[:, None] - places[None, :]).abs() <= window


def _variable_length(q: Tensor, k: Tensor, v: Tensor, sequences: Sequences, window: int | None) -> Tensor:
    from torch.nn.attention.varlen import varlen_attn

    run: Any = varlen_attn
    one = q.shape[0] != k.shape[0]
    ends = sequences.starts.int()
    starts = torch.arange(q.shape[0] + 1, dtype=torch.int32, device=q.device) if one else ends
    longest = 1 if one else sequences.longest
    reach = (-1, -1) if window is None else (window, window)
    found = run(q, k, v, starts, ends, longest, sequences.longest, window_size=reach)
    return found.flatten(1)
