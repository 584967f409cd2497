"""What does an index cost? Measures making, changing, opening and reading one.

Usage: python benchmarks/index_lifecycle.py DATA VECTORS [--documents 1000000] [--output FILE.json]

DATA is the folder of the collections, for texts; VECTORS a folder that vectors.py made. Embedding is not measured.
"""

import argparse
import dataclasses
import json
import os
import platform
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import faiss
import numpy as np
import pyarrow as pa
from bicross.index import Document, EmbeddedBatch, Index, ModelFingerprint, VectorLayout, whole
from parts.tables.indexes import lifecycle_table
from vectors import benchmark_texts, load

BATCH = 2048
FETCHED = 100
ROUNDS = 5
MODEL = ModelFingerprint(
    id="all-MiniLM-L6-v2",
    revision="",
    weights_sha256="",
    tokenizer_sha256="",
    dimension=384,
    pooling="mean",
    normalised=True,
    query_prompt="",
    document_prompt="",
    max_length=256,
)


class PeakMemory:
    """The largest resident memory while the block runs, less what was resident before; anonymous pages only.

    Pages of mapped files belong to the page cache: the system takes them back when it needs them.
    """

    def __enter__(self) -> "PeakMemory":
        self._before, self.bytes, self._done = anonymous_memory(), 0, threading.Event()
        self._watch = threading.Thread(target=self._measure)
        self._watch.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._watch.join()

    def _measure(self) -> None:
        while not self._done.wait(0.02):
            self.bytes = max(self.bytes, anonymous_memory() - self._before)


def anonymous_memory() -> int:
    """Return the bytes of this process that are in memory and belong to no file."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0


def seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def batches(texts: list[str], vectors: np.ndarray, rows: range, *, note: str = "") -> Iterator[EmbeddedBatch]:
    """Yield documents of one passage each; the id is the row of the text, ``note`` makes another version of it."""
    for start in range(rows.start, rows.stop, BATCH):
        numbers = range(start, min(start + BATCH, rows.stop))
        documents = [
            Document(f"d{n}", texts[n % len(texts)], metadata={"number": n, "eighth": n % 8 == 0, "note": note})
            for n in numbers
        ]
        block = vectors[[n % len(vectors) for n in numbers]]
        yield EmbeddedBatch(documents, [[whole(document)] for document in documents], block)


def forget_pages(folder: Path) -> None:
    """Drop an index from the page cache, as far as the system allows it."""
    for file in folder.rglob("*"):
        if file.is_file():
            descriptor = os.open(file, os.O_RDONLY)
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def measure(texts: list[str], vectors: np.ndarray, folder: Path, *, index_type: str, changed: int) -> dict[str, object]:
    """Measure every operation; short ones are done ``ROUNDS`` times, and the median is taken."""
    count, path = len(vectors), folder / "index"
    figures: dict[str, object] = {"documents": count, "index_type": index_type, "changed_documents": changed}
    layout = VectorLayout(index_type)
    with PeakMemory() as peak:
        build = seconds(lambda: Index.create(path, MODEL, batches=batches(texts, vectors, range(count)), layout=layout))
    figures |= {"build_seconds": build, "build_documents_per_second": count / build, "build_peak_bytes": peak.bytes}
    index = Index.open(path)
    info = index.info()
    figures |= {"bytes": info.bytes, "vectors": dataclasses.asdict(info.vectors), "segments": info.segments}
    figures["vector_file_bytes"] = sum(file.stat().st_size for file in path.glob("segments/*/vectors.faiss"))
    figures |= opening(path) | fetching(index, count) | changing(path, texts, vectors, count=count, changed=changed)
    index = Index.open(path)
    before = Index.open(path).info().bytes
    index.delete(where=f"eighth and number < {count}")
    with PeakMemory() as peak:
        figures["compact_seconds"] = seconds(lambda: index.compact(grace=0))
    figures |= {"compact_documents_per_second": len(index) / float(str(figures["compact_seconds"]))}
    figures |= {"compact_peak_bytes": peak.bytes, "bytes_before_compaction": before, "bytes_after": index.info().bytes}
    figures["verify_seconds"] = seconds(lambda: check(path))
    return figures


def opening(path: Path) -> dict[str, object]:
    """Measure opening with all checksums and with sizes alone, with the files in the page cache and without."""
    calls = {"full": lambda: Index.open(path), "size": lambda: Index.open(path, verify="size")}
    figures: dict[str, object] = {}
    for verify, call in calls.items():
        warm, cold = [], []
        for _ in range(ROUNDS):
            forget_pages(path)
            cold.append(seconds(call))
            warm.append(seconds(call))
        figures[f"open_{verify}_cold_seconds"] = statistics.median(cold)
        figures[f"open_{verify}_warm_seconds"] = statistics.median(warm)
    return figures


def fetching(index: Index, count: int) -> dict[str, object]:
    """Measure getting a hundred random documents by id."""
    chance = np.random.default_rng(0)
    draws = [[f"d{n}" for n in chance.integers(0, count, FETCHED)] for _ in range(40 * ROUNDS)]
    for ids in draws:  # bring their pages into memory
        index.get(ids)
    took = [seconds(partial(index.get, ids)) for ids in draws]
    p50, p95 = np.percentile(took, (50, 95)) * 1000
    return {"fetch_100_p50_ms": float(p50), "fetch_100_p95_ms": float(p95)}


def changing(path: Path, texts: list[str], vectors: np.ndarray, *, count: int, changed: int) -> dict[str, object]:
    """Measure adds, upserts and deletions of ``changed`` documents in one commit, automatic compaction included."""
    took: dict[str, list[float]] = {"add": [], "upsert": [], "delete": [], "delete_one": []}
    index = Index.open(path)
    for number in range(ROUNDS):
        first = count + number * changed
        new, old = range(first, first + changed), range(number * changed, (number + 1) * changed)
        took["add"].append(seconds(partial(index.add, batches(texts, vectors, new))))
        took["upsert"].append(seconds(partial(index.upsert, batches(texts, vectors, old, note="changed"))))
        took["delete"].append(seconds(partial(index.delete, [f"d{n}" for n in new])))
        took["delete_one"].append(seconds(partial(index.delete, [f"d{old.start}"])))
    figures: dict[str, object] = {f"{name}_seconds": statistics.median(times) for name, times in took.items()}
    rates = {f"{name}_documents_per_second": changed / statistics.median(took[name]) for name in list(took)[:3]}
    return figures | rates


def check(path: Path) -> None:
    problems = Index.verify(path).problems
    assert not problems, problems


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder of the collections, for texts")
    parser.add_argument("vectors", type=Path, help="the folder that vectors.py filled")
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument(
        "--changed", type=int, default=10_000, help="documents that are added, replaced or deleted at a time"
    )
    parser.add_argument("--index-types", default="Flat,auto", help="joined by commas")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    texts = benchmark_texts(arguments.data)
    vectors = load(arguments.vectors, arguments.documents)
    runs = []
    for index_type in arguments.index_types.split(","):
        folder = Path(tempfile.mkdtemp(prefix="bicross-lifecycle-"))
        try:
            runs.append(measure(texts, vectors, folder, index_type=index_type, changed=arguments.changed))
        finally:
            shutil.rmtree(folder)
    machine = {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()}
    machine |= {"faiss": faiss.__version__, "pyarrow": pa.__version__, "numpy": np.__version__}
    if arguments.output:
        arguments.output.write_text(json.dumps({"machine": machine, "runs": runs}, indent=1) + "\n")
    print(lifecycle_table(runs))


if __name__ == "__main__":
    main()
