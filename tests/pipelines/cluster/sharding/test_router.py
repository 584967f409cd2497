"""The router waits for one answer of each shard: of another replica where one fails or is late, and never too long."""

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest
from bicross.errors import ArgumentError, IndexCorrupt, ShardsUnavailable
from bicross.index import Index, ShardedIndex
from bicross.index.shards import GenerationKey, Shard
from bicross.pipelines.cluster.sharding import Router
from bicross.pipelines.cluster.sharding import replicas as replicas_module
from bicross.pipelines.cluster.sharding import router as router_module
from helpers.toy_collections import ANALYZER, FINGERPRINT, batch, record, unit_vectors

KEY = GenerationKey(1, "0" * 32)
LONG = 30.0
"""More seconds than a test takes."""


class Question:
    """A request that a ``Handle`` never looks at."""

    def of(self, part):
        raise AssertionError


class Handle:
    """A replica whose calls end when the test ends them, or at once with ``answers``."""

    def __init__(self, answer=None, *, raises: Exception | None = None, hangs: bool = False) -> None:
        self.answer_at_once, self.raises, self.hangs = answer, raises, hangs
        self.calls: list[Future] = []
        self.opened: list[GenerationKey] = []
        self.asked = threading.Event()

    def open(self, key):
        self.opened.append(key)
        return self._future(None)

    def answer(self, key, request):
        future = self._future(self.answer_at_once)
        self.calls.append(future)
        self.asked.set()
        return future

    def _future(self, answer):
        future = Future()
        if self.raises is not None:
            future.set_exception(self.raises)
        elif not self.hangs:
            future.set_result(answer)
        return future


def ask(router, *shards, seconds=LONG):
    return router.ask(KEY, {shard: Question() for shard in shards or range(router.count)}, seconds=seconds)


def warmed(router) -> Router:
    """A router that has measured that calls take next to no time."""
    for _ in range(replicas_module.FEWEST_MEASURED):
        router.pace.took(Question, 0.001)
    return router


def test_each_shard_answers_once():
    handles = [[Handle("a")], [Handle("b")], [Handle("c")]]
    assert ask(Router(handles)).answers == {0: "a", 1: "b", 2: "c"}
    assert ask(Router(handles), 1).answers == {1: "b"}
    assert [len(handle.calls) for [handle] in handles] == [1, 2, 1]


def test_replicas_take_turns():
    handles = [Handle("a"), Handle("a")]
    router = Router([handles])
    for _ in range(10):
        ask(router)
    assert [len(handle.calls) for handle in handles] == [5, 5]


def test_a_replica_that_fails_is_replaced_by_another_and_asked_last_for_a_while():
    broken, sound = Handle(raises=RuntimeError("gone")), Handle("a")
    router = Router([[broken, sound]], extra_calls=0.0)
    for _ in range(10):
        assert ask(router).answers == {0: "a"}
    assert len(broken.calls) == 1
    assert router.pace.extra_calls == 0


def test_a_damaged_replica_is_replaced_too():
    damaged = Handle(raises=IndexCorrupt("a file is damaged"))
    assert ask(Router([[damaged, Handle("a")]])).answers == {0: "a"}
    gathered = ask(Router([[damaged], [Handle("b")]]))
    assert gathered.answers == {1: "b"}
    assert gathered.missing == {0: "IndexCorrupt: a file is damaged"}


def test_a_transport_that_raises_is_a_failure():
    class Refusing(Handle):
        def answer(self, key, request):
            raise ConnectionError("refused")

        def open(self, key):
            raise ConnectionError("refused")

    assert ask(Router([[Refusing(), Handle("a")]])).answers == {0: "a"}
    router = Router([[Refusing()]])
    assert ask(router).missing == {0: "ConnectionError: refused"}
    assert ask(router).missing == {0: "ConnectionError: refused"}
    assert router.open(KEY, [0]) == {0: "ConnectionError: refused"}


def test_a_wrong_argument_is_the_callers_own():
    router = Router([[Handle(raises=ArgumentError("k must be"))], [Handle(hangs=True)]])
    with pytest.raises(ArgumentError, match="k must be"):
        ask(router)


