"""Trains exit heads by self-distillation: early layers learn what the last one says. Knows no index and no judgments.

The model itself stays as it is. Of each pair the first token after the layers in question is collected once; a head
then learns to give, from it, the logits of the whole model: as an order within each list, by the divergence of the
distributions that the softmax makes of both (ListNet's loss, Cao et al. 2007, with a teacher as in Hinton et al. 2015),
and as numbers, by their squared difference, so that exits and the whole model can be blended by one rule.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..errors import ArgumentError, ModelError
from ..inference import ExitHead
from .cross_encoder import CrossEncoderReranker

logger = logging.getLogger("bicross")

LEAST_LISTS = 10
CHECKS = 20
"""Looks at the held-out lists, from which the best head is taken."""
_TINY = 1e-6


@dataclass(frozen=True, slots=True)
class ExitSettings:
    """``layers``, counted from 1, get a head each; a share of the lists is held out. ``seed`` fixes the result."""

    layers: tuple[int, ...] = (2, 4)
    steps: int = 600
    lists_per_step: int = 32
    learning_rate: float = 1e-3
    held_out_share: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps < 1 or self.lists_per_step < 1 or not 0.0 < self.held_out_share < 1.0:
            raise ArgumentError(
                "steps and lists_per_step must be positive and held_out_share between 0 and 1, not "
                f"{self.steps}, {self.lists_per_step}, {self.held_out_share}"
            )


@dataclass(frozen=True, slots=True)
class TrainedExit:
    """A head, and on held-out lists the loss and the mean correlation of its logits with the whole model's."""

    head: ExitHead
    loss: float
    correlation: float


@dataclass(frozen=True, slots=True, eq=False)
class Lists:
    """First tokens and logits of the passages of each query, filled up to the longest list; ``real`` says which are."""

    states: Tensor
    logits: Tensor
    real: Tensor


def train_exits(
    reranker: CrossEncoderReranker,
    lists: Sequence[tuple[str, Sequence[str]]],
    settings: ExitSettings | None = None,
) -> dict[int, TrainedExit]:
    """A head for each layer, from queries with passages of which some are better than others; no judgments are needed.

    Raises ``ArgumentError`` where there are too few lists, or a list has less than two passages.
    """
    settings = settings or ExitSettings()
    short = next((query for query, passages in lists if len(passages) < 2), None)
    if len(lists) < LEAST_LISTS or short is not None:
        raise ArgumentError(
            f"exits learn from {LEAST_LISTS} queries or more, each with two passages or more; there are {len(lists)}"
            + ("" if short is None else f", and {short[:60]!r} has fewer passages")
        )
    pairs = [(query, passage) for query, passages in lists for passage in passages]
    states, logits = reranker.first_tokens(pairs, settings.layers)
    if not np.isfinite(logits).all():
        raise ModelError("the model gives scores that are not finite, from which nothing can be learned")
    sizes = [len(passages) for _, passages in lists]
    found: dict[int, TrainedExit] = {}
    for place, layer in enumerate(settings.layers):
        found[layer] = fit_exit(as_lists(states[:, place], logits, sizes), settings)
        logger.info("exit after layer %d: held-out correlation %.3f", layer, found[layer].correlation)
    return found


def as_lists(states: NDArray[np.float32], logits: NDArray[np.float32], sizes: Sequence[int]) -> Lists:
    """Pairs in a row, of which each query has ``sizes``, as lists."""
    real = np.arange(max(sizes)) < np.array(sizes)[:, None]
    wide, known = np.zeros((*real.shape, states.shape[1]), np.float32), np.zeros(real.shape, np.float32)
    wide[real], known[real] = states, logits
    return Lists(torch.as_tensor(wide), torch.as_tensor(known), torch.as_tensor(real))


def fit_exit(lists: Lists, settings: ExitSettings) -> TrainedExit:
    """One head; the same lists and settings always give the same."""
    generator = torch.Generator().manual_seed(settings.seed)
    order = torch.randperm(len(lists.logits), generator=generator)
    held_out = max(1, round(settings.held_out_share * len(order)))
    check, train = _some(lists, order[:held_out]), _some(lists, order[held_out:])
    model = _Head(train, generator)
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings.learning_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.steps)
    best, head, every = float("inf"), model.folded(), max(1, settings.steps // CHECKS)
    for step in range(1, settings.steps + 1):
        rows = torch.randint(len(train.logits), (settings.lists_per_step,), generator=generator)
        loss = model.loss(_some(train, rows))
        optimizer.zero_grad()
        loss.backward()  # pyright: ignore[reportUnknownMemberType]
        optimizer.step()  # pyright: ignore[reportUnknownMemberType]
        schedule.step()
        if step % every == 0 or step == settings.steps:
            with torch.no_grad():
                now = float(model.loss(check))
            if now < best:
                best, head = now, model.folded()
    return TrainedExit(head, best, _correlation(head, check))


class _Head(nn.Module):
    """As ``ExitHead``, on standardised first tokens, giving standardised logits."""

    def __init__(self, lists: Lists, generator: torch.Generator) -> None:
        super().__init__()
        states, logits = lists.states[lists.real], lists.logits[lists.real]
        width = states.shape[1]
        self.mean, self.deviation = states.mean(0), states.std(0) + _TINY
        self.middle, self.spread = logits.mean(), logits.std() + _TINY
        self.inner = nn.Parameter(torch.randn(width, width, generator=generator) / width**0.5)
        self.inner_bias = nn.Parameter(torch.zeros(width))
        self.outer = nn.Parameter(torch.randn(width, generator=generator) / width**0.5)
        self.outer_bias = nn.Parameter(torch.zeros(1))

    def forward(self, states: Tensor) -> Tensor:
        inner = ((states - self.mean) / self.deviation) @ self.inner.T + self.inner_bias
        return torch.tanh(inner) @ self.outer + self.outer_bias

    def loss(self, lists: Lists) -> Tensor:
        """Divergence of the softmaxes over each list, in logits of the whole model, plus squared differences."""
        own = self(lists.states)
        wanted = (lists.logits - self.middle) / self.spread
        masked = [(self.spread * one).masked_fill(~lists.real, -1e9) for one in (own, wanted)]
        said, target = (one.log_softmax(1) for one in masked)
        divergence = (target.exp() * (target - said)).sum(1).mean()
        return divergence + (own - wanted)[lists.real].square().mean()

    def folded(self) -> ExitHead:
        """The same function of first tokens and to logits as they are."""
        with torch.no_grad():
            inner = self.inner / self.deviation
            parts = (
                inner,
                self.inner_bias - inner @ self.mean,
                self.outer * self.spread,
                self.outer_bias * self.spread + self.middle,
            )
            return ExitHead(*(part.numpy().astype(np.float32) for part in parts))


def _some(lists: Lists, rows: Tensor) -> Lists:
    return Lists(lists.states[rows], lists.logits[rows], lists.real[rows])


def _correlation(head: ExitHead, lists: Lists) -> float:
    """Pearson's, of each list with itself, the mean; a list whose logits are all equal says nothing."""
    found: list[float] = []
    for states, logits, real in zip(lists.states, lists.logits, lists.real, strict=True):
        said, wanted = head(states[real].numpy()), logits[real].numpy()
        if said.std() > _TINY and wanted.std() > _TINY:
            found.append(float(np.corrcoef(said, wanted)[0, 1]))
    return float(np.mean(found)) if found else 0.0
