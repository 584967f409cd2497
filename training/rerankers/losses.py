"""The listwise loss that sentence-transformers has none of: targets over several positives, scores of stage one added.

Softmax cross-entropy between a list's targets and the scores of its passages: ListNet's top-one probability (Cao et al.
2007, section 4), with targets that are 0 for what is not relevant. Knows no index and no file.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .joint_exits import exits_of

LENGTH_GROUPS = 3
"""Pairs of a step run in so many groups of like length: padding costs half of the time on a CPU otherwise."""


class ListwiseLoss(nn.Module):
    """For the trainer of sentence-transformers: columns are query, passages, and with a weight the prior scores.

    Where exits learn with the model, their own loss is added: the cross-entropy between the softmax over a list of what
    the last layer says, which is a target and not moved by it, and that of what an exit says; the mean over exits.
    """

    def __init__(self, model: nn.Module, *, graded: bool = False, prior_weight: float = 0.0) -> None:
        super().__init__()
        self.model = model
        self.graded, self.prior_weight = graded, prior_weight

    def forward(self, inputs: Sequence[Any], labels: Sequence[Tensor], **_: object) -> Tensor:
        """The mean over lists; ``labels`` has a tensor of grades, of any length, for each."""
        queries: Sequence[str] = inputs[0]
        passages: Sequence[Sequence[str]] = inputs[1]
        pairs = [(query, passage) for query, some in zip(queries, passages, strict=True) for passage in some]
        sizes = [len(some) for some in passages]
        scores, *said = pair_scores(self.model, pairs).float().unbind(1)
        targets = [torch.softmax(score, dim=0) for score in torch.split(scores.detach(), sizes)]
        taught = [cross_entropy(torch.split(one, sizes), targets) for one in said]
        if self.prior_weight:
            priors: Sequence[Sequence[float]] = inputs[2]
            scores = scores + self.prior_weight * scores.new_tensor([value for prior in priors for value in prior])
        loss = listwise_cross_entropy(torch.split(scores, sizes), labels, graded=self.graded)
        return loss + torch.stack(taught).mean() if taught else loss


def listwise_cross_entropy(scores: Sequence[Tensor], labels: Sequence[Tensor], *, graded: bool) -> Tensor:
    """The mean over lists of the cross-entropy between a list's targets and the softmax of its scores.

    Targets are even over the passages with a label above 0, or, ``graded``, in proportion to 2^label - 1.
    """
    targets: list[Tensor] = []
    for score, label in zip(scores, labels, strict=True):
        grades = label.to(score).clamp(min=0)
        gains = torch.exp2(grades) - 1 if graded else (grades > 0).to(score)
        targets.append(gains / gains.sum())
    return cross_entropy(scores, targets)


def cross_entropy(scores: Sequence[Tensor], targets: Sequence[Tensor]) -> Tensor:
    """The mean over lists of the cross-entropy between targets, which sum to 1, and the softmax of scores."""
    losses = [-(target * torch.log_softmax(score, dim=0)).sum() for score, target in zip(scores, targets, strict=True)]
    return torch.stack(losses).mean()


def pair_scores(model: Any, pairs: Sequence[tuple[str, str]]) -> Tensor:  # noqa: ANN401 - a CrossEncoder, or one wrapped
    """Logits of shape (pairs, 1 + exits), with a gradient: of the last layer, and of each exit that learns with it."""
    exits = exits_of(model)
    order = sorted(range(len(pairs)), key=lambda i: len(pairs[i][0]) + len(pairs[i][1]))
    size = math.ceil(len(order) / LENGTH_GROUPS)
    device = next(model.parameters()).device
    outputs: list[Tensor] = []
    for start in range(0, len(order), size):
        features = model.preprocess([pairs[i] for i in order[start : start + size]])
        placed = {name: value.to(device) if isinstance(value, Tensor) else value for name, value in features.items()}
        last = model(placed)["scores"].view(-1)
        outputs.append(torch.stack([last, *(said.to(last) for said in (exits.said() if exits else ()))], dim=1))
    position = torch.empty(len(order), dtype=torch.long, device=device)
    position[torch.tensor(order, device=device)] = torch.arange(len(order), device=device)
    return torch.cat(outputs)[position]
