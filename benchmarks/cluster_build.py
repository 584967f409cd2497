"""What does it cost to build an index by several workers on Ray? Compares them with one process, on one machine.

Usage: python benchmarks/cluster_build.py NFCORPUS [--limit 200] [--made 100000] [--output FILE.json]

NFCORPUS is a BEIR folder, of which the first documents are embedded by the default encoder. Beside it numbered
documents are indexed, whose vectors cost nothing. All workers share the cores of this machine, so that none is
faster: what is measured is the work that the distribution adds. Needs the extra ``ray``.
"""

import argparse
import json
import logging
import os
import pickle
import shutil
import signal
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from bicross.index import Index, read_documents
from bicross.index.writing import read_manifest
from bicross.pipelines import build_index
from bicross.pipelines.cluster import ClusterOptions
from bicross.pipelines.indexing import ChunkDone, ChunkJob, SourceChunk
from bicross.retrieval import DEFAULT_ENCODER
from parts.machine import cores, processor, versions
from parts.report_file import write
from parts.scale.encoder import NumberedEncoder, write_collection, write_numbered
from parts.scale.ray_here import ray_here
from parts.scale.watching import ProcessorTime, command_of, load, processes_below
from parts.tables.scale import cluster_build_table

CHUNKS = 12
ONE = "one process"
HOW = (
    "Each round builds the same documents in one process and by each number of workers, one after the other, in one "
    "order and then in the reverse. Processor time is that of the process and of all that it started, Ray's included; "
    "Ray itself runs already. Workers are started for each build, and import and load all that they need."
)


@dataclass(frozen=True, kw_only=True)
class Measured(ClusterOptions):
    """Counts what a build sends to its workers and gets back; may kill a worker when half of the chunks are there."""

    sent: dict[str, int] = field(default_factory=dict)
    kills: bool = False

    def run(self, job: ChunkJob, chunks: Sequence[SourceChunk], done: Callable[[ChunkDone], None]) -> None:
        """See ``ChunkExecutor.run``."""
        finished: list[ChunkDone] = []

        def counted(chunk: ChunkDone) -> None:
            finished.append(chunk)
            done(chunk)
            if self.kills and len(finished) == len(chunks) // 2:
                self.sent["killed"] = kill_a_worker()

        super().run(job, chunks, counted)
        self.sent["chunks"] = len(chunks)
        self.sent["to_workers"] = self.workers * size(job) + sum(map(size, chunks))
        self.sent["from_workers"] = sum(map(size, finished))


def size(value: object) -> int:
    """Return the bytes of an object as it goes to another process."""
    return len(pickle.dumps(value))


def kill_a_worker() -> int:
    """Kill the first of the actors that are at a chunk; return its number."""
    actors = [pid for pid in processes_below(os.getpid()) if "ChunkActor.build" in command_of(pid)]
    os.kill(actors[0], signal.SIGKILL)
    return actors[0]


@dataclass(frozen=True)
class Source:
    """Documents, and the encoder that a build of them is given."""

    name: str
    path: Path
    documents: int
    encoder: Any

    @property
    def part_bytes(self) -> int:
        """So many bytes that there are ``CHUNKS`` chunks."""
        return self.path.stat().st_size // CHUNKS + 1


def build(source: Source, path: Path, workers: int, *, kills: bool = False) -> dict[str, Any]:
    """Build once; 0 workers are one process."""
    shutil.rmtree(path, ignore_errors=True)
    cluster = Measured(workers=workers, part_bytes=source.part_bytes, kills=kills) if workers else None
    before, began = load(), perf_counter()
    with ProcessorTime() as cpu:
        build_index(read_documents(source.path), path, encoder=source.encoder, reranker=None, cluster=cluster)
        seconds = perf_counter() - began
    figures = {"seconds": seconds, "cpu_seconds": cpu.seconds, "load": before} | (cluster.sent if cluster else {})
    figures["segments"] = len(read_manifest(path).segments)
    print(f"  {source.name}, {workers} workers: {json.dumps(figures)}", file=sys.stderr, flush=True)
    return figures


