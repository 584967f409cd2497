"""Real vectors in number: texts of BEIR folders, embedded and cached. Knows no index.

From small collections come a million vectors as a long document gives many: each sentence, each half of a longer
sentence, neighbouring sentences two by two, and each third of a long sentence is a text of its own. Queries are the
collections' own.
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
WORDS_OF_A_PART = 5
"""Words that a part of a sentence has at least."""
MOST = 1_000_000


def benchmark_texts(data: Path) -> list[str]:
    """Distinct texts, always the same in the same order: sentences, halves, passages of two sentences, thirds."""
    bodies = [str(row["text"]) for name in COLLECTIONS for row in _rows(data / name / "corpus.jsonl")]
    titles = [str(row["title"]) for name in COLLECTIONS for row in _rows(data / name / "corpus.jsonl")]
    files = sorted(file for name in PAIRS for file in (data / name).glob("*.jsonl"))
    pairs = [str(row[side]) for file in files for row in _rows(file) for side in ("sentence1", "sentence2")]
    documents = [_sentences(body) for body in bodies]
    sentences = [sentence for document in documents for sentence in document]
    halves = [half for sentence in sentences for half in _parts(sentence, 2)]
    passages = [" ".join(d[i : i + 2]) for d in documents for i in range(0, len(d) - 1, 2)]
    thirds = [third for sentence in sentences for third in _parts(sentence, 3)]
    texts = dict.fromkeys(itertools.chain(titles, sentences, pairs, halves, passages, thirds))
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


def _parts(sentence: str, count: int) -> list[str]:
    """A long sentence in so many parts of as many words each."""
    words = sentence.split()
    if len(words) < WORDS_OF_A_PART * count:
        return []
    cuts = [len(words) * part // count for part in range(count + 1)]
    return [" ".join(words[start:stop]) for start, stop in itertools.pairwise(cuts)]
