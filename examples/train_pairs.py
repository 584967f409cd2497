"""Trains a model that says whether two sentences mean the same, on pairs made here, without a network.

A real model needs some thousand judged pairs. These few show the calls: they teach that here only the animal counts.

Usage: python examples/train_pairs.py
"""

import itertools
import json
import tempfile
from pathlib import Path

from bicross.pipelines.training.pair_tasks import PairData, train_pairs_on
from bicross.rerank import PairScorer
from bicross.training import TrainingSettings

ANIMALS = ("cat", "dog", "owl", "horse")
PLACES = ("in the park", "on the sofa", "at the lake")
UNSEEN = [
    ("The cat sleeps behind the house", "The cat sleeps near a tree"),
    ("The cat sleeps behind the house", "The owl sleeps behind the house"),
]


def pairs() -> list[dict[str, object]]:
    """Two sentences say the same where the animal is the same, wherever it is."""
    sentences = [(animal, f"The {animal} sleeps {place}") for animal, place in itertools.product(ANIMALS, PLACES)]
    return [
        {"sentence1": first, "sentence2": second, "label": int(animal == other)}
        for (animal, first), (other, second) in itertools.combinations(sentences, 2)
    ]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder) / "pairs.jsonl", Path(folder) / "same-animal"
        source.write_text("".join(json.dumps(row) + "\n" for row in pairs()))
        settings = TrainingSettings(output=output, learning_rate=2e-4, epochs=4, evaluate_every=10)
        trained = train_pairs_on(PairData(source=source, task="paraphrase"), settings)
        for line in trained.summary():
            print(line.replace(f" in {output}", ""))
        scorer = PairScorer(output)
        for (first, second), score in zip(UNSEEN, scorer.score(UNSEEN), strict=True):
            print(f"{score:.3f}  {first} | {second}")


if __name__ == "__main__":
    main()
