"""Which worker writes which chunk: with workers that die, fail, or stand still, in a time of its own."""

import random
from dataclasses import dataclass, field

import pytest
from bicross.errors import ClusterError, DocumentError
from bicross.index.staging import Chunk
from bicross.pipelines.cluster.building.scheduler import LEAST_SLOW_SECONDS, Outcome, run_chunks
from bicross.pipelines.indexing import ChunkDone
from helpers.examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st


@dataclass(frozen=True)
class Part:
    shown: str
    bytes: int = 100
    identity: str = ""


def chunks(count: int) -> list[Chunk]:
    return [Chunk(f"c{number}", Part(f"lines {number}")) for number in range(count)]


@dataclass
class Pretended:
    """Workers whose calls end as ``ends`` says: seconds for each try of a chunk, and how it ends."""

    count: int
    ends: dict[str, list[tuple[float, object]]] = field(default_factory=dict)
    now: float = 0.0
    calls: dict[int, tuple[float, Chunk, object]] = field(default_factory=dict)
    tries: list[str] = field(default_factory=list)
    replaced: list[int] = field(default_factory=list)

    def idle(self):
        return [worker for worker in range(self.count) if worker not in self.calls]

    def start(self, worker, chunk):
        assert worker not in self.calls
        number = self.tries.count(chunk.name)
        self.tries.append(chunk.name)
        ends = self.ends.get(chunk.name, [])
        seconds, end = ends[number] if number < len(ends) else (1.0, None)
        self.calls[worker] = self.now + seconds, chunk, end

    def wait(self, seconds):
        until, worker = min((until, worker) for worker, (until, _, _) in self.calls.items())
        if until > self.now + seconds:
            self.now += seconds
            return []
        self.now = max(self.now, until)
        _, chunk, end = self.calls.pop(worker)
        if end == "dies":
            return [Outcome(worker, chunk, death="its worker died")]
        if isinstance(end, Exception):
            return [Outcome(worker, chunk, error=end)]
        return [Outcome(worker, chunk, done=ChunkDone(chunk.name, 3))]

    def replace(self, worker):
        self.replaced.append(worker)


def run(workers: Pretended, count: int) -> list[str]:
    done: list[str] = []
    run_chunks(chunks(count), workers, done=lambda chunk: done.append(chunk.name), clock=lambda: workers.now)
    return done


def test_each_chunk_is_written_once():
    workers = Pretended(3)
    assert sorted(run(workers, 10)) == sorted(workers.tries) == sorted(c.name for c in chunks(10))


def test_a_worker_that_dies_is_replaced_and_its_chunk_done_again():
    workers = Pretended(2, {"c1": [(0.5, "dies"), (0.5, "dies")]})
    assert sorted(run(workers, 5)) == [f"c{n}" for n in range(5)]
    assert (len(workers.replaced), workers.tries.count("c1")) == (2, 3)


@pytest.mark.parametrize("end", ["dies", OSError(28, "No space left on device")])
def test_a_chunk_that_fails_three_times_is_named_and_the_others_are_written(end):
    workers = Pretended(2, {"c1": [(0.1, end)] * 9})
    done = []
    message = (
        r"one part of the source failed 3 times: lines 1 \(chunk c1\): .*(died|No space left).*other chunks are kept"
    )
    with pytest.raises(ClusterError, match=message):
        run_chunks(chunks(6), workers, done=lambda chunk: done.append(chunk.name), clock=lambda: workers.now)
    assert sorted(done) == ["c0", "c2", "c3", "c4", "c5"]
    assert workers.tries.count("c1") == 3


def test_a_worker_that_fails_at_everything_leaves_it_to_the_others():
    """Its disk is full, and it fails sooner than others succeed."""

    class FullDisk(Pretended):
        def start(self, worker, chunk):
            super().start(worker, chunk)
            if worker == 0:
                self.calls[worker] = self.now + 0.01, chunk, OSError(28, "No space left on device")

    workers = FullDisk(3)
    assert sorted(run(workers, 12)) == sorted(f"c{n}" for n in range(12))
    assert workers.now < 12


def test_the_last_worker_tries_again_after_a_while():
    """The other one stands still with another chunk, so that nobody else can try."""
    workers = Pretended(2, {"c0": [(50.0, None)], "c1": [(0.1, OSError(5, "no"))]})
    assert sorted(run(workers, 2)) == ["c0", "c1"]
    assert workers.tries.count("c1") == 2
    assert workers.now < 50


def test_an_error_of_the_source_ends_the_build_at_once():
    workers = Pretended(2, {"c1": [(0.1, DocumentError("line 7: no text"))]})
    with pytest.raises(DocumentError, match="line 7"):
        run(workers, 50)
    assert len(workers.tries) < 5


def test_a_slow_chunk_is_given_to_an_idle_worker_too_and_the_first_counts():
    workers = Pretended(3, {"c4": [(10**6, None)]})
    assert sorted(run(workers, 9)) == [f"c{n}" for n in range(9)]
    assert workers.tries.count("c4") == 2
    assert LEAST_SLOW_SECONDS < workers.now < 60


def test_a_chunk_that_is_only_large_is_not_done_twice():
    large = Chunk("large", Part("all of it", bytes=10_000))
    workers = Pretended(3, {"large": [(100.0, None)]})
    run_chunks([large, *chunks(6)], workers, done=lambda chunk: None, clock=lambda: workers.now)
    assert workers.tries.count("large") == 1


@settings(max_examples=examples(200))
@given(st.integers(0, 2**32), st.integers(1, 5), st.integers(1, 20))
def test_whatever_happens_every_chunk_is_written_or_named(seed, count, number):
    chance = random.Random(seed)
    ends = {
        chunk.name: [
            (chance.choice([0.1, 1.0, 30.0, 500.0]), chance.choice(["dies", OSError(5, "no"), None, None, None]))
            for _ in range(6)
        ]
        for chunk in chunks(number)
    }
    workers, done = Pretended(count, ends), []
    named = ""
    try:
        run_chunks(chunks(number), workers, done=lambda chunk: done.append(chunk.name), clock=lambda: workers.now)
    except ClusterError as error:
        named = str(error)
    assert len(done) == len(set(done))
    assert bool(named) == (len(done) < number)
