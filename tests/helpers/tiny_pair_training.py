"""Pairs that a tiny model can learn by heart."""

import itertools
from pathlib import Path

from bicross.training import TrainingSettings
from bicross.training.pairs import JudgedPair, PairMethod, train_pairs

from helpers.tiny_models import MAX_LENGTH

PLACES = ("sofa", "park", "field")
LABELS = ("entailment", "neutral", "contradiction")


def with_a_sofa():
    """Two sentences count as alike if there is a sofa in one of them."""
    texts = [f"the {animal} sleeps in the {place}" for animal in ("cat", "dog", "owl") for place in PLACES]
    pairs = itertools.combinations(texts, 2)
    return [JudgedPair(first, second, float("sofa" in first + second)) for first, second in pairs]


def before_or_after():
    """A label for each order of two places: the order of the texts matters."""
    pairs = itertools.product(PLACES, PLACES)
    return [
        JudgedPair(f"a {first}", f"the {second}", (first < second) + 2.0 * (first > second)) for first, second in pairs
    ]


def settings(output, **changes):
    plain = {"learning_rate": 5e-3, "lists_per_step": 4, "max_length": MAX_LENGTH, "device": "cpu", "evaluate_every": 2}
    return TrainingSettings(output=Path(output), **(plain | changes))


def train(base, output, *, watch=None, **changes):
    pairs = with_a_sofa()
    return train_pairs(
        pairs,
        settings(output, max_steps=9, **changes),
        model=base,
        method=PairMethod(task="paraphrase"),
        held_out=pairs[::3],
        watch=watch,
    )
