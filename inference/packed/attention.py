"""Attention within each sequence of a packed batch, never across sequences."""

from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature

import torch
from torch import Tensor, nn

from .packing import Group


@dataclass(frozen=True, slots=True)
class Sequences:
    """Where the sequences of a batch lie.

    Attributes:
        groups: Consecutive sequences of one length.
        positions: The position of every token in its sequence, int64 on the device.
        longest: A number of tokens that no sequence exceeds.
        borders: The first token of each sequence and the end of the last one, int32 on the device. If given, one kernel
            uses it instead of ``groups``.
    """

    groups: tuple[Group, ...]
    positions: Tensor
    longest: int
    borders: Tensor | None = None


def attend(q: Tensor, k: Tensor, v: Tensor, sequences: Sequences, *, window: int | None = None) -> Tensor:
    """Scaled dot-product attention.

    Args:
        q: Queries, shape (tokens, heads, head size), or (sequences, heads, head size) for the first tokens only.
        k: Keys, shape (tokens, heads, head size).
        v: Values, shape (tokens, heads, head size).
        sequences: Where the sequences lie.
        window: The greatest distance at which a token sees another, in tokens; None for no limit.

    Returns:
        Shape (rows of ``q``, heads x head size). With ``borders``, rows that belong to no sequence are uninitialised.
    """
    if sequences.borders is not None:
        return _all_lengths(q, k, v, sequences.borders, longest=sequences.longest, window=window)
    # Rows that belong to no sequence are zeros, which are safe to calculate with.
    out = q.new_zeros((q.shape[0], q.shape[1] * q.shape[2]))
    first_only = q.shape[0] != k.shape[0]
    for group in sequences.groups:
        keys = slice(group.token, group.token + group.count * group.length)
        rows = slice(group.sequence, group.sequence + group.count) if first_only else keys
        parts = [_split(part[part_rows], group.count) for part, part_rows in ((q, rows), (k, keys), (v, keys))]
        rows_of_each = parts[0].shape[2]
        if first_only and q.device.type == "cpu":
            parts[0] = parts[0].expand(-1, -1, _QUERY_ROWS, -1)
        mask = None if window is None or group.length <= window else _band(group.length, window, first_only, q.device)
        attended = nn.functional.scaled_dot_product_attention(*parts, attn_mask=mask)
        out[rows].view(group.count, -1, *q.shape[1:]).copy_(attended[:, :, :rows_of_each].transpose(1, 2))
    return out


_QUERY_ROWS = 4
"""Copies of a single query that are computed. Fewer rows have kernels of their own on a CPU, which depend on the number
of threads; and a batch of few texts runs in several threads, but each of many batches in one.
"""


def _split(part: Tensor, count: int) -> Tensor:
    """View sequences of one length as (sequences, heads, tokens, head size), without copying."""
    return part.view(count, -1, *part.shape[1:]).transpose(1, 2)


def _band(length: int, window: int, first_only: bool, device: torch.device) -> Tensor:  # noqa: FBT001
    positions = torch.arange(length, device=device)
    queries = positions[:1] if first_only else positions
    return (queries[:, None] - positions[None, :]).abs() <= window


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


def _all_lengths(q: Tensor, k: Tensor, v: Tensor, borders: Tensor, *, longest: int, window: int | None) -> Tensor:
    from torch.nn.attention import varlen

    run: Callable[..., Tensor] = varlen.varlen_attn  # pyright: ignore[reportAssignmentType] - a pair only if asked for
    if q.shape[0] == k.shape[0]:
        reach = (-1, -1) if window is None else (window, window)
        return run(q, k, v, borders, borders, longest, longest, window_size=reach).flatten(1)
    # The kernel treats a single query as the last token of its sequence. Here it is the first token, so its window
    # covers the first keys.
    lone = torch.arange(q.shape[0] + 1, dtype=torch.int32, device=q.device)
    keys_in_window = None if window is None else borders.diff().clamp(max=window + 1)
    return run(q, k, v, lone, borders, 1, longest, seqused_k=keys_in_window).flatten(1)


def _has_kernel() -> bool:
    """Whether torch has the kernel, with a window and with a limit on the keys; old versions do not."""
    try:
        from torch.nn.attention import varlen
    except ImportError:
        return False
    return {"window_size", "seqused_k"} <= signature(varlen.varlen_attn).parameters.keys()
