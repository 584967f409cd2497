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
        return Head(model.bert, "first", _in_one_shape(lambda x: classifier(pooler(x[:, None]))))
    if kind in _HEAD_READS_FIRST:
        base, classifier = getattr(model, _HEAD_READS_FIRST[kind]), model.classifier
        return Head(base, "first", _in_one_shape(lambda x: classifier(x[:, None])))
    if kind == "DistilBertForSequenceClassification":
        before, classifier = model.pre_classifier, model.classifier
        return Head(model.distilbert, "first", _in_one_shape(lambda x: classifier(before(x).relu())))
    if kind == "ModernBertForSequenceClassification":
        head, classifier = model.head, model.classifier
        pooling: Pooling = "mean" if model.config.classifier_pooling == "mean" else "first"
        return Head(model.model, pooling, _in_one_shape(lambda x: classifier(head(x))))
    return None


def _in_one_shape(finish: Finish) -> Finish:
    """Return a head that, on a CPU, always computes the same number of sequences at once; zeros fill the last rows.

    Products of a few rows have kernels of their own there, and with them other last digits, so that a logit would
    depend on how many sequences share its batch. In one shape a row does not depend on the others, nor on its place.
    On a GPU all rows are computed at once.
    """

    def finish_in_one_shape(x: Tensor) -> Tensor:
        if x.device.type != "cpu" or not len(x):
            return finish(x)
        rows = torch.cat([x, x.new_zeros(-len(x) % _ROWS, x.shape[1])])
        return torch.cat([finish(rows[start : start + _ROWS]) for start in range(0, len(rows), _ROWS)])[: len(x)]

    return finish_in_one_shape


_ROWS = 16
_HEAD_READS_FIRST = {
    "ElectraForSequenceClassification": "electra",
    "RobertaForSequenceClassification": "roberta",
    "XLMRobertaForSequenceClassification": "roberta",
}