def files(path: Path) -> list[dict[str, bytes]]:
    """Return the files of the segments, compacted."""
    index = Index.open(path)
    index.compact(grace=0)
    folders = [path / "segments" / entry.name for entry in read_manifest(path).segments]
    return [{file.name: file.read_bytes() for file in sorted(folder.iterdir())} for folder in folders]


class Failures(logging.Handler):
    """Counts the chunks that were not written."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Count one."""
        self.count += "was not written" in record.getMessage()


def killed(source: Source, path: Path, workers: int) -> dict[str, Any]:
    """Build while a worker is killed; how much is made anew is what it had in hand."""
    failures, logger = Failures(), logging.getLogger("bicross")
    logger.addHandler(failures)
    try:
        figures = build(source, path, workers, kills=True)
    finally:
        logger.removeHandler(failures)
    return figures | {"chunks_made_anew": failures.count, "problems": len(Index.verify(path).problems)}


def measure(source: Source, folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure all numbers of workers on one source."""
    numbers = [0, *range(1, arguments.workers + 1)]
    runs: dict[int, list[dict[str, Any]]] = {number: [] for number in numbers}
    for turn in range(arguments.rounds):
        for number in numbers if turn % 2 == 0 else reversed(numbers):
            runs[number].append(build(source, folder / str(number), number))
    expected = files(folder / "0")
    same = {number: files(folder / str(number)) == expected for number in numbers[1:]}
    recovery = killed(source, folder / "killed", arguments.workers)
    recovery["equal_after_compaction"] = files(folder / "killed") == expected
    one = runs[0]
    return {
        "source": source.name,
        "documents": source.documents,
        "passages": sum(entry.passages for entry in read_manifest(folder / "0").segments),
        "builds": [
            {
                "workers": number,
                "seconds": statistics.median(run["seconds"] for run in runs[number]),
                "cpu_seconds": statistics.median(run["cpu_seconds"] for run in runs[number]),
                "ratio": {
                    name: statistics.median(run[name] / peer[name] for run, peer in zip(runs[number], one, strict=True))
                    for name in ("seconds", "cpu_seconds")
                },
                "equal_after_compaction": same.get(number),
                "runs": runs[number],
            }
            for number in numbers
        ],
        "killed": recovery,
    }


def sources(folder: Path, arguments: argparse.Namespace) -> list[Source]:
    """Write the documents of both sources."""
    made: list[Source] = []
    if arguments.limit:
        path = folder / "nfcorpus.jsonl"
        count = write_collection(arguments.nfcorpus, path, arguments.limit)
        made.append(Source("nfcorpus", path, count, arguments.encoder))
    if arguments.made:
        path = folder / "made.jsonl"
        write_numbered(path, arguments.made)
        made.append(Source("numbered", path, arguments.made, NumberedEncoder()))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nfcorpus", type=Path)
    parser.add_argument("--limit", type=int, default=200, help="documents of NFCORPUS; 0 leaves it out")
    parser.add_argument("--made", type=int, default=100_000, help="numbered documents; 0 leaves them out")
    parser.add_argument("--workers", type=int, default=3, help="the most workers")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--encoder", default=DEFAULT_ENCODER)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="cluster-build-"))
    try:
        with ray_here(cpus=arguments.workers):
            results = [measure(source, folder / source.name, arguments) for source in sources(folder, arguments)]
    finally:
        shutil.rmtree(folder)
    names = ("limit", "made", "workers", "rounds")
    report = {
        "settings": {name: getattr(arguments, name) for name in names} | {"chunks": CHUNKS},
        "machine": {"processor": processor(), "cores": cores()},
        "versions": versions(("bicross", "torch", "ray", "faiss-cpu", "numpy")),
        "how": HOW,
        "sources": results,
    }
    write(arguments.output, report)
    for result in results:
        print(f"\n{result['source']}, {result['documents']:,} documents\n\n{cluster_build_table(result)}")


if __name__ == "__main__":
    main()
