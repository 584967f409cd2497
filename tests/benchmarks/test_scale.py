"""The benchmarks of large and of distributed indexes, from beginning to end, without Ray and on few documents."""

import json
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from bicross.index import ShardedIndex
from bicross.index.shards import Shard
from bicross.pipelines.cluster import ClusterOptions
from bicross.pipelines.cluster.sharding import Router
from helpers.chunk_executors import InThisProcess
from parts.scale.made import BLOCK_ROWS, ExactAnswers, MadeVectors
from parts.scale.watching import ProcessorTime, Watch, bytes_of

WIDTH = 384


def unit(rows: int, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal((rows, WIDTH)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


class InThread:
    """A replica in this process."""

    def __init__(self, pool: ThreadPoolExecutor, path: Path, shard: int, shards: int) -> None:
        self._pool, self._shard = pool, Shard(str(path), shard, shards)

    def open(self, key) -> Future:
        return self._pool.submit(self._shard.open, key)

    def answer(self, key, request) -> Future:
        return self._pool.submit(self._shard.answer, key, request)


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Runs a script, whose shards are threads and whose chunks are written here, and returns its JSON."""
    pool = ThreadPoolExecutor(4)

    def open_sharded(path, *, shards, replicas=1, seconds):
        handles = [[InThread(pool, path, shard, shards) for _ in range(replicas)] for shard in range(shards)]
        return ShardedIndex(path, Router(handles), seconds=seconds)

    def run_chunks(options, job, chunks, done):
        InThisProcess().run(job, chunks, done)

    monkeypatch.setattr(ClusterOptions, "run", run_chunks)

    def run_script(script, *arguments):
        monkeypatch.setattr(script, "ray_here", lambda cpus: nullcontext())
        if hasattr(script, "open_sharded"):
            monkeypatch.setattr(script, "open_sharded", open_sharded)
        output = tmp_path / "out.json"
        monkeypatch.setattr(sys, "argv", ["script", *map(str, arguments), "--output", str(output)])
        script.main()
        return json.loads(output.read_text())

    yield run_script
    pool.shutdown()


def test_made_vectors_are_the_same_each_time_and_the_exact_answers_those_of_numpy():
    made = MadeVectors(unit(60), BLOCK_ROWS + 100)
    blocks = dict(made.blocks())
    assert [len(block) for block in blocks.values()] == [BLOCK_ROWS, 100]
    assert (made.block(BLOCK_ROWS, 100) == blocks[BLOCK_ROWS]).all()
    vectors = np.concatenate(list(blocks.values()))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert len(np.unique(vectors, axis=0)) == made.rows
    queries = unit(5, seed=1)
    exact = ExactAnswers(queries, 10)
    for first, block in blocks.items():
        exact.add(first, block)
    expected = np.argsort(-(queries @ vectors.T), axis=1)[:, :10]
    assert exact.recall(expected) == 1.0
    expected[:, 5:] = -1
    assert exact.recall(expected) == 0.5


def test_the_time_of_processes_that_have_ended_counts(tmp_path):
    with ProcessorTime(every=0.05) as cpu, Watch(tmp_path, every=0.05) as watch:
        (tmp_path / "file").write_bytes(bytes(1000))
        code = "import time\nwhile time.process_time() < 0.5: pass"
        subprocess.run([sys.executable, "-c", code], check=True)
    assert cpu.seconds > 0.3
    assert watch.disk_bytes == bytes_of(tmp_path) == 1000
    assert watch.memory_bytes > 0


@pytest.mark.slow
def test_ten_million(run, tmp_path):
    import ten_million

    folder = tmp_path / "vectors"
    folder.mkdir()
    np.save(folder / "00000000.npy", unit(50))
    np.save(folder / "queries.npy", unit(6, seed=1))
    size = ["--rows", 2000, "--real", 50, "--shards", 2, "--single", 3, "--rounds", 2]
    report = run(ten_million, folder, tmp_path / "scratch", *size)
    assert {of["index"]["factory"] for of in report["indexes"].values()} == {"Flat"}
    assert report["indexes"].keys() == {"0.95", "0.99"}
    assert set(report["recall_at_100"].values()) == {1.0}
    assert set(report["search"]["equal_queries"].values()) == {6}
    assert len(report["search"]["times"]) == 2 * 4 + 1
    assert list((tmp_path / "scratch").iterdir()) == [], "it cleans up"
    assert "exact search among 2,000 rows" in ten_million.ten_million_table(report)


@pytest.mark.slow
def test_cluster_build(run, tmp_path, monkeypatch):
    import cluster_build

    monkeypatch.setattr(cluster_build, "kill_a_worker", lambda: 1)
    report = run(cluster_build, tmp_path, "--limit", 0, "--made", 60, "--workers", 2, "--rounds", 2)
    [source] = report["sources"]
    assert [build["workers"] for build in source["builds"]] == [0, 1, 2]
    assert [build["equal_after_compaction"] for build in source["builds"]] == [None, True, True]
    assert source["killed"]["killed"] == 1
    assert (source["killed"]["problems"], source["killed"]["equal_after_compaction"]) == (0, True)
    assert source["builds"][1]["runs"][0]["to_workers"] > 1000
    assert "| 2 workers |" in cluster_build.cluster_build_table(source)


@pytest.mark.slow
def test_cluster_search(run, tmp_path, monkeypatch):
    import cluster_search

    started = []

    def process_of(index, shard):
        started.append(subprocess.Popen(["sleep", "60"]))
        return started[-1].pid

    monkeypatch.setattr(cluster_search, "process_of", process_of)
    monkeypatch.setattr(cluster_search, "LATE_SECONDS", 0.01)
    size = ["--made", 90, "--shards", 2, "--rounds", 1, "--each", 3, "--late", 4, "--kills", 1]
    try:
        report = run(cluster_search, tmp_path, "--limit", 0, *size)
    finally:
        for process in started:
            process.kill()
            process.wait()
    [searches] = report["searches"]
    assert (searches["collection"], searches["documents"]) == ("random", 90)
    assert len(searches["rows"]) == 4 * 3
    assert all(
        row["to_shards"] > 0 < row["from_shards"] for row in searches["rows"] if row["searched"] != "one process"
    )
    assert [row["shard_0"] for row in report["late"]].count("stopped") == 1
    assert [row["failed_searches"] for row in report["killed"]] == [0, 0]
    assert "| vectors | 2 shards |" in cluster_search.cluster_search_table(searches["rows"])
    assert "always late" in cluster_search.late_table(report["late"])
