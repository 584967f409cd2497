"""Six small collections, two tiny models and vectors: enough for a script to run from its beginning to its end."""

import io
import json
import random
import runpy
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

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
    random_vectors = np.random.default_rng(0).standard_normal((len(benchmark_texts(small.data)), 24)).astype(np.float32)
    np.save(folder / "00000000.npy", random_vectors / np.linalg.norm(random_vectors, axis=1, keepdims=True))
    return folder


@dataclass(frozen=True, slots=True)
class Done:
    """How a script ended, and what it printed."""

    returncode: int
    stdout: str
    stderr: str


@contextmanager
def numbers_of_threads() -> Iterator[None]:
    """What a script sets with --threads ends with it."""
    import faiss
    import torch

    before = torch.get_num_threads(), faiss.omp_get_max_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        faiss.omp_set_num_threads(before[1])


def exit_code(script: Path, printed: io.StringIO) -> int:
    """Run a script as Python runs it, with its errors in ``printed``."""
    try:
        runpy.run_path(str(script), run_name="__main__")
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=printed)
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception:  # noqa: BLE001 - what ends a process with its traceback
        traceback.print_exc(file=printed)
        return 1
    return 0


@pytest.fixture(scope="session")
def run_script() -> Callable[..., Done]:
    """Runs scripts with their arguments, in this process: to import the model libraries anew takes ten seconds."""

    def run(name: str, *arguments: object) -> Done:
        script, out, err = ROOT / "benchmarks" / name, io.StringIO(), io.StringIO()
        with (
            patch.object(sys, "argv", [str(script), *map(str, arguments)]),
            numbers_of_threads(),
            warnings.catch_warnings(),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            warnings.simplefilter("default")  # here they are errors; a script may meet those of its peers
            code = exit_code(script, err)
        return Done(code, out.getvalue(), err.getvalue())

    return run
