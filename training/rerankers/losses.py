"""A listwise loss with several relevant passages and first-stage scores, which sentence-transformers lacks.

It is the softmax cross-entropy between the targets of a list and the scores of its passages: ListNet's top-one
probability (Cao et al. 2007, section 4), with a target of 0 for passages that are not relevant.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .joint_exits import exits_of

LENGTH_GROUPS = 3
"""The pairs of a step run in this many groups of similar length: else padding takes half of the time on a CPU."""


class ListwiseLoss(nn.Module):
    """The loss for the trainer of sentence-transformers; columns are query, passages, and prior scores if weighted.

    If exit heads are trained with the model, their loss is added: the cross-entropy between the softmax over a list of
    the last layer's scores, without gradient, and that of an exit's scores; the mean over exits.
    """

    def __init__(self, model: nn.Module, *, graded: bool = False, prior_weight: float = 0.0) -> None:
        super().__init__()
        self.model = model
        self.graded, self.prior_weight = graded, prior_weight

    def forward(self, inputs: Sequence[Any], labels: Sequence[Tensor], **_: object) -> Tensor:
        """Return the mean over lists; ``labels`` has a tensor of grades, of any length, for each list."""
        queries: Sequence[str] = inputs[0]
        passages: Sequence[Sequence[str]] = inputs[1]
        pairs = [(query, text) for query, texts in zip(queries, passages, strict=True) for text in texts]
        sizes = [len(texts) for texts in passages]
        scores, *exit_scores = pair_scores(self.model, pairs).float().unbind(1)
        targets = [torch.softmax(score, dim=0) for score in torch.split(scores.detach(), sizes)]
        exit_losses = [cross_entropy(torch.split(values, sizes), targets) for values in exit_scores]
        if self.prior_weight:
            priors: Sequence[Sequence[float]] = inputs[2]
            scores = scores + self.prior_weight * scores.new_tensor([value for prior in priors for value in prior])
        loss = listwise_cross_entropy(torch.split(scores, sizes), labels, graded=self.graded)
        return loss + torch.stack(exit_losses).mean() if exit_losses else loss


def listwise_cross_entropy(scores: Sequence[Tensor], labels: Sequence[Tensor], *, graded: bool) -> Tensor:
    """Return the mean over lists of the cross-entropy between a list's targets and the softmax of its scores.

    Targets are equal for the passages with a label above 0, or, if ``graded``, in proportion to 2^label - 1.
    """
    targets: list[Tensor] = []
    for score, label in zip(scores, labels, strict=True):
        grades = label.to(score).clamp(min=0)
        gains = torch.exp2(grades) - 1 if graded else (grades > 0).to(score)
        targets.append(gains / gains.sum())
    return cross_entropy(scores, targets)


def cross_entropy(scores: Sequence[Tensor], targets: Sequence[Tensor]) -> Tensor:
    """Return the mean over lists of the cross-entropy between targets, which sum to 1, and the softmax of scores."""
    losses = [-(target * torch.log_softmax(score, dim=0)).sum() for score, target in zip(scores, targets, strict=True)]
    return torch.stack(losses).mean()


def pair_scores(model: Any, pairs: Sequence[tuple[str, str]]) -> Tensor:  # noqa: ANN401 - a CrossEncoder, or one wrapped
    """Return logits with gradient, shape (pairs, 1 + exits): of the last layer, and of each exit trained with it."""
    exits = exits_of(model)
    order = sorted(range(len(pairs)), key=lambda i: len(pairs[i][0]) + len(pairs[i][1]))
    size = math.ceil(len(order) / LENGTH_GROUPS)
    device = next(model.parameters()).device
    outputs: list[Tensor] = []
    for start in range(0, len(order), size):
        features = model.preprocess([pairs[i] for i in order[start : start + size]])
        placed = {name: value.to(device) if isinstance(value, Tensor) else value for name, value in features.items()}
        last = model(placed)["scores"].view(-1)
        outputs.append(torch.stack([last, *(logits.to(last) for logits in (exits.logits() if exits else ()))], dim=1))
    position = torch.empty(len(order), dtype=torch.long, device=device)
    position[torch.tensor(order, device=device)] = torch.arange(len(order), device=device)
    return torch.cat(outputs)[position]
