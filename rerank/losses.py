"""The listwise loss that sentence-transformers has none of: targets over several positives, scores of stage one added.

Softmax cross-entropy between a list's targets and the scores of its passages: ListNet's top-one probability (Cao et al.
2007, section 4), with targets that are 0 for what is not relevant. Knows no index and no file.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

LENGTH_GROUPS = 3
"""Pairs of a step run in so many groups of like length: padding costs half of the time on a CPU otherwise."""


class ListwiseLoss(nn.Module):
    """For the trainer of sentence-transformers: columns are query, passages, and with a weight the prior scores."""

    def __init__(self, model: nn.Module, *, graded: bool = False, prior_weight: float = 0.0) -> None:
        super().__init__()
        self.model = model
        self.graded, self.prior_weight = graded, prior_weight

    def forward(self, inputs: Sequence[Any], labels: Sequence[Tensor], **_: object) -> Tensor:
        """The mean over lists; ``labels`` has a tensor of grades, of any length, for each."""
        queries: Sequence[str] = inputs[0]
        passages: Sequence[Sequence[str]] = inputs[1]
        pairs = [(query, passage) for query, some in zip(queries, passages, strict=True) for passage in some]
        scores = pair_scores(self.model, pairs).float()
        if self.prior_weight:
            priors: Sequence[Sequence[float]] = inputs[2]
            scores = scores + self.prior_weight * scores.new_tensor([value for prior in priors for value in prior])
        by_list = torch.split(scores, [len(some) for some in passages])
        return listwise_cross_entropy(by_list, labels, graded=self.graded)


def listwise_cross_entropy(scores: Sequence[Tensor], labels: Sequence[Tensor], *, graded: bool) -> Tensor:
    """The mean over lists of the cross-entropy between a list's targets and the softmax of its scores.

    Targets are even over the passages with a label above 0, or, ``graded``, in proportion to 2^label - 1.
    """
    losses: list[Tensor] = []
    for score, label in zip(scores, labels, strict=True):
        grades = label.to(score).clamp(min=0)
        gains = torch.exp2(grades) - 1 if graded else (grades > 0).to(score)
        losses.append(-(gains / gains.sum() * torch.log_softmax(score, dim=0)).sum())
    return torch.stack(losses).mean()


def pair_scores(model: Any, pairs: Sequence[tuple[str, str]]) -> Tensor:  # noqa: ANN401 - a CrossEncoder, or one wrapped
    """Logits of shape (pairs,), with a gradient."""
    order = sorted(range(len(pairs)), key=lambda i: len(pairs[i][0]) + len(pairs[i][1]))
    size = math.ceil(len(order) / LENGTH_GROUPS)
    device = next(model.parameters()).device
    outputs: list[Tensor] = []
    for start in range(0, len(order), size):
        features = model.preprocess([pairs[i] for i in order[start : start + size]])
        placed = {name: value.to(device) if isinstance(value, Tensor) else value for name, value in features.items()}
        outputs.append(model(placed)["scores"].view(-1))
    position = torch.empty(len(order), dtype=torch.long, device=device)
    position[torch.tensor(order, device=device)] = torch.arange(len(order), device=device)
    return torch.cat(outputs)[position]
