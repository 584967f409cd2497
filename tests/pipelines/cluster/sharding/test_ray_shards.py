"""Shards on Ray: the answers of one process; a killed, stopped or slow one is an error or flagged, and comes back."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from bicross.errors import ArgumentError, IndexNotFound, ShardsUnavailable
from bicross.index import Index, ShardedIndex
from bicross.pipelines import SearchPipeline
from bicross.pipelines.cluster.sharding import open_sharded
from bicross.retrieval import DenseRetriever, HybridRetriever, LexicalRetriever
from helpers.fakes import HashEncoder, OverlapReranker
from helpers.shard_requests import WhichProcess
from helpers.toy_collections import ANALYZER, DIMENSION, FINGERPRINT, TOKENIZER, batch, record, unit_vectors

pytestmark = pytest.mark.slow

QUERIES = 500
ENCODER = HashEncoder(dimension=DIMENSION)


@pytest.fixture(scope="module")
def index(tmp_path_factory) -> Index:
    path = tmp_path_factory.mktemp("ray") / "index"
    records = [record(n, passages=1 + n % 3) for n in range(120)]
    first = batch(records[:30], tokens="uint16", terms=True)
    index = Index.create(path, FINGERPRINT, batches=[first], tokenizer_fingerprint=TOKENIZER, analyzer=ANALYZER)
    for start in range(30, 120, 30):
        index.add([batch(records[start : start + 30], tokens="uint16", terms=True)])
    index.delete(["d7", "d50"])
    return index


@pytest.fixture(scope="module")
def parts(ray_address, index) -> ShardedIndex:
    return open_sharded(index.path, shards=3, address=ray_address, seconds=LONG)


LONG = 60.0
SHORT = 5.0


def with_seconds(parts: ShardedIndex, seconds: float) -> ShardedIndex:
    """The same shards with another time limit."""
    return ShardedIndex(parts.path, parts._shards, seconds=seconds)


def processes(parts: ShardedIndex) -> dict[int, tuple[int, list[str]]]:
    return parts._ask().all(WhichProcess())


def eventually_equal(parts: ShardedIndex, index: Index) -> float:
    """Search until all shards answer again, and return how long that took."""
    started, vectors = time.monotonic(), unit_vectors(1, seed=1)
    while time.monotonic() - started < LONG:
        try:
            assert parts.search(vectors, 20) == index.search(vectors, 20)
        except ShardsUnavailable:
            time.sleep(0.05)
        else:
            return time.monotonic() - started
    raise AssertionError("the shards did not come back")


@contextmanager
def stopped(pid: int):
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_500_queries_in_every_mode_find_what_one_process_finds(parts, index):
    vectors = unit_vectors(QUERIES, seed=9)
    terms = [[f"t{n % 9}", f"t{n % 5}", "t1"] for n in range(QUERIES)]
    for k, where, passages, queries in (
        (3, None, 1, QUERIES),
        (2, "number >= 20 and even", 3, QUERIES),
        (100, None, 2, 9),
    ):
        modes = {
            "dense": lambda i: i.search(vectors[:queries], k, where=where, passages=passages),  # noqa: B023
            "lexical": lambda i: i.search_terms(terms[:queries], k, where=where),  # noqa: B023
            "both": lambda i: i.search_both(vectors[:queries], terms[:queries], k, where=where),  # noqa: B023
        }
        for name, search in modes.items():
            one, many = search(index), search(parts)
            assert many == one, name
            assert tokens(many) == tokens(one)


def tokens(hits) -> list[bytes]:
    return [hit.tokens.tobytes() for of_query in hits for hit in of_query]


@pytest.mark.parametrize(
    "retriever",
    [
        lambda index: DenseRetriever(index, ENCODER),
        lambda index: LexicalRetriever(index),
        lambda index: HybridRetriever(index, ENCODER),
    ],
)
def test_reranked_results_are_those_of_one_process(parts, index, retriever, monkeypatch):
    monkeypatch.setattr("bicross.retrieval.hybrid.analyzer_of", lambda _: analyse)
    monkeypatch.setattr("bicross.retrieval.lexical.analyzer_of", lambda _: analyse)
    one, many = (
        SearchPipeline(retriever(searched), OverlapReranker(), retrieve_k=50, rerank_k=20)
        for searched in (index, parts)
    )
    queries = [f"title {n}.0 t{n % 7}" for n in range(20)]
    assert many.search_batch(queries) == one.search_batch(queries)


def analyse(queries):
    return [[f"t{len(query) % 5}", "t1"] for query in queries]


def test_a_shard_imports_the_index_alone(parts):
    imported = processes(parts)
    assert len({pid for pid, _ in imported.values()}) == 3
    assert [names for _, names in imported.values()] == [[], [], []]


def test_a_killed_shard_is_an_error_or_flagged_and_comes_back(parts, index):
    pid, _ = processes(parts)[1]
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(ShardsUnavailable, match="shard 1 of 3 cannot answer"):
        for _ in range(100):  # the connection may still stand for a moment
            parts.search(unit_vectors(1, seed=2), 20)
    search = parts.partial()
    [found] = search.search(unit_vectors(1, seed=1), 1000)
    assert len(found) == search.coverage.documents
    assert search.coverage.missing in ((1,), ())
    eventually_equal(parts, index)
    assert processes(parts)[1][0] != pid


def test_a_stopped_shard_is_an_error_or_flagged_and_comes_back(parts, index):
    impatient = with_seconds(parts, SHORT)
    eventually_equal(parts, index)  # all shards have opened their segments
    with stopped(processes(parts)[0][0]):
        with pytest.raises(ShardsUnavailable, match=r"shard 0 of 3 cannot answer \(0: no answer within [\d.]+ s\)"):
            impatient.search(unit_vectors(1, seed=2), 20)
        search = impatient.partial()
        [found] = search.search(unit_vectors(1, seed=1), 1000)
        assert search.coverage.missing == (0,)
        assert len(found) == search.coverage.documents == len(index) - parts._generation.documents_of(0)
    eventually_equal(parts, index)


def test_a_process_that_leaves_ray_while_a_shard_is_silent_ends_and_starts_no_other_ray(index):
    """Ray would start one at the next call of an actor, and never end where that is made while it ends."""
    command = [sys.executable, "-m", "helpers.leaving_ray", str(index.path)]
    done = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    silent, after = done.stdout.splitlines()
    assert "cannot answer" in silent
    assert "cannot answer" in after
    assert after.endswith(" False")


def test_a_slow_shard_is_waited_for_within_the_time_limit(parts, index):
    pid, _ = processes(parts)[2]
    os.kill(pid, signal.SIGSTOP)
    timer = threading.Timer(0.7, os.kill, (pid, signal.SIGCONT))
    timer.start()
    assert parts.search(unit_vectors(1, seed=1), 20) == index.search(unit_vectors(1, seed=1), 20)
    timer.join()


def test_an_actor_that_ray_gives_up_is_replaced(parts, index):
    import ray

    [replica] = parts._shards._shards[1].all
    ray.kill(replica.handle.actor, no_restart=True)
    eventually_equal(parts, index)


def test_all_shards_move_to_a_new_generation(parts, index):
    pinned, before = parts.pinned(), index.search(unit_vectors(1, seed=1), 200)
    index.delete(["d0"])
    assert parts.refresh()
    assert parts.search(unit_vectors(1, seed=1), 200) == index.search(unit_vectors(1, seed=1), 200)
    assert pinned.search(unit_vectors(1, seed=1), 200) == before


def test_a_replica_stands_in_for_one_that_is_stopped_or_killed(ray_address, index):
    parts = open_sharded(index.path, shards=1, replicas=2, address=ray_address, seconds=4.0)
    vectors = unit_vectors(1, seed=1)
    expected = index.search(vectors, 20)
    pids = {processes(parts)[0][0] for _ in range(10)}
    assert len(pids) == 2
    for _ in range(30):
        parts.search(vectors, 20)
    with stopped(min(pids)):
        for _ in range(20):
            assert parts.search(vectors, 20) == expected
    os.kill(max(pids), signal.SIGKILL)
    for _ in range(20):
        assert parts.search(vectors, 20) == expected


@pytest.mark.parametrize(("name", "value"), [("shards", 0), ("shards", "3"), ("replicas", 0), ("replicas", 1.5)])
def test_shards_and_replicas_are_counts(name, value, index):
    with pytest.raises(ArgumentError, match=f"{name} must be"):
        open_sharded(index.path, **{"shards": 1, name: value})


def test_an_index_must_be_there(tmp_path, ray_address):
    with pytest.raises(IndexNotFound, match="does not exist"):
        open_sharded(tmp_path / "nothing", shards=2, address=ray_address)


def test_a_shard_needs_no_package_but_the_index(index):
    program = (
        "import sys; from bicross.index.shards import Shard; Shard(sys.argv[1], 0, 2); "
        "names = ('torch', 'transformers', 'sentence_transformers', 'ray', 'bicross.retrieval', 'bicross.pipelines'); "
        "print(*[name for name in names if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", program, str(index.path)], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""
