"""Pieces of a call, and who answers them: with workers that die, fail, stand still, or have another model."""

import threading
from concurrent.futures import Future, wait
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from bicross.errors import ClusterError, ModelError, ModelNotFound, QueryError
from bicross.pipelines.cluster.reranking import asking
from bicross.pipelines.cluster.reranking.asking import Paces, ask_all
from bicross.pipelines.cluster.reranking.requests import Description, Piece
from bicross.pipelines.cluster.reranking.spreading import LEAST_TOKENS, MOST_TOKENS, spread
from bicross.pipelines.cluster.reranking.workers import REVIVAL_SECONDS, RerankerWorkers, WorkerDied
from helpers.examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

MODEL = Description("host", "1.0", "weights-float32", "weights", "tokenizer", 512, 1.0, None)
SECONDS = 30.0


@pytest.fixture(autouse=True)
def no_long_waits(monkeypatch):
    """Time is that of the clock; nobody waits in that of the machine."""
    short = lambda futures, timeout, return_when: wait(futures, min(timeout, 0.001), return_when)  # noqa: E731
    monkeypatch.setattr(asking, "wait", short)


@settings(max_examples=examples(200))
@given(st.lists(st.integers(1, 600), max_size=300), st.integers(1, 9))
def test_pieces_have_all_pairs_in_their_order_and_about_equally_many_tokens(tokens, workers):
    pieces = spread(np.array(tokens, np.int64), workers)
    assert [row for piece in pieces for row in range(len(tokens))[piece]] == list(range(len(tokens)))
    sizes = [sum(tokens[piece]) for piece in pieces]
    assert all(sizes)
    if pieces:
        assert max(sizes) - min(sizes) < 2 * max(tokens)
        assert max(sizes) < MOST_TOKENS + 600
        assert len(pieces) == 1 or len(pieces) * LEAST_TOKENS <= sum(tokens) + len(pieces) * 600


