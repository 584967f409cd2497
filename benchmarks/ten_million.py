"""What do ten million vectors cost? Measures building them, and searching them in one process and in shards.

Usage: python benchmarks/ten_million.py VECTORS FOLDER [--rows 10000000] [--output FILE.json]

VECTORS is a folder that vectors.py made; any number of rows is made of the vectors in it. For each target recall the
index that ``auto`` chooses is written to FOLDER, which needs about 4 KB of disk for a row meanwhile; a build that is
there is searched and not made anew. Needs the extra ``ray``.
"""

import argparse
import dataclasses
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import faiss
import numpy as np
from bicross.index import Document, EmbeddedBatch, Index, VectorLayout, whole
from bicross.index.files import Filesystem
from bicross.index.vectors import SearchSettings
from bicross.index.writing import commit, read_manifest
from bicross.pipelines.cluster.sharding import open_sharded
from index_lifecycle import MODEL
from numpy.typing import NDArray
from parts.machine import cores, processor, versions
from parts.report_file import write
from parts.rounds import in_turn, percentiles_ms, ratio, slices
from parts.scale.made import BLOCK_ROWS, HOW, ExactAnswers, MadeVectors
from parts.scale.ray_here import ray_here
from parts.scale.watching import Watch, anonymous_memory, bytes_of, load, processes_below
from parts.tables.scale import ten_million_builds_table, ten_million_table
from vectors import about, load_queries
from vectors import load as load_vectors

K = 100
TARGETS = (0.95, 0.99)
PROBED = (4, 8, 16, 32, 64, 128, 256, 512, 1024)
REFINED = (1, 2, 4, 8, 16, 32)
ONE, SHARDS, EXACT = "one process", "shards", "exact search"
Call = Callable[[NDArray[np.float32]], Any]
INNER_PRODUCT = faiss.METRIC_INNER_PRODUCT
EXACT_ROWS = 1_000_000
"""Rows of the exact search that is timed beside the others: whole vectors of all would not fit the memory."""


def batches(made: MadeVectors) -> Iterator[EmbeddedBatch]:
    """Yield documents of one passage; the id is the number of the row."""
    for first, vectors in made.blocks():
        documents = [Document(f"d{first + row}", f"the text of row {first + row}") for row in range(len(vectors))]
        yield EmbeddedBatch(documents, [[whole(document)] for document in documents], vectors)
        if first % (64 * len(vectors)) == 0:
            print(f"  {first:,} rows given, load {load():.1f}", file=sys.stderr, flush=True)


def build(made: MadeVectors, path: Path, target: float) -> dict[str, Any]:
    """Build the index; the commit begins when all rows are given: it trains, codes, and measures the recall."""
    given: list[float] = []

    def counted() -> Iterator[EmbeddedBatch]:
        yield from batches(made)
        given.append(perf_counter())

    with Watch(path, every=5.0) as watch:
        began = perf_counter()
        Index.create(path, MODEL, batches=counted(), layout=VectorLayout(target_recall=target))
    return {
        "seconds": watch.seconds,
        "cpu_seconds": watch.cpu_seconds,
        "given_seconds": given[0] - began,
        "commit_seconds": watch.seconds - (given[0] - began),
        "rows_per_second": made.rows / watch.seconds,
        "peak_memory_bytes": watch.memory_bytes,
        "peak_disk_bytes": watch.disk_bytes,
        "load": load(),
    }


def about_index(path: Path) -> dict[str, Any]:
    """Return what the index is made of."""
    index = Index.open(path, verify="size")
    vectors = index.layout
    return {
        "factory": vectors.factory,
        "settings": dataclasses.asdict(vectors.settings),
        "claimed_recall_at_100": vectors.recall_at_100,
        "segments": len(read_manifest(path).segments),
        "bytes": bytes_of(path),
        "vector_file_bytes": sum(file.stat().st_size for file in path.glob("segments/*/vectors.faiss")),
    }


def set_settings(path: Path, settings: SearchSettings) -> None:
    """Commit a generation whose searches work that hard."""
    manifest = read_manifest(path)
    layout = dataclasses.replace(manifest.vectors, settings=settings)
    commit(path, dataclasses.replace(manifest, vectors=layout), Filesystem(), reason="measured")


