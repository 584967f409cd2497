"""Six small collections, two tiny models and vectors: enough for a script to run from its beginning to its end."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from helpers import tiny_models

ROOT = Path(__file__).parents[2]
COLLECTIONS = ("scifact", "nfcorpus", "squad-dev", "medquad-qa", "cosqa", "cranfield")
DOCUMENTS, QUERIES = 110, 6


@dataclass(frozen=True, slots=True)
class Small:
    """What the scripts are given."""

    data: Path
    encoder: Path
    reranker: Path


def sentence(chance: random.Random) -> str:
    return " ".join(chance.choices(tiny_models.WORDS[:-2], k=chance.randint(5, 12))) + "."


def write_collection(folder: Path, seed: int) -> None:
    """A third of the documents answers every query, so that also a random model finds some."""
    chance = random.Random(seed)
    (folder / "qrels").mkdir(parents=True)
    texts = [" ".join(sentence(chance) for _ in range(8)) for _ in range(DOCUMENTS)]
    rows = [{"_id": f"d{n}", "title": f"the {n}", "text": text} for n, text in enumerate(texts)]
    queries = [{"_id": f"q{n}", "text": " ".join(texts[n].split()[:4])} for n in range(QUERIES)]
    for name, lines in (("corpus", rows), ("queries", queries)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    judged = "".join(f"q{q}\td{d}\t1\n" for q in range(QUERIES) for d in range(0, DOCUMENTS, 3))
    (folder / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judged}")


@pytest.fixture(scope="session")
def small(tmp_path_factory) -> Small:
    folder = tmp_path_factory.mktemp("small")
    for seed, name in enumerate(COLLECTIONS):
        write_collection(folder / "data" / name, seed)
    reranker = tiny_models.save_cross_encoder(folder / "reranker", outputs=1)
    return Small(folder / "data", tiny_models.save_bi_encoder(folder / "encoder"), reranker)


@pytest.fixture(scope="session")
def vectors(small, tmp_path_factory) -> Path:
    """Random unit vectors, one for each text that benchmarks make of the collections."""
    from vectors import benchmark_texts

    folder = tmp_path_factory.mktemp("vectors")
    found = np.random.default_rng(0).standard_normal((len(benchmark_texts(small.data)), 24)).astype(np.float32)
    np.save(folder / "00000000.npy", found / np.linalg.norm(found, axis=1, keepdims=True))
    return folder


@pytest.fixture(scope="session")
def run_script() -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(ROOT / "benchmarks" / name), *map(str, arguments)]
        environment = os.environ | {"HF_HUB_OFFLINE": "1"}
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)

    return run
