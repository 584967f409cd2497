"""Compares two texts: similarity, paraphrase, entailment, and labels for texts by entailment."""

from .inputs import paired
from .labels import Entailment, entailment_of
from .scorer import DEFAULT_SIMILARITY, PairLabel, PairScorer, RankedText
from .zero_shot import TEMPLATE, classify_texts, hypotheses_of

__all__ = [
    "DEFAULT_SIMILARITY",
    "TEMPLATE",
    "Entailment",
    "PairLabel",
    "PairScorer",
    "RankedText",
    "classify_texts",
    "entailment_of",
    "hypotheses_of",
    "paired",
]