def test_a_late_replica_is_not_waited_for():
    late, other = Handle(hangs=True), Handle("other")
    router = warmed(Router([[late, other]]))
    router._shards[0]._turn = 1  # the late one is the first
    assert ask(router).answers == {0: "other"}
    assert len(late.calls) == 1
    assert router.pace.extra_calls == 1
    late.calls[0].set_result("late")
    assert ask(router, seconds=LONG).answers in ({0: "other"}, {0: None})


def test_extra_calls_are_a_small_share_of_all():
    pace, extra_calls = replicas_module.Pace(0.05), 0
    for calls in range(1, 1001):
        pace.called()
        extra_calls += pace.may_call_extra()
        assert extra_calls <= 1 + 0.05 * calls
    assert extra_calls == pace.extra_calls >= 49
    assert pace.calls == 1000


def test_late_is_what_95_of_100_calls_are_not():
    pace = replicas_module.Pace(0.05)
    for milliseconds in range(replicas_module.FEWEST_MEASURED - 1):
        pace.took(Question, milliseconds / 1000)
        assert pace.slow_after(Question) is None
    for milliseconds in range(1, 101):
        for _ in range(2):
            pace.took(Question, milliseconds / 1000)
    assert pace.slow_after(Question) == 0.096
    assert pace.slow_after(Handle) is None


def test_without_measurements_half_of_the_time_is_late():
    late, other = Handle(hangs=True), Handle("other")
    router = Router([[late, other]], extra_calls=0.0)
    router._shards[0]._turn = 1
    assert ask(router, seconds=0.6).answers == {0: "other"}
    for _ in range(5):  # it is hardly asked until it answers
        assert ask(router, seconds=LONG).answers == {0: "other"}
    assert len(late.calls) == 1


def test_a_shard_that_never_answers_is_missing_in_time():
    silent = Handle(hangs=True)
    router = Router([[silent], [Handle("b")]])
    gathered = ask(router, seconds=0.1)
    assert gathered.answers == {1: "b"}
    assert gathered.missing == {0: "no answer within 0.1 s"}
    # The next requests do not wait for it, until one of its calls returns.
    gathered = ask(router, seconds=LONG)
    assert gathered.missing == {0: "it lets calls wait, and is asked again soon"}
    assert len(silent.calls) == 1
    silent.hangs, silent.answer_at_once = False, "a"
    silent.calls[0].set_result("late")
    assert ask(router, seconds=LONG).answers == {0: "a", 1: "b"}


def test_a_silent_replica_is_probed():
    now, silent = [0.0], Handle(hangs=True)
    router = Router([[silent]], clock=lambda: now[0] + time.monotonic())
    ask(router, seconds=0.01)
    ask(router, seconds=0.01)
    assert len(silent.calls) == 1
    now[0] += replicas_module.PROBE_SECONDS + 1
    ask(router, seconds=0.01)
    ask(router, seconds=0.01)
    assert len(silent.calls) == 2


def test_no_time_is_no_answer():
    assert ask(Router([[Handle(hangs=True)]]), seconds=0.0).missing == {0: "no answer within 0 s"}


def test_threads_ask_at_once():
    router = Router([[Handle("a"), Handle("a")], [Handle("b"), Handle("b")]])
    with ThreadPoolExecutor(8) as pool:
        gathered = list(pool.map(lambda _: ask(router), range(200)))
    assert all(one.answers == {0: "a", 1: "b"} and not one.missing for one in gathered)
    assert all(replica.waiting == 0 for replicas in router._shards for replica in replicas.all)
    assert router.pace.calls == 400


def test_a_generation_is_opened_in_every_replica():
    handles = [[Handle(), Handle()], [Handle()]]
    assert Router(handles).open(KEY, [0, 1]) == {}
    assert all(handle.opened == [KEY] for replicas in handles for handle in replicas)