def test_a_long_call_has_more_pieces_than_workers():
    pieces = spread(np.full(1000, 500), 3)
    assert len(pieces) == -(-500_000 // MOST_TOKENS)


@dataclass(frozen=True)
class Request:
    name: str
    runs_model: bool = True


@dataclass
class Pretended:
    """A place whose processes start and answer as told, at once; "hangs" is never answered.

    ``starts`` says how each process in turn starts, ``answers`` how it answers a request: the first entry that is left.
    """

    number: int
    starts: list[object] = field(default_factory=list)
    answers: list[object] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    started: int = 0
    stopped: bool = False
    by_name: dict[str, object] = field(default_factory=dict)

    def start(self):
        self.started += 1
        return settled(self.starts.pop(0) if self.starts else MODEL)

    def ask(self, request):
        self.asked.append(request.name)
        answer = self.by_name.get(request.name)
        if answer is None:
            answer = self.answers.pop(0) if self.answers else f"{request.name} by {self.number}"
        return settled(answer)

    def stop(self):
        self.stopped = True


def settled(value) -> Future:
    future = Future()
    if isinstance(value, Exception):
        future.set_exception(value)
    elif value != "hangs":
        future.set_result(value)
    return future


class Clock:
    """Time that passes whenever somebody looks at it."""

    def __init__(self, step: float = 0.0) -> None:
        self.now, self.step = 0.0, step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def opened(*handles: Pretended, clock=None) -> RerankerWorkers:
    workers = RerankerWorkers(handles, seconds=SECONDS, clock=clock or Clock())
    workers.described()
    return workers


def asked(workers: RerankerWorkers, *names: str, paces: Paces | None = None) -> list[str]:
    return ask_all(workers, [Piece(Request(name), 100, name) for name in names], paces or Paces())


def died() -> WorkerDied:
    return WorkerDied("its process died (killed)")


def test_pieces_are_spread_and_answered_in_their_order():
    handles = [Pretended(number) for number in range(3)]
    answers = asked(opened(*handles), *"abcdefg")
    assert [answer[0] for answer in answers] == list("abcdefg")
    assert all(handle.asked for handle in handles)


def test_a_worker_that_dies_is_replaced_and_its_piece_asked_again():
    handles = [Pretended(0, answers=[died()]), Pretended(1)]
    assert [answer[0] for answer in asked(opened(*handles), "a", "b")] == ["a", "b"]
    assert [handle.started for handle in handles] == [2, 1]


def test_what_a_worker_failed_at_is_asked_of_another_one():
    handles = [Pretended(0, by_name={"a": RuntimeError("no room")}), Pretended(1)]
    assert asked(opened(*handles), "a") == ["a by 1"]
    assert handles[0].started == 1


def test_a_piece_that_fails_everywhere_is_named():
    handles = [Pretended(number, by_name={"a": died()}) for number in range(2)]
    with pytest.raises(ClusterError, match=r"the reranking of a failed 3 times: its process died \(killed\)"):
        asked(opened(*handles), "a", "b")
    assert sum(handle.started for handle in handles) == 2 + 3
    assert sum(handle.asked.count("a") for handle in handles) == 3


def test_a_lack_of_memory_stays_what_it_is():
    handles = [Pretended(0, by_name={"a": MemoryError("OutOfMemoryError: 3 GB")})]
    with pytest.raises(MemoryError, match="3 GB"):
        asked(opened(*handles), "a")


def test_what_the_reranker_says_of_a_query_is_raised_at_once():
    handles = [Pretended(0, by_name={"a": QueryError("the query is too long")})]
    with pytest.raises(QueryError, match="too long"):
        asked(opened(*handles), "a")
    assert handles[0].asked == ["a"]


def test_a_piece_that_is_late_is_given_to_an_idle_worker_and_the_slow_one_gets_no_more():
    paces = Paces()
    paces.measured(0.1, 100)
    handles = [Pretended(0, by_name={"a": "hangs", "b": "hangs"}), Pretended(1)]
    workers = opened(*handles, clock=Clock(0.3))
    assert asked(workers, "a", paces=paces) == ["a by 1"]
    assert asked(workers, "c", "d", "e", paces=paces) == ["c by 1", "d by 1", "e by 1"]
    assert handles[0].asked == ["a"]
    assert [handle.started for handle in handles] == [1, 1]


def test_a_worker_that_lets_all_of_its_time_pass_is_replaced():
    handles = [Pretended(0, answers=["hangs"])]
    assert asked(opened(*handles, clock=Clock(1.0)), "a") == ["a by 0"]
    assert handles[0].started == 2


def test_a_slow_worker_is_replaced_by_a_later_call():
    paces = Paces()
    paces.measured(0.1, 100)
    clock, handles = Clock(0.3), [Pretended(0, by_name={"a": "hangs"}), Pretended(1)]
    workers = opened(*handles, clock=clock)
    asked(workers, "a", paces=paces)
    clock.now += SECONDS
    asked(workers, "b", paces=paces)
    assert [handle.started for handle in handles] == [2, 1]


def test_when_all_are_gone_the_error_says_why_and_later_they_are_started_again():
    clock = Clock()
    handles = [Pretended(number, starts=[MODEL, died(), died(), died()]) for number in range(2)]
    for handle in handles:
        handle.answers = [died()]
    workers = opened(*handles, clock=clock)
    for _ in range(2):
        with pytest.raises(ClusterError, match=r"all 2 reranker workers are gone: its process died \(killed\)"):
            asked(workers, "a", "b")
    assert [handle.started for handle in handles] == [4, 4]
    clock.now += 2 * REVIVAL_SECONDS
    assert len(asked(workers, "a", "b")) == 2


def test_a_model_that_is_not_there_or_differs_is_an_error():
    with pytest.raises(ModelNotFound, match="no such model"):
        opened(Pretended(0), Pretended(1, starts=[ModelNotFound("no such model")]))
    other = replace(MODEL, host="elsewhere", fingerprint="others-float32")
    with pytest.raises(
        ModelError, match=r"on elsewhere and on host must have .* fingerprint others-float32 and weights-"
    ):
        opened(Pretended(0), Pretended(1, starts=[other]))
    workers = RerankerWorkers([Pretended(0), Pretended(1, starts=[other])], seconds=SECONDS)
    for _ in range(2):
        with pytest.raises(ModelError, match="must have the same bicross and the same model"):
            workers.described()


def test_a_process_with_another_model_never_takes_the_place_of_one_that_died():
    other = replace(MODEL, host="elsewhere", software="2.0")
    handles = [Pretended(0, starts=[MODEL, other], answers=[died(), died()]), Pretended(1)]
    workers = opened(*handles)
    assert [answer[0] for answer in asked(workers, *"abcd")] == list("abcd")
    assert [worker.is_ready for worker in workers.all] == [False, True]
    assert handles[0].started == 2


def test_a_closed_reranker_says_so():
    handles = [Pretended(0)]
    workers = opened(*handles)
    workers.close()
    with pytest.raises(ClusterError, match="the reranker worker is gone: it was closed"):
        asked(workers, "a")
    assert handles[0].stopped


def test_many_threads_share_the_workers():
    workers, answers = opened(*[Pretended(number) for number in range(3)]), []

    def call(number: int) -> None:
        names = [f"{number}.{piece}" for piece in range(20)]
        answers.append([answer.split()[0] for answer in asked(workers, *names)] == names)

    threads = [threading.Thread(target=call, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [True] * 8
    assert all(worker.owed == 0 for worker in workers.all)
