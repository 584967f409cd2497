"""Measures of a model of pairs on pairs that were judged."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..record import QUALITY, Evaluated
from .method import JudgedPair, PairMethod

SPEARMAN, PEARSON, ACCURACY, F1 = "spearman", "pearson", "accuracy", "f1"
MEASURES = {"similarity": (SPEARMAN, PEARSON), "paraphrase": (ACCURACY, F1), "entailment": (ACCURACY, F1)}
"""The measures of each task. The first one is the quality by which the saved weights are chosen."""


def measured(pairs: Sequence[JudgedPair], outputs: NDArray[np.float32], method: PairMethod) -> Evaluated:
    """Measure the outputs of a model.

    Args:
        pairs: Pairs with their targets.
        outputs: The raw outputs, shape (pairs,) for one output, else (pairs, outputs).
        method: What was learned.

    Returns:
        The ``MEASURES`` of the task by name, and ``QUALITY``. For paraphrase F1 is that of the pairs that are one, for
        entailment the mean over labels.
    """
    targets = np.array([pair.target for pair in pairs])
    if method.task == "similarity":
        values = outputs.astype(np.float64)
        likely = 1.0 / (1.0 + np.exp(-np.clip(values, -500.0, 500.0)))
        measured = {SPEARMAN: spearman(values, targets), PEARSON: pearson(likely, targets)}
    else:
        labels = (outputs > 0).astype(np.int64) if outputs.ndim == 1 else outputs.argmax(axis=1)
        measured = _of_labels(labels, targets, count=method.outputs)
    return {QUALITY: measured[MEASURES[method.task][0]], **measured}


def _of_labels(labels: NDArray[np.int64], targets: NDArray[np.float64], *, count: int) -> dict[str, float]:
    numbers = [1] if count == 1 else range(count)
    scores = [_f1(labels == number, targets == number) for number in numbers]
    return {ACCURACY: float((labels == targets).mean()), F1: sum(scores) / len(scores)}


def spearman(values: NDArray[np.float64], targets: NDArray[np.float64]) -> float:
    """Return Spearman's rank correlation; ties have their mean rank. It is 0 where all numbers are the same."""
    return pearson(_ranks(values), _ranks(targets))


def pearson(values: NDArray[np.float64], targets: NDArray[np.float64]) -> float:
    """Return Pearson's correlation, 0 where all numbers are the same."""
    first, second = values - values.mean(), targets - targets.mean()
    spread = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return float((first * second).sum()) / spread if spread else 0.0


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts - 1) / 2)[inverse]


def _f1(predicted: NDArray[np.bool_], true: NDArray[np.bool_]) -> float:
    positives = int(predicted.sum()) + int(true.sum())
    return 2 * int((predicted & true).sum()) / positives if positives else 0.0