def test_one_replica_of_each_shard_must_open_it(monkeypatch):
    monkeypatch.setattr(router_module, "LAGGARD_SECONDS", 0.05)
    damaged = IndexCorrupt("damaged")
    assert Router([[Handle(raises=damaged), Handle()], [Handle()]]).open(KEY, [0, 1]) == {}
    assert Router([[Handle(hangs=True), Handle()], [Handle()]]).open(KEY, [0, 1]) == {}
    assert Router([[Handle(raises=damaged)], [Handle()]]).open(KEY, [0, 1]) == {0: "IndexCorrupt: damaged"}
    monkeypatch.setattr(router_module, "OPEN_SECONDS", 0.05)
    assert Router([[Handle(hangs=True)], [Handle()]]).open(KEY, [0, 1]) == {0: "it was not open after 0.05 s"}


@pytest.mark.parametrize(
    ("shards", "options", "message"),
    [
        ([], {}, "the number of shards must be"),
        ([[]], {}, "the number of replicas of a shard must be"),
        ([[Handle()]], {"extra_calls": 2}, "extra_calls must be"),
    ],
)
def test_a_router_has_shards_and_replicas(shards, options, message):
    with pytest.raises(ArgumentError, match=message):
        Router(shards, **options)


class ThreadHandle:
    """A replica that is a thread with a shard, which can be told to fail, or to wait."""

    def __init__(self, path, shard, shards) -> None:
        self.shard = Shard(str(path), shard, shards)
        self.pool = ThreadPoolExecutor(2)
        self.dead = False
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def open(self, key):
        return self.pool.submit(self._when_alive, self.shard.open, key)

    def answer(self, key, request):
        return self.pool.submit(self._when_alive, self.shard.answer, key, request)

    def _when_alive(self, call, *arguments):
        self.may_go_on.wait(LONG)
        if self.dead:
            raise ConnectionError("the process ended")
        return call(*arguments)


@pytest.fixture
def cluster(tmp_path):
    """An index, and two replicas of each of its three shards."""
    index = Index.create(
        tmp_path / "index", FINGERPRINT, batches=[batch([record(n) for n in range(9)], terms=True)], analyzer=ANALYZER
    )
    for first in (9, 18):
        index.add([batch([record(n) for n in range(first, first + 9)], terms=True)])
    handles = [[ThreadHandle(index.path, shard, 3) for _ in range(2)] for shard in range(3)]
    yield index, handles
    for replicas in handles:
        for handle in replicas:
            handle.may_go_on.set()
            handle.pool.shutdown()


def test_an_index_is_searched_whatever_one_replica_of_each_shard_does(cluster):
    index, handles = cluster
    parts = ShardedIndex(index.path, Router(handles), seconds=1.0)
    vectors, terms = unit_vectors(2, seed=1), [["t1"], ["t2", "t3"]]
    expected = index.search_both(vectors, terms, 10, where="even")
    assert parts.search_both(vectors, terms, 10, where="even") == expected
    handles[0][0].dead = True
    handles[1][1].may_go_on.clear()
    for _ in range(5):
        assert parts.search_both(vectors, terms, 10, where="even") == expected
    handles[0][1].dead = True
    with pytest.raises(ShardsUnavailable, match=r"shard 0 of 3 cannot answer \(0: ConnectionError: the process ended"):
        parts.search_both(vectors, terms, 10)
    search = parts.partial()
    [found] = search.search(vectors[:1], 100)
    assert search.coverage.missing == (0,)
    assert {hit.document.id for hit in found} == {f"d{number}" for number in range(9, 27)}
    handles[0][0].dead = handles[0][1].dead = False
    assert parts.search_both(vectors, terms, 10, where="even") == expected


def test_a_time_limit_holds_for_all_rounds_of_a_search(cluster):
    index, handles = cluster
    parts = ShardedIndex(index.path, Router(handles), seconds=0.3)
    for handle in handles[2]:
        handle.may_go_on.clear()
    with pytest.raises(ShardsUnavailable, match="shard 2 of 3 cannot answer"):
        parts.search(np.ascontiguousarray(unit_vectors(1, seed=1)), 5)
