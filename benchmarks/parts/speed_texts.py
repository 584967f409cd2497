"""Real texts and queries of two lengths for the benchmarks of speed.

"MS MARCO-like" are passages as long as MS MARCO's: runs of whole sentences of the prose collections. Their lengths are
drawn from a log-normal distribution, because the project has no copy of MS MARCO. "SciFact" are the documents and
claims of that collection. The candidates of a query are the passages that share most rare words with it, so that they
are as hard to order as those of a first stage.
"""

import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from bicross.index import passage_text
from vectors import sentences_of

PROSE = ("squad-dev", "medquad-qa", "nfcorpus", "cranfield")
MARCO, SCIFACT = "MS MARCO-like", "SciFact"
MEDIAN_WORDS, SPREAD = 52.0, 0.42
"""Of the log-normal distribution of words. The mean is 57 words, about 80 tokens of BERT."""
FEWEST_WORDS, MOST_WORDS = 15, 160
CANDIDATES = 100


@dataclass(frozen=True)
class Workload:
    """Queries and passages; ``source`` says where they come from."""

    name: str
    queries: Sequence[str]
    passages: Sequence[str]
    source: str

    def pairs(self, count: int) -> list[list[tuple[str, str]]]:
        """Return ``count`` of the queries, evenly spread, each paired with its candidates."""
        chosen = spread(self.queries, count)
        return [[(query, self.passages[row]) for row in self._overlap.nearest(query, CANDIDATES)] for query in chosen]

    @cached_property
    def _overlap(self) -> "Overlap":
        return Overlap(self.passages)


def workloads(data: Path) -> list[Workload]:
    """Read both workloads from the folder of the collections."""
    prose = [row["text"] for name in PROSE for row in rows(data / name / "corpus.jsonl")]
    marco = list(passages_of(prose))
    questions = [row["text"] for row in rows(data / "squad-dev" / "queries.jsonl")]
    documents = [passage_text(row["title"], row["text"]) for row in rows(data / "scifact" / "corpus.jsonl")]
    claims = [row["text"] for row in rows(data / "scifact" / "queries.jsonl")]
    return [
        Workload(MARCO, questions, marco, f"sentences of {', '.join(PROSE)}; questions of squad-dev"),
        Workload(SCIFACT, claims, documents, "its documents and its claims"),
    ]


def rows(path: Path) -> Iterator[dict[str, str]]:
    """Read the lines of a JSONL file."""
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def word_counts(count: int, *, seed: int = 0) -> np.ndarray:
    """Draw the lengths of ``count`` passages in words, always the same."""
    drawn = np.random.default_rng(seed).lognormal(math.log(MEDIAN_WORDS), SPREAD, count)
    return np.clip(drawn, FEWEST_WORDS, MOST_WORDS).astype(int)


def passages_of(texts: Sequence[str]) -> Iterator[str]:
    """Yield runs of whole sentences that come nearest to the lengths drawn for them.

    The rest at the end of a text is a passage too if it has at least half of its length.
    """
    lengths = iter(word_counts(sum(len(text.split()) for text in texts) // FEWEST_WORDS + len(texts) + 1).tolist())
    for text in texts:
        words: list[str] = []
        target = next(lengths)
        for sentence in sentences_of(text):
            more = sentence.split()[:MOST_WORDS]
            if words and len(words) + len(more) - target > target - len(words):
                yield " ".join(words)
                words, target = [], next(lengths)
            words += more
        if 2 * len(words) >= target:
            yield " ".join(words)


def spread(items: Sequence[str], count: int) -> list[str]:
    """Return ``count`` of the items, evenly spread over all."""
    count = min(count, len(items))
    return [items[i * len(items) // count] for i in range(count)]


class Overlap:
    """Finds the passages that share most with a query; rare words weigh more.

    The shared weight is divided by the fourth root of a passage's number of distinct words. Undivided, the nearest
    passages would be longer than others; divided by the square root, shorter.
    """

    def __init__(self, passages: Sequence[str]) -> None:
        self._passages = len(passages)
        self._with: dict[str, list[int]] = defaultdict(list)
        self._roots: list[float] = []
        for number, passage in enumerate(passages):
            words = set(_words(passage))
            self._roots.append(len(words) ** 0.25)
            for word in words:
                self._with[word].append(number)

    def nearest(self, query: str, count: int) -> list[int]:
        """Return the numbers of ``count`` passages, nearest first; if too few share a word, the first others follow."""
        weights: Counter[int] = Counter()
        for word in sorted(set(_words(query))):
            holders = self._with.get(word, [])
            for number in holders:
                weights[number] += math.log(1 + self._passages / len(holders)) / self._roots[number]
        best = sorted(weights, key=lambda number: (-weights[number], number))[:count]
        chosen = set(best)
        others = (number for number in range(self._passages) if number not in chosen)
        return best + [number for number, _ in zip(others, range(count - len(best)), strict=False)]


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
