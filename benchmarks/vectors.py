"""Real vectors in number: texts of BEIR folders, embedded and cached. Knows no index.

From small collections come a million vectors as every long document gives many: each sentence, each half of a longer
sentence, and each pair of neighbouring sentences is a text of its own. Queries are the collections' own.
"""

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

COLLECTIONS = ("scifact", "nfcorpus", "squad-dev", "medquad-qa", "cosqa", "cranfield")
PAIRS = ("stsb", "sick", "mrpc")
SHORTEST = 20
"""Characters of the shortest text: below are headings, numbers and fragments."""
LONG_SENTENCE = 10
"""Words from which a sentence is also cut in two."""
MOST = 1_000_000


def benchmark_texts(data: Path) -> list[str]:
    """Distinct texts, always in the same order: sentences, halves of sentences, two and then three together."""
    bodies = [str(row["text"]) for name in COLLECTIONS for row in _rows(data / name / "corpus.jsonl")]
    titles = [str(row["title"]) for name in COLLECTIONS for row in _rows(data / name / "corpus.jsonl")]
    files = sorted(file for name in PAIRS for file in (data / name).glob("*.jsonl"))
    pairs = [str(row[side]) for file in files for row in _rows(file) for side in ("sentence1", "sentence2")]
    documents = [_sentences(body) for body in bodies]
    sentences = [sentence for document in documents for sentence in document]
    halves = [half for sentence in sentences for half in _halves(sentence)]
    twos = [" ".join(two) for document in documents for two in itertools.pairwise(document)]
    threes = [" ".join(three) for d in documents for three in zip(d, d[1:], d[2:], strict=False)]
    texts = dict.fromkeys(itertools.chain(titles, sentences, pairs, halves, twos, threes))
    return [text for text in texts if len(text) >= SHORTEST][:MOST]


def benchmark_queries(data: Path) -> list[str]:
    """Distinct queries of all collections, shuffled by a fixed seed."""
    queries = dict.fromkeys(str(row["text"]) for name in COLLECTIONS for row in _rows(data / name / "queries.jsonl"))
    return [str(query) for query in np.random.default_rng(0).permutation(list(queries))]


def _rows(path: Path) -> Iterator[dict[str, object]]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _sentences(text: str) -> list[str]:
    sentences = (" ".join(sentence.split()) for sentence in re.split(r"(?<=[.!?])\s+|\n\s*\n", text))
    return [sentence for sentence in sentences if len(sentence) >= SHORTEST]


def _halves(sentence: str) -> list[str]:
    words = sentence.split()
    if len(words) < LONG_SENTENCE:
        return []
    return [" ".join(words[: len(words) // 2]), " ".join(words[len(words) // 2 :])]
