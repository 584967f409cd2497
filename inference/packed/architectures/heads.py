"""Heads of rerankers: how they pool a model's states and compute outputs."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..pooling import Finish, Pooling

_FIRST = Pooling(("first",))
_ROWS = 16
_HEAD_READS_FIRST = {
    "CamembertForSequenceClassification": "roberta",
    "ElectraForSequenceClassification": "electra",
    "MPNetForSequenceClassification": "mpnet",
    "RobertaForSequenceClassification": "roberta",
    "XLMRobertaForSequenceClassification": "roberta",
}
_HEAD_AFTER_POOLER = {
    "BertForSequenceClassification": "bert",
    "NomicBertForSequenceClassification": "nomic_bert",
}
_READS_ALL_TOKENS = frozenset(
    f"{family}ForQuestionAnswering"
    for family in (
        "Albert",
        "Bert",
        "Camembert",
        "DebertaV2",
        "DistilBert",
        "Electra",
        "MPNet",
        "Roberta",
        "XLMRoberta",
    )
)
"""The families whose readers are one linear layer, ``qa_outputs``, on the states of all tokens."""


@dataclass(frozen=True, slots=True)
class Head:
    """A model split into a base model and its head.

    Attributes:
        base: The base model of transformers.
        pooling: The states of the base model that the head takes.
        finish: The rest of the model: (sequences, width) to (sequences, outputs).
        layers: How many of the first layers of the base model run; None for all.
    """

    base: Any
    pooling: Pooling
    finish: Finish
    layers: int | None = None


def head_of(model: Any) -> Head | None:  # noqa: ANN401 - models share no useful base
    """Split a sequence classifier of transformers into base model and head; None if its class is not supported."""
    kind = type(model).__name__
    if kind in _HEAD_AFTER_POOLER:
        base, classifier = getattr(model, _HEAD_AFTER_POOLER[kind]), model.classifier
        pooler = base.pooler
        return Head(base, _FIRST, in_one_shape(lambda x: classifier(pooler(x[:, None]))))
    if kind == "AlbertForSequenceClassification":
        dense, classifier = model.albert.pooler, model.classifier
        return Head(model.albert, _FIRST, in_one_shape(lambda x: classifier(dense(x).tanh())))
    if kind == "DebertaV2ForSequenceClassification":
        pooler, classifier = model.pooler, model.classifier
        return Head(model.deberta, _FIRST, in_one_shape(lambda x: classifier(pooler(x[:, None]))))
    if kind in _HEAD_READS_FIRST:
        base, classifier = getattr(model, _HEAD_READS_FIRST[kind]), model.classifier
        return Head(base, _FIRST, in_one_shape(lambda x: classifier(x[:, None])))
    if kind == "DistilBertForSequenceClassification":
        before, classifier = model.pre_classifier, model.classifier
        return Head(model.distilbert, _FIRST, in_one_shape(lambda x: classifier(before(x).relu())))
    if kind == "ModernBertForSequenceClassification":
        head, classifier = model.head, model.classifier
        pooling = Pooling(("mean",)) if model.config.classifier_pooling == "mean" else _FIRST
        return Head(model.model, pooling, in_one_shape(lambda x: classifier(head(x))))
    if kind.endswith("ForSequenceClassification") and isinstance(getattr(model, "score", None), nn.Linear):
        # Decoders: the last token that is not padding, wherever that comes from.
        pooling = Pooling(("last",), passed_over=model.config.pad_token_id)
        return Head(getattr(model, model.base_model_prefix), pooling, in_one_shape(model.score))
    return None


def head_of_reader(model: Any) -> Head | None:  # noqa: ANN401
    """Split an extractive reader of transformers; None if its class is not supported.

    Its ``finish`` takes the states of tokens, not of sequences: nothing is pooled.
    """
    kind, base = type(model).__name__, getattr(model, str(model.base_model_prefix), None)
    if base is not None and kind in _READS_ALL_TOKENS:
        return Head(base, Pooling(("mean",)), in_one_shape(model.qa_outputs))
    if kind == "ModernBertForQuestionAnswering":
        head, classifier = model.head, model.classifier
        return Head(base, Pooling(("mean",)), in_one_shape(lambda x: classifier(head(x))))
    return None


def head_of_causal(model: Any, token: int, other: int | None) -> Head | None:  # noqa: ANN401
    """Split a language model that answers with one token, such as "yes" or "no".

    Args:
        model: A causal language model of transformers.
        token: The id of the token that means relevant.
        other: The id of the other token, whose logit is subtracted; None for none.

    Returns:
        A head with one output, which computes no other logit; None if the model is of another kind.
    """
    if not isinstance(getattr(model, "lm_head", None), nn.Linear):
        return None
    rows = [token] if other is None else [token, other]
    weight, bias = model.lm_head.weight.detach()[rows], model.lm_head.bias
    chosen = None if bias is None else bias.detach()[rows]
    cap = getattr(model.config, "final_logit_softcapping", None)

    def finish(x: Tensor) -> Tensor:
        logits = nn.functional.linear(x, weight, chosen)
        if cap is not None:
            logits = (logits / cap).tanh() * cap
        return logits if other is None else logits[:, :1] - logits[:, 1:]

    return Head(model.model, Pooling(("last",)), in_one_shape(finish))


def in_one_shape(finish: Finish) -> Finish:
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
