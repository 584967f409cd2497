"""What do many segments cost? Measures opening, committing and searching the same documents in 1 to 1,000 segments.

Usage: python benchmarks/many_segments.py [--before PYTHON] [--output FILE.json]

PYTHON is the interpreter of an environment with another version of bicross. Both versions then work on the same indexes
in turn, round by round. Without it only this version is measured. The vectors are random.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from bicross.index import Document, EmbeddedBatch, Index, ModelFingerprint, whole
from bicross.index.files import Filesystem
from bicross.index.writing import commit, read_manifest
from parts.machine import cores, processor, versions

DOCUMENTS = 20_000
SEGMENTS = (1, 10, 100, 1000)
DIMENSION = 384
K = 100
ROUNDS = 3
QUERIES = 6
TERMS = 5
MODEL = ModelFingerprint(
    id="random",
    revision="",
    weights_sha256="",
    tokenizer_sha256="",
    dimension=DIMENSION,
    pooling="mean",
    normalised=True,
    query_prompt="",
    document_prompt="",
    max_length=256,
)


def unit_vectors(rng: np.random.Generator, rows: int) -> np.ndarray:
    vectors = rng.standard_normal((rows, DIMENSION), dtype=np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def words(rng: np.random.Generator, count: int) -> list[str]:
    return [f"w{int(number) % 5000}" for number in rng.zipf(1.3, count)]


def build(path: Path, segments: int, documents: int) -> None:
    """Write documents of one passage with token ids and terms, in so many segments of the same size."""
    rng, size = np.random.default_rng(0), documents // segments

    def batch(first: int) -> EmbeddedBatch:
        made = [
            Document(f"d{number}", f"text {number}", metadata={"number": number})
            for number in range(first, first + size)
        ]
        tokens = [rng.integers(0, 30_000, 40).astype(np.uint16) for _ in made]
        return EmbeddedBatch(
            made, [[whole(one)] for one in made], unit_vectors(rng, size), tokens, [words(rng, 20) for _ in made]
        )

    batches = map(batch, range(0, documents, size))
    options = {"tokenizer_fingerprint": "0" * 64, "analyzer": "words"}
    index = Index.create(path, MODEL, batches=islice(batches, 1), **options)
    # Small segments would be merged.
    with patch("bicross.index.collection.segments_to_merge", lambda manifest: []), index.writer() as writer:
        writer.segment_passages = size
        for more in batches:
            writer.add(more)
        writer.commit(reason="add")


def milliseconds(call: Callable[[], object], times: int = 1) -> dict[str, float]:
    """Return the time of a call, and the processor's time of this process, in ms."""
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(times):
        call()
    return {
        "wall_ms": (time.perf_counter() - wall) * 1000 / times,
        "cpu_ms": (time.process_time() - cpu) * 1000 / times,
    }


def measure(path: Path, seed: int) -> dict[str, dict[str, float]]:
    """Measure each operation once; searches as the mean of some queries, after one that is not counted."""
    rng = np.random.default_rng(seed)
    vectors, terms = unit_vectors(rng, QUERIES), [words(rng, TERMS) for _ in range(QUERIES)]
    opened: list[Index] = []
    figures = {"open_size": milliseconds(lambda: opened.append(Index.open(path, verify="size")))}
    index = opened.pop()
    searches: dict[str, Callable[[int], object]] = {
        "vectors": lambda query: index.search(vectors[query : query + 1], K),
        "words": lambda query: index.search_terms(terms[query : query + 1], K),
        "both": lambda query: index.search_both(vectors[query : query + 1], terms[query : query + 1], K),
    }
    figures["first_search"] = milliseconds(lambda: searches["vectors"](0))
    for name, search in searches.items():
        search(0)
        queries = iter(range(QUERIES))
        figures[name] = milliseconds(lambda search=search, queries=queries: search(next(queries)), QUERIES)
    figures["open_full"] = milliseconds(lambda: Index.open(path))
    manifest = read_manifest(path)
    figures["commit"] = milliseconds(lambda: commit(path, manifest, Filesystem(), reason="measured"))
    return figures


def work() -> None:
    """Measure what each line of the input asks for, and print a line for it."""
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        path, seed = json.loads(line)
        print(json.dumps(measure(Path(path), seed)), flush=True)


class Worker:
    """A process that measures with one version of bicross."""

    def __init__(self, python: str) -> None:
        command = [python, str(Path(__file__).resolve()), "--work"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._answer()

    def measure(self, path: Path, seed: int) -> dict[str, dict[str, float]]:
        """Let the process measure one round."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([str(path), seed]) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:  # noqa: ANN401 - JSON
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def compare(workers: dict[str, Worker], path: Path, rounds: int) -> dict[str, dict[str, dict[str, float]]]:
    """Let the workers measure in turn; return the median of each figure."""
    measured: dict[str, list[dict[str, dict[str, float]]]] = {name: [] for name in workers}
    for number in range(rounds):
        for name in sorted(workers, reverse=number % 2 == 1):
            measured[name].append(workers[name].measure(path, number))
    return {name: medians(figures) for name, figures in measured.items()}


def medians(measured: Sequence[dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    return {
        operation: {
            unit: statistics.median(figures[operation][unit] for figures in measured) for unit in measured[0][operation]
        }
        for operation in measured[0]
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", metavar="PYTHON", help="the interpreter of another version of bicross")
    parser.add_argument("--documents", type=int, default=DOCUMENTS)
    parser.add_argument("--segments", type=int, nargs="+", default=SEGMENTS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        work()
        return
    folder = Path(tempfile.mkdtemp(prefix="many-segments-"))
    workers = {"after": Worker(sys.executable)} | ({"before": Worker(arguments.before)} if arguments.before else {})
    sizes: list[dict[str, object]] = []
    try:
        for segments in arguments.segments:
            build(folder / str(segments), segments, arguments.documents)
            sizes.append({"segments": segments} | compare(workers, folder / str(segments), arguments.rounds))
            print(json.dumps(sizes[-1]), file=sys.stderr)
    finally:
        for worker in workers.values():
            worker.close()
        shutil.rmtree(folder)
    report = {
        "machine": {"processor": processor(), "cores": cores()},
        "versions": versions(["faiss-cpu", "pyarrow", "numpy"]),
        "settings": {
            "documents": arguments.documents,
            "dimension": DIMENSION,
            "k": K,
            "rounds": arguments.rounds,
            "queries": QUERIES,
        },
        "sizes": sizes,
    }
    text = json.dumps(report, indent=1)
    if arguments.output is None:
        print(text)
    else:
        arguments.output.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
