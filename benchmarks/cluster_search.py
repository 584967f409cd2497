"""What does it cost to search an index in shards on Ray? Compares 1, 2 and 3 shards with one process, on one machine.

Usage: python benchmarks/cluster_search.py NFCORPUS [--limit 300] [--made 100000] [--output FILE.json]

NFCORPUS is a BEIR folder, of which the first documents are embedded by the default encoder and searched with its own
queries. The other index has random vectors and words. All shards share the cores of this machine: what is measured is
what the distribution adds, and what a late, stopped or killed shard costs. Needs the extra ``ray``.
"""

import argparse
import os
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Any

import many_segments
import numpy as np
from bicross.errors import ShardsUnavailable
from bicross.index import Index, ShardedIndex, read_documents
from bicross.pipelines import add_documents, build_index
from bicross.pipelines.cluster.sharding import open_sharded
from bicross.pipelines.cluster.sharding.replicas import Pace
from bicross.retrieval import DEFAULT_ENCODER, BiEncoder
from bicross.retrieval.analyzers import analyzer_of
from numpy.typing import NDArray
from parts.judged import read_queries
from parts.machine import cores, processor, versions
from parts.report_file import write
from parts.rounds import in_turn, percentiles_ms, ratio, slices
from parts.scale.encoder import write_collection
from parts.scale.handles import counted, late, process_of
from parts.scale.ray_here import ray_here
from parts.scale.watching import load, timed
from parts.tables.scale import cluster_search_table, late_table

K = 100
SEGMENTS = 3
SECONDS = 300.0  # on a busy machine a call may wait long, and that is no fault here
LATE_SECONDS, LATE_SHARE = 0.3, 0.05
ONE = "one process"
HOW = (
    "Each query goes to one process and to each number of shards, one after the other, in an order drawn for each one; "
    "ratios are medians over the queries. Every answer of shards is compared with that of one process. Bytes are those "
    "of requests and answers, pickled; Ray's own headers come on top."
)
Query = tuple[NDArray[np.float32], list[str]]
Modes = dict[str, Callable[[Index, Query], Any]]


@dataclass(frozen=True)
class Collection:
    """An index, its queries, and a filter that about half of its documents pass."""

    name: str
    path: Path
    queries: list[Query]
    where: str

    @property
    def modes(self) -> Modes:
        """The ways of searching."""
        return {
            "vectors": lambda index, query: index.search(query[0], K),
            "words": lambda index, query: index.search_terms([query[1]], K),
            "both": lambda index, query: index.search_both(query[0], [query[1]], K),
            "vectors, filtered": lambda index, query: index.search(query[0], K, where=self.where),
        }


def random_collection(path: Path, documents: int, queries: int) -> Collection:
    """Build an index of random vectors and words."""
    documents -= documents % SEGMENTS
    many_segments.build(path, SEGMENTS, documents)
    chance = np.random.default_rng(7)
    vectors = many_segments.unit_vectors(chance, queries)
    made = [(vectors[n : n + 1], many_segments.words(chance, many_segments.TERMS)) for n in range(queries)]
    return Collection("random", path, made, f"number < {documents // 2}")


