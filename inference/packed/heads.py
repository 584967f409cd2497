"""Classification heads of the transformers library: how they pool an encoder's states and compute outputs."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .engine import Finish, Pooling


@dataclass(frozen=True, slots=True)
class Head:
    """A model split into an encoder and its head.

    Attributes:
        base: The base model of transformers.
        pooling: The states of the base model that the head takes.
        finish: The rest of the model: (sequences, hidden) to (sequences, outputs).
    """

    base: Any
    pooling: Pooling
    finish: Finish


def head_of(model: Any) -> Head | None:  # noqa: ANN401 - models share no useful base
    """Split a sequence classifier of transformers into base model and head; None if its class is not supported."""
    kind = type(model).__name__
    if kind == "BertForSequenceClassification":
        pooler, classifier = model.bert.pooler, model.classifier
        return Head(model.bert, "first", _each_alone(lambda x: classifier(pooler(x[:, None]))))
    if kind in _HEAD_READS_FIRST:
        base, classifier = getattr(model, _HEAD_READS_FIRST[kind]), model.classifier
        return Head(base, "first", _each_alone(lambda x: classifier(x[:, None])))
    if kind == "DistilBertForSequenceClassification":
        before, classifier = model.pre_classifier, model.classifier
        return Head(model.distilbert, "first", _each_alone(lambda x: classifier(before(x).relu())))
    if kind == "ModernBertForSequenceClassification":
        head, classifier = model.head, model.classifier
        pooling: Pooling = "mean" if model.config.classifier_pooling == "mean" else "first"
        return Head(model.model, pooling, _each_alone(lambda x: classifier(head(x))))
    return None


def _each_alone(finish: Finish) -> Finish:
    """Return a head that, on a CPU, computes one sequence at a time.

    Products of a few rows have kernels of their own there, and with them other last digits, so that a logit would
    depend on how many sequences share its batch. Each head takes about a tenth of a millisecond. On a GPU all rows are
    computed at once.
    """

    def alone(x: Tensor) -> Tensor:
        if x.device.type != "cpu" or not len(x):
            return finish(x)
        return torch.cat([finish(x[row : row + 1]) for row in range(len(x))])

    return alone


_HEAD_READS_FIRST = {
    "ElectraForSequenceClassification": "electra",
    "RobertaForSequenceClassification": "roberta",
    "XLMRobertaForSequenceClassification": "roberta",
}
