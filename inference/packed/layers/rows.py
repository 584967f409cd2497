"""How many rows are computed together on a CPU, so that the last digits of a row depend on no other."""

import torch
from torch import Tensor

_BLOCK = 32
"""Queries that torch's attention for a CPU takes together, if a sequence has so many."""
_ALIGNED = 16
"""Float32 numbers of a cache line."""


def few_filled_up(rows: int, device: torch.device) -> Tensor | None:
    """Fill up few rows on a CPU with copies of the last one.

    Each thread of torch's attention has a part of one buffer, whose size is a multiple of the number of queries
    together. Where that is odd, the parts of two threads are aligned unlike, and products have other last digits in
    each. A batch of few texts runs in several threads, but each of many batches in one. A product of a single row has
    kernels of its own, too.

    Args:
        rows: The number of rows.
        device: The device.

    Returns:
        The numbers of the rows to compute, int64; None for all rows as they are.
    """
    if device.type != "cpu" or rows >= _BLOCK or rows % _ALIGNED == 0:
        return None
    return torch.arange(rows + -rows % _ALIGNED).clamp_(max=rows - 1)
