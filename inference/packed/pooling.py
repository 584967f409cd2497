"""How the states of the tokens of a sequence become its vector."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Finish = Callable[[Tensor], Tensor]
"""Turns pooled vectors, float32 of shape (sequences, width), into the result, on the device."""
PoolingKind = Literal["first", "last", "mean", "max"]


@dataclass(frozen=True, slots=True)
class Pooling:
    """One vector, or several side by side.

    Attributes:
        kinds: What each vector is: the state of the first or the last token, the mean, or the greatest number of each
            unit.
        passed_over: A token id that is not taken as the last token, if the model has one.
    """

    kinds: tuple[PoolingKind, ...]
    passed_over: int | None = None

    @property
    def one_token_only(self) -> bool:
        """Whether only the first or only the last token of each sequence is needed."""
        return self.kinds == ("first",) or (self.kinds == ("last",) and self.passed_over is None)

    @property
    def reads_last(self) -> bool:
        """Whether a token that is needed alone is the last one."""
        return self.kinds == ("last",)

    def rows(self, starts: Tensor) -> Tensor:
        """The token of each sequence that is needed, if there is only one.

        Args:
            starts: The first token of each sequence and the end of the last one, shape (sequences + 1,).

        Returns:
            Numbers of tokens, int64 of shape (sequences,).
        """
        return starts[1:] - 1 if self.reads_last else starts[:-1]

    def pool(self, x: Tensor, ids: Tensor, starts: Tensor) -> Tensor:
        """Pool states.

        Args:
            x: float32, shape (tokens, hidden).
            ids: The token ids, shape (tokens,).
            starts: As in ``rows``.

        Returns:
            Shape (sequences, hidden times the number of kinds).
        """
        return torch.cat([self._pooled(kind, x, ids, starts) for kind in self.kinds], dim=1)

    def _pooled(self, kind: PoolingKind, x: Tensor, ids: Tensor, starts: Tensor) -> Tensor:
        if kind in ("first", "last"):
            return x[self._last(ids, starts) if kind == "last" else starts[:-1]]
        # unsafe=True, because a check of the lengths would wait for the device.
        return torch.segment_reduce(x, kind, lengths=starts.diff(), axis=0, unsafe=True)

    def _last(self, ids: Tensor, starts: Tensor) -> Tensor:
        ends = starts[1:] - 1
        if self.passed_over is None:
            return ends
        numbers = torch.arange(len(ids), device=ids.device)
        latest = torch.where(ids != self.passed_over, numbers, -1).cummax(0).values
        return torch.maximum(latest[ends], starts[:-1])
