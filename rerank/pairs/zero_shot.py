"""Labels for texts that no model was trained on: a text has a label if it entails a sentence about the label.

The method is that of Yin et al. 2019 (arXiv 1909.00161, section 4): each label becomes a hypothesis, and a model of
natural language inference says whether the text entails it.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError
from ...errors.arguments import checked_flag, checked_instance, checked_texts, described
from .labels import entailment_of
from .scorer import PairLabel, PairScorer

TEMPLATE = "This text is about {}."
"""The hypothesis about a label."""


def classify_texts(
    texts: Sequence[str],
    labels: Sequence[str],
    scorer: PairScorer,
    *,
    template: str = TEMPLATE,
    several: bool = False,
    entailment_label: str | None = None,
) -> list[PairLabel]:
    """Find the label of each text by entailment.

    Args:
        texts: The texts; of those that are too long for the model, the beginning counts.
        labels: The labels to choose from.
        scorer: A model of natural language inference.
        template: The hypothesis, with {} in the place of the label.
        several: Whether a text may have several labels, or none: each has a probability of its own. Else they sum to 1.
        entailment_label: What the model calls entailment; None finds it by its name.

    Returns:
        For each text the most probable label, and the probabilities of all.

    Raises:
        ArgumentError: Texts or labels are blank or no texts, labels are too few or repeated, or the template has no
            place for them.
        ModelError: The model has no label for entailment.

    Example:
        >>> scorer = PairScorer("cross-encoder/nli-MiniLM2-L6-H768")
        >>> classify_texts(["Shares fell by a tenth."], ["business", "sport"], scorer)[0].label
        'business'
    """
    hypotheses = hypotheses_of(labels, template, several=checked_flag(several, "several"))
    checked_instance(scorer, PairScorer, "scorer")
    if entailment_label is not None:
        checked_instance(entailment_label, str, "entailment_label")
    entailment = entailment_of(scorer.labels, scorer.name, entailment_label)
    pairs = [(text, hypothesis) for text in checked_texts(texts, "texts") for hypothesis in hypotheses]
    logits = scorer.logits(pairs).astype(np.float64).reshape(-1, len(hypotheses), len(scorer.labels))
    entails = logits[:, :, entailment.entails]
    if several:
        others = [number for number in range(len(scorer.labels)) if number != entailment.entails]
        against = logits[:, :, others if entailment.against is None else [entailment.against]]
        probabilities = 1.0 / (1.0 + np.exp(np.clip(_log_sum(against) - entails, -500.0, 500.0)))
    else:
        probabilities = np.exp(entails - _log_sum(entails)[:, None])
    return [_labelled(list(labels), row) for row in probabilities]


def hypotheses_of(labels: Sequence[str], template: str, *, several: bool) -> list[str]:
    """Return the hypothesis about each label.

    Raises:
        ArgumentError: As for ``classify_texts``.
    """
    names = checked_texts(labels, "labels")
    blank = [number for number, name in enumerate(names) if not name.strip()]
    if blank:
        raise ArgumentError(f"label {blank[0]} is empty ({names[blank[0]]!r}): leave it out")
    twice = next((name for number, name in enumerate(names) if name in names[:number]), None)
    if twice is not None:
        raise ArgumentError(f"labels must all be different: {twice!r} is there twice")
    if len(names) < (1 if several else 2):
        raise ArgumentError(
            f"labels must be two or more, or there is nothing to choose, and not {len(names)}; with several=True one "
            "is enough"
        )
    if not isinstance(template, str) or template.count("{}") != 1:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ArgumentError(f"template must have {{}} once, in the place of the label, not {described(template)}")
    return [template.replace("{}", name) for name in names]


def _log_sum(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The logarithm of the sum of exponentials over the last axis."""
    highest = values.max(axis=-1, keepdims=True)
    return np.log(np.exp(values - highest).sum(axis=-1)) + highest[..., 0]


def _labelled(labels: list[str], probabilities: NDArray[np.float64]) -> PairLabel:
    values = [float(value) for value in probabilities]
    best = int(np.argmax(probabilities))
    return PairLabel(labels[best], values[best], dict(zip(labels, values, strict=True)))