def found(index: Index, queries: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the rows that an index finds."""
    return np.array([[int(hit.document.id[1:]) for hit in hits] for hits in index.search(queries, K)], np.int64)


def curve(
    path: Path, queries: NDArray[np.float32], exact: ExactAnswers, chosen: SearchSettings
) -> list[dict[str, Any]]:
    """Measure the recall of some settings, of ever more work, until nothing is missing or all were tried."""
    index = Index.open(path, verify="size")
    tried = [dataclasses.replace(chosen, nprobe=probed) for probed in PROBED if chosen.nprobe] or [
        dataclasses.replace(chosen, k_factor=factor) for factor in REFINED if chosen.k_factor
    ]
    points: list[dict[str, Any]] = []
    for settings in dict.fromkeys([*tried, chosen]):
        set_settings(path, settings)
        index.refresh()
        recall = exact.recall(found(index, queries))
        points.append({"settings": dataclasses.asdict(settings), "recall_at_100": recall})
        print(f"  {settings}: recall@100 {recall:.4f}", file=sys.stderr, flush=True)
    return points


def cheapest(points: list[dict[str, Any]], target: float) -> SearchSettings:
    """Return the settings of the least work that reach a recall, or else of the most work."""
    in_order = sorted(points, key=lambda point: [value or 0 for value in point["settings"].values()])
    reached = [point for point in in_order if point["recall_at_100"] >= target]
    return SearchSettings(**(reached[0] if reached else in_order[-1])["settings"])


class Searches:
    """One index on generations with different settings, in one process and in shards."""

    def __init__(self, path: Path, shards: int) -> None:
        self._path = path
        self._one = Index.open(path, verify="size")
        self._sharded = open_sharded(path, shards=shards, seconds=120.0)

    def calls(self, name: str, settings: SearchSettings) -> dict[str, Call]:
        """Return both ways to search with settings of their own."""
        set_settings(self._path, settings)
        calls: dict[str, Call] = {}
        for where, index in ((ONE, self._one), (SHARDS, self._sharded)):
            pinned = index.pinned()
            pinned.refresh()
            calls[f"{where}, {name}"] = partial(pinned.search, k=K)
        return calls


def timed(
    paths: dict[float, Path],
    made: MadeVectors,
    queries: NDArray[np.float32],
    settings: dict[str, tuple[float, SearchSettings]],
    arguments: argparse.Namespace,
) -> dict[str, Any]:
    """Time single queries: in one process, in shards, and exact search among the first rows."""
    rows = min(EXACT_ROWS, made.rows)
    vectors = np.concatenate([made.block(first, BLOCK_ROWS) for first in range(0, rows, BLOCK_ROWS)])[:rows]
    singles = [queries[number : number + 1] for number in range(len(queries))]
    with ray_here(cpus=arguments.shards):
        searches = {target: Searches(path, arguments.shards) for target, path in paths.items()}
        calls: dict[str, Call] = {}
        equal: dict[str, int] = {}
        for name, (target, chosen) in settings.items():
            both = searches[target].calls(name, chosen)
            equal[name] = sum(a == b for a, b in zip(*(search(queries) for search in both.values()), strict=True))
            calls |= both
        calls[EXACT] = lambda query: faiss.knn(query, vectors, K, metric=INNER_PRODUCT)
        rounds = slices(singles, rounds=arguments.rounds, each=arguments.single)
        taken = in_turn(calls, rounds, note=f"{made.rows} rows")
        here = {name: call for name, call in calls.items() if not name.startswith(SHARDS)}
        cpu = {name: cpu_ms(call, singles[: arguments.single]) for name, call in here.items()}
        memory = {pid: anonymous_memory(pid) for pid in processes_below(os.getpid())}
    times = {
        name: percentiles_ms(seconds)
        | {"ratio_to_exact": ratio(seconds, taken.seconds[EXACT]), "cpu_ms": cpu.get(name)}
        for name, seconds in taken.seconds.items()
    }
    return {
        "times": times,
        "equal_queries": equal,
        "exact_rows": rows,
        "memory_bytes_of_all_processes": sum(memory.values()),
        "memory_bytes_of_exact_vectors": vectors.nbytes,
        "load": load(),
    }


def cpu_ms(call: Call, queries: list[NDArray[np.float32]]) -> float:
    """Return the processor time of a query in all threads of this process."""
    began = process_time()
    for query in queries:
        call(query)
    return (process_time() - began) / len(queries) * 1e3


def index_path(made: MadeVectors, folder: Path, target: float) -> Path:
    """Return where the index for a target recall is."""
    return folder / f"index-{made.rows}-{target}"


def record_path(made: MadeVectors, folder: Path, target: float) -> Path:
    """Return the file that says what building it took, once it is whole."""
    return folder / f"build-{made.rows}-{target}.json"


def built(made: MadeVectors, folder: Path, target: float) -> tuple[Path, dict[str, Any]]:
    """Build the index for a target recall, unless that was done before, and return what that took."""
    path, record = index_path(made, folder, target), record_path(made, folder, target)
    if not record.exists():
        shutil.rmtree(path, ignore_errors=True)
        figures = {"build": build(made, path, target), "index": about_index(path)}
        record.write_text(json.dumps(figures), encoding="utf-8")
        print(json.dumps(figures), file=sys.stderr, flush=True)
    return path, json.loads(record.read_text(encoding="utf-8"))


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Build an index for each target, and search all of them."""
    made = MadeVectors(load_vectors(arguments.vectors, arguments.real), arguments.rows)
    queries = load_queries(arguments.vectors)[: arguments.queries]
    builds = {target: built(made, arguments.folder, target) for target in TARGETS}
    exact = ExactAnswers(queries, K)
    for first, block in made.blocks():
        exact.add(first, block)
    indexes: dict[str, Any] = {}
    settings: dict[str, tuple[float, SearchSettings]] = {}
    for target, (path, figures) in builds.items():
        chosen = SearchSettings(**figures["index"]["settings"])
        points = curve(path, queries, exact, chosen)
        settings[f"recall {target}"] = target, cheapest(points, target)
        settings[f"recall {target}, as chosen"] = target, chosen
        indexes[str(target)] = figures | {"curve": points}
    paths = {target: path for target, (path, _) in builds.items()}
    searched = timed(paths, made, queries, settings, arguments)
    if not arguments.keep:
        for target in TARGETS:
            shutil.rmtree(index_path(made, arguments.folder, target))
            record_path(made, arguments.folder, target).unlink()
    return {
        "indexes": indexes,
        "settings_of": {name: dataclasses.asdict(each) for name, (_, each) in settings.items()},
        "recall_at_100": {
            name: recall_of(indexes[str(target)]["curve"], each) for name, (target, each) in settings.items()
        },
        "search": searched,
    }


def recall_of(points: list[dict[str, Any]], settings: SearchSettings) -> float:
    """Return the recall that was measured with some settings."""
    wanted = dataclasses.asdict(settings)
    return next(point["recall_at_100"] for point in points if point["settings"] == wanted)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("vectors", type=Path, help="the folder that vectors.py filled")
    parser.add_argument("folder", type=Path, help="where the index is written")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--real", type=int, default=20_000, help="real vectors that the rows are made of")
    parser.add_argument("--shards", type=int, default=3)
    parser.add_argument("--queries", type=int, default=200, help="real queries over which recall is averaged")
    parser.add_argument("--single", type=int, default=40, help="queries of a round that are asked one by one")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--keep", action="store_true", help="leave the indexes in FOLDER")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    figures = measure(arguments)
    hidden = ("vectors", "folder", "output", "keep")
    report = {
        "settings": {name: value for name, value in vars(arguments).items() if name not in hidden} | {"k": K},
        "machine": {"processor": processor(), "cores": cores()},
        "versions": versions(("bicross", "faiss-cpu", "ray", "pyarrow", "numpy")),
        "vectors": {"how": HOW} | about(arguments.vectors),
        **figures,
    }
    write(arguments.output, report)
    print(ten_million_builds_table(report))
    print(ten_million_table(report))


if __name__ == "__main__":
    main()
