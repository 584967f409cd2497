"""The texts in which duplicates are searched for, and their vectors, made once."""

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from bicross.retrieval import BiEncoder
from numpy.typing import NDArray

QUERIES = ("squad-dev", "medquad-qa", "fool-me-twice", "acl-abstracts", "covid-qa", "pubmedqa", "scifact", "nfcorpus")
"""Collections whose queries are questions, claims and titles."""
PAIRS = ("stsb", "sick", "mrpc")
SENTENCES = ("fool-me-twice", "squad-dev", "acl-abstracts", "covid-qa", "medquad-qa")
"""Collections whose documents are cut into sentences, after everything else."""
LONGEST = 400
EMBEDDED_AT_ONCE = 512


def collect_texts(data: Path, count: int) -> list[str]:
    """Return ``count`` distinct short texts of the shared collections, always the same ones.

    They are drawn at random, so that a smaller number has texts of all collections too.
    """
    distinct = list(dict.fromkeys(" ".join(text.split()) for text in _texts(data)))
    distinct = [text for text in distinct if 0 < len(text) <= LONGEST]
    if len(distinct) < count:
        raise SystemExit(f"{data} has {len(distinct)} distinct texts, fewer than {count}")
    return [distinct[number] for number in np.random.default_rng(0).permutation(len(distinct))[:count]]


def _texts(data: Path) -> Iterator[str]:
    for name in QUERIES:
        for row in _rows(data / name / "queries.jsonl"):
            yield row["text"]
    for name in PAIRS:
        for path in sorted((data / name).glob("*.jsonl")):
            for row in _rows(path):
                yield row["sentence1"]
                yield row["sentence2"]
    for name in SENTENCES:
        for row in _rows(data / name / "corpus.jsonl"):
            yield from re.split(r"(?<=[.!?])\s+(?=[A-Z])", row["text"])


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def embed_texts(texts: list[str], model: str, cache: Path) -> NDArray[np.float32]:
    """Return the unit vectors of the texts, float32 of shape (n, dimension), from the cache if it has them."""
    digest = hashlib.sha256("\0".join([model, *texts]).encode()).hexdigest()[:16]
    path = cache / f"vectors-{digest}.npy"
    if not path.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        encoder = BiEncoder(model, device="cpu")
        parts: list[NDArray[np.float32]] = []
        order = np.argsort([len(text) for text in texts], kind="stable")
        for start in range(0, len(texts), EMBEDDED_AT_ONCE):
            chosen = order[start : start + EMBEDDED_AT_ONCE].tolist()
            parts.append(encoder.encode_documents([texts[number] for number in chosen]))
        vectors = np.empty((len(texts), parts[0].shape[1]), np.float32)
        vectors[order] = np.concatenate(parts)
        with (cache / f"{path.name}.part").open("wb") as file:
            np.save(file, vectors)
        (cache / f"{path.name}.part").rename(path)
    return np.load(path, mmap_mode="r")
