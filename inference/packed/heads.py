"""Classification heads of the transformers library: how they pool an encoder's states and compute outputs."""

from dataclasses import dataclass
from typing import Any

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
        return Head(model.bert, "first", lambda x: classifier(pooler(x[:, None])))
    if kind in _HEAD_READS_FIRST:
        base, classifier = getattr(model, _HEAD_READS_FIRST[kind]), model.classifier
        return Head(base, "first", lambda x: classifier(x[:, None]))
    if kind == "DistilBertForSequenceClassification":
        before, classifier = model.pre_classifier, model.classifier
        return Head(model.distilbert, "first", lambda x: classifier(before(x).relu()))
    if kind == "ModernBertForSequenceClassification":
        head, classifier = model.head, model.classifier
        pooling: Pooling = "mean" if model.config.classifier_pooling == "mean" else "first"
        return Head(model.model, pooling, lambda x: classifier(head(x)))
    return None


_HEAD_READS_FIRST = {
    "ElectraForSequenceClassification": "electra",
    "RobertaForSequenceClassification": "roberta",
    "XLMRobertaForSequenceClassification": "roberta",
}