def judged_collection(source: Path, folder: Path, *, limit: int, queries: int, encoder: str) -> Collection:
    """Build an index of the first documents of a collection, in three commits."""
    rows, path = folder / "documents.jsonl", folder / "index"
    written = write_collection(source, rows, limit)
    documents = list(read_documents(rows))
    step, model = -(-len(documents) // SEGMENTS), BiEncoder(encoder)
    build_index(documents[:step], path, encoder=model, reranker=None)
    for first in range(step, len(documents), step):
        add_documents(path, documents[first : first + step], encoder=model)
    texts = list(read_queries(source, "test")[0].values())[:queries]
    vectors, terms = model.encode_queries(texts), analyzer_of(Index.open(path))(texts)
    made = [(vectors[n : n + 1], list(terms[n])) for n in range(len(texts))]
    return Collection("nfcorpus", path, made, f"number < {written // 2}")


def about(collection: Collection) -> dict[str, Any]:
    """Return what is searched, and how busy the machine is."""
    info = Index.open(collection.path).info()
    return {"collection": collection.name, "documents": info.documents, "segments": info.segments, "load": load()}


def compare(collection: Collection, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Time every way of searching in one process and in each number of shards; all must find the same."""
    indexes: dict[str, Index] = {ONE: Index.open(collection.path)}
    for shards in range(1, arguments.shards + 1):
        indexes[f"{shards} shards"] = open_sharded(collection.path, shards=shards, seconds=SECONDS)
    figures: list[dict[str, Any]] = []
    rounds = slices(collection.queries, rounds=arguments.rounds, each=arguments.each)
    for mode, search in collection.modes.items():
        calls = {name: partial(search, index) for name, index in indexes.items()}
        taken = in_turn(calls, rounds, note=f"{collection.name}, {mode}")
        for name, index in indexes.items():
            if taken.results[name] != taken.results[ONE]:
                sys.exit(f"{collection.name}, {mode}: {name} found something else than one process")
            line = {"mode": mode, "searched": name} | percentiles_ms(taken.seconds[name])
            line["ratio"] = ratio(taken.seconds[name], taken.seconds[ONE])
            if isinstance(index, ShardedIndex):
                line |= network(index, calls[name], rounds[0])
            figures.append(line)
    return figures


def network(index: ShardedIndex, call: Callable[[Query], object], queries: list[Query]) -> dict[str, float]:
    """Return the calls and the bytes of a query to and from all shards."""
    with counted(index) as sums:
        for query in queries:
            call(query)
        time.sleep(0.2)  # the last answers are counted when they have been given
    return {name: total / len(queries) for name, total in sums.items()}


@contextmanager
def stopped(index: ShardedIndex) -> Iterator[None]:
    """Stop the process of the first replica of shard 0 while the block runs."""
    pid = process_of(index, 0)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def troubles(index: ShardedIndex, replicas: int) -> dict[str, AbstractContextManager[None]]:
    """Return what may befall the first replica of shard 0."""
    befall = {
        "no trouble": nullcontext(),
        "late now and then": late(index, 0, seconds=LATE_SECONDS, share=LATE_SHARE),
        "always late": late(index, 0, seconds=LATE_SECONDS, share=1.0),
    }
    # Without another replica that is an error, after the time limit.
    return befall | ({"stopped": stopped(index)} if replicas > 1 else {})


def lateness(collection: Collection, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Time searches while the first replica of a shard is late now and then, always, or stopped."""
    search, figures = collection.modes["vectors"], []
    [queries] = slices(collection.queries, rounds=1, each=arguments.late)
    for replicas in (1, 2):
        index = open_sharded(collection.path, shards=arguments.shards, replicas=replicas, seconds=SECONDS)
        pace: Pace = index._shards.pace  # type: ignore[attr-defined]
        for name, trouble in troubles(index, replicas).items():
            before, extra = pace.calls, pace.extra_calls
            with trouble:
                seconds = [timed(partial(search, index, query)) for query in queries]
            line = {"shard_0": name, "replicas": replicas, "queries": len(queries)} | percentiles_ms(seconds)
            line |= {"slowest_ms": max(seconds) * 1e3}
            figures.append(line | {"extra_calls": (pace.extra_calls - extra) / (pace.calls - before)})
            print(f"  {figures[-1]}", file=sys.stderr, flush=True)
    return figures


def recovery(collection: Collection, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Kill the process of a shard: how many searches fail, and how long it takes until answers are whole again."""
    search, query, figures = collection.modes["vectors"], collection.queries[0], []
    expected = search(Index.open(collection.path), query)
    for replicas in (1, 2):
        index = open_sharded(collection.path, shards=arguments.shards, replicas=replicas, seconds=SECONDS)
        runs: list[dict[str, float]] = []
        for _ in range(arguments.kills):
            search(index, query)
            pid = process_of(index, 0)
            os.kill(pid, signal.SIGKILL)
            runs.append(until_whole(partial(search, index, query), expected))
            until_new(index, pid)
        figures.append(
            {
                "replicas": replicas,
                "kills": len(runs),
                "failed_searches": sum(run["failed"] > 0 for run in runs),
                "seconds_until_whole": statistics.median(run["seconds"] for run in runs),
                "most_seconds": max(run["seconds"] for run in runs),
            }
        )
        print(f"  {figures[-1]}", file=sys.stderr, flush=True)
    return figures


def until_whole(search: Callable[[], object], expected: object) -> dict[str, float]:
    """Search until the answer is that of one process; an answer that is another is an error."""
    began, failed = perf_counter(), 0
    for _ in count():
        try:
            answer = search()
        except ShardsUnavailable:
            failed += 1
            time.sleep(0.02)
            continue
        if answer != expected:
            sys.exit("an answer after a kill differs from that of one process")
        break
    return {"seconds": perf_counter() - began, "failed": failed}


def until_new(index: ShardedIndex, pid: int) -> None:
    """Wait until another process has the shard."""
    for _ in range(600):
        try:
            if process_of(index, 0) != pid:
                return
        except Exception:  # noqa: BLE001 - whatever Ray raises of a process that is gone
            time.sleep(0.1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nfcorpus", type=Path)
    parser.add_argument("--limit", type=int, default=300, help="documents of NFCORPUS; 0 leaves it out")
    parser.add_argument("--made", type=int, default=100_000, help="documents with random vectors")
    parser.add_argument("--shards", type=int, default=3, help="the most shards")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--each", type=int, default=20, help="queries of a round")
    parser.add_argument("--late", type=int, default=200, help="queries while a shard is late")
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--encoder", default=DEFAULT_ENCODER)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    folder, collections = Path(tempfile.mkdtemp(prefix="cluster-search-")), []
    queries = arguments.rounds * arguments.each
    try:
        if arguments.limit:
            size = {"limit": arguments.limit, "queries": queries}
            collections.append(judged_collection(arguments.nfcorpus, folder, **size, encoder=arguments.encoder))
        collections.append(random_collection(folder / "random", arguments.made, queries))
        with ray_here(cpus=arguments.shards):
            searches = [about(each) | {"rows": compare(each, arguments)} for each in collections]
            troubles = {"late": lateness(collections[-1], arguments), "killed": recovery(collections[-1], arguments)}
    finally:
        shutil.rmtree(folder)
    hidden = ("nfcorpus", "encoder", "output")
    report = {
        "settings": {name: value for name, value in vars(arguments).items() if name not in hidden}
        | {"k": K, "late_seconds": LATE_SECONDS, "late_share": LATE_SHARE},
        "machine": {"processor": processor(), "cores": cores()},
        "versions": versions(("bicross", "torch", "ray", "faiss-cpu", "numpy")),
        "how": HOW,
        "load": load(),
        "searches": searches,
        **troubles,
    }
    write(arguments.output, report)
    for result in searches:
        print(f"\n{result['collection']}, {result['documents']:,} documents\n\n{cluster_search_table(result['rows'])}")
    print(f"\n{late_table(report['late'])}")


if __name__ == "__main__":
    main()
