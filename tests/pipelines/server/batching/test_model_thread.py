"""The thread that runs the models: batches, order, splitting, and who fails when a model does."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from bicross.errors import ModelError
from bicross.pipelines.server.batching import (
    ClientLeft,
    DeadlinePassed,
    Lane,
    ModelThread,
    ServerStopping,
    Ticket,
    working_for,
)


class Doubling:
    """A model that doubles numbers, counts its batches, and waits at a gate before the first one."""

    def __init__(self, *, poison=None, memory=None):
        self.batches = []
        self.gate, self.entered = threading.Event(), threading.Event()
        self.poison, self.memory = poison, memory
        self.lane = Lane("double", self.run, lambda _: 1)

    def run(self, items):
        self.entered.set()
        assert self.gate.wait(30)
        self.batches.append(list(items))
        if self.memory is not None and len(items) > self.memory:
            raise MemoryError
        if self.poison in items:
            raise ValueError(f"cannot double {self.poison}")
        return [2 * item for item in items]


@pytest.fixture
def pool():
    with ThreadPoolExecutor(16) as threads:
        yield threads


@pytest.fixture
def start():
    threads = []

    def make(**options):
        threads.append(ModelThread(**options))
        return threads[-1]

    yield make
    for thread in threads:
        thread.close()


def queued(thread, model, pool, works, tickets=None):
    """Begin one batch of [0], and let all ``works`` wait behind it, in order."""

    def run(items, ticket):
        with working_for(ticket):
            return thread.run(model.lane, items)

    first = pool.submit(run, [0], Ticket())
    assert model.entered.wait(30)
    futures = []
    for number, items in enumerate(works):
        futures.append(pool.submit(run, items, tickets[number] if tickets else Ticket()))
        while len(thread._waiting) <= number:
            threading.Event().wait(0.001)
    return first, futures


def test_what_waits_goes_into_one_batch(start, pool):
    model, thread = Doubling(), start()
    first, futures = queued(thread, model, pool, [[1, 2], [3], [4, 5, 6]])
    model.gate.set()
    assert first.result(30) == [0]
    assert [future.result(30) for future in futures] == [[2, 4], [6], [8, 10, 12]]
    assert model.batches == [[0], [1, 2, 3, 4, 5, 6]]


def test_a_batch_has_at_most_the_tokens_allowed_and_large_work_is_split(start, pool):
    model, thread = Doubling(), start(batch_tokens=4)
    _, futures = queued(thread, model, pool, [list(range(1, 11)), [20, 21]])
    model.gate.set()
    assert futures[0].result(30) == [2 * item for item in range(1, 11)]
    assert futures[1].result(30) == [40, 42]
    assert all(len(batch) <= 4 for batch in model.batches)
    assert model.batches[1:] == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 20, 21]]


def test_one_item_of_more_tokens_than_a_batch_runs_all_the_same(start, pool):
    model = Doubling()
    model.lane = Lane("double", model.run, lambda item: 100 * item)
    model.gate.set()
    assert start(batch_tokens=50).run(model.lane, [7, 8]) == [14, 16]
    assert model.batches == [[7], [8]]


def test_short_work_goes_before_long_work(start, pool):
    model, thread = Doubling(), start(batch_tokens=8)
    other = Lane("other", model.run, lambda _: 1)
    first = pool.submit(thread.run, model.lane, [0])
    assert model.entered.wait(30)
    long = pool.submit(thread.run, model.lane, list(range(1, 20)))
    while len(thread._waiting) < 1:
        threading.Event().wait(0.001)
    short = pool.submit(thread.run, other, [99])
    while len(thread._waiting) < 2:
        threading.Event().wait(0.001)
    model.gate.set()
    assert (first.result(30), short.result(30)) == ([0], [198])
    assert long.result(30) == [2 * item for item in range(1, 20)]
    assert model.batches[1] == [99]


def test_very_large_work_lets_others_go_before_it(start, pool):
    model, thread = Doubling(), start(batch_tokens=1)
    _, futures = queued(thread, model, pool, [list(range(1, 41)), [50]])
    model.gate.set()
    assert [future.result(30)[0] for future in futures] == [2, 100]
    assert model.batches.index([50]) == 17, "after the first batch, and 16 of the large work"


def test_a_poisonous_item_fails_its_request_alone(start, pool):
    model, thread = Doubling(poison=13), start()
    _, futures = queued(thread, model, pool, [[1, 2], [13, 3], [4]])
    model.gate.set()
    assert futures[0].result(30) == [2, 4]
    with pytest.raises(ValueError, match="cannot double 13"):
        futures[1].result(30)
    assert futures[2].result(30) == [8]


def test_a_batch_that_lacks_memory_is_halved(start, pool):
    model, thread = Doubling(memory=2), start()
    _, futures = queued(thread, model, pool, [[1, 2, 3, 4, 5], [6]])
    model.gate.set()
    assert [future.result(30) for future in futures] == [[2, 4, 6, 8, 10], [12]]
    assert all(len(batch) <= 2 for batch in model.batches[-3:])


def test_an_item_that_lacks_memory_alone_fails(start):
    model = Doubling(memory=0)
    model.gate.set()
    with pytest.raises(MemoryError):
        start().run(model.lane, [1])


def test_work_of_a_client_that_left_never_reaches_the_model(start, pool):
    model, thread, ticket = Doubling(), start(), Ticket()
    _, futures = queued(thread, model, pool, [[1], [2]], [ticket, Ticket()])
    ticket.leave()
    with pytest.raises(ClientLeft):
        futures[0].result(30)  # before the model goes on
    model.gate.set()
    assert futures[1].result(30) == [4]
    assert model.batches == [[0], [2]]


def test_work_whose_deadline_passed_never_reaches_the_model(start, pool):
    now = [0.0]
    model, thread = Doubling(), start()
    late = Ticket(expires=1000.0, clock=lambda: now[0])
    _, futures = queued(thread, model, pool, [[1], [2]], [late, Ticket()])
    now[0] = 1000.0
    model.gate.set()
    assert futures[1].result(30) == [4]
    late.leave()  # wakes the thread that waits by another clock than this one
    with pytest.raises((ClientLeft, DeadlinePassed)):
        futures[0].result(30)
    assert model.batches == [[0], [2]]


def test_a_deadline_ends_the_wait_while_the_model_is_busy(start, pool):
    model, thread = Doubling(), start()
    queued(thread, model, pool, [])
    soon = Ticket(expires=time.monotonic() + 0.02)
    with working_for(soon), pytest.raises(DeadlinePassed, match="deadline passed"):
        thread.run(model.lane, [1])
    model.gate.set()


def test_too_few_results_are_an_error(start):
    with pytest.raises(ModelError, match="gave 1 results for 2 items"):
        start().run(Lane("wrong", lambda items: items[:1], lambda _: 1), [1, 2])


def test_no_items_need_no_model(start):
    model = Doubling()
    assert start().run(model.lane, []) == []
    assert model.batches == []


def test_what_waits_when_the_thread_closes_fails(pool):
    model, thread = Doubling(), ModelThread()
    first, [waiting] = queued(thread, model, pool, [[1]])
    closing = pool.submit(thread.close)
    while not thread._closed:
        threading.Event().wait(0.001)
    model.gate.set()
    closing.result(30)
    assert first.result(30) == [0]
    with pytest.raises(ServerStopping):
        waiting.result(30)
    with pytest.raises(ServerStopping):
        thread.run(model.lane, [1])


def test_batches_are_observed_and_the_pace_is_measured(start):
    seen, waits = [], []

    def observe(lane, **what):
        seen.append((lane, what["tokens"], what["requests"]))
        waits.extend(what["waits"])

    thread = start(observe=observe, batch_tokens=8)
    model = Doubling()
    model.gate.set()
    assert thread.pace == 0.0
    thread.run(model.lane, [1, 2, 3])
    assert seen == [("double", 3, 1)]
    assert len(waits) == 1
    assert thread.pace > 0
    thread.run(model.lane, range(20))
    assert len(waits) == 2, "of its first batch alone"


def test_the_pace_is_that_of_batches_that_fill_the_models(start):
    """A query of a few tokens takes as long as hundreds: its pace would have requests refused that can be answered."""
    now = [0.0]
    seconds = {1: 0.05, 500: 0.1, 1000: 0.1}

    def run(items):
        now[0] += seconds[len(items)]
        return items

    lane, thread = Lane("any", run, lambda _: 1), start(batch_tokens=1000, clock=lambda: now[0])
    thread.run(lane, [0])
    assert thread.pace == 0.0
    thread.run(lane, [0] * 1000)
    for _ in range(10):
        thread.run(lane, [0])
    assert thread.pace == pytest.approx(10_000)
    thread.run(lane, [0] * 500)
    assert 7_000 < thread.pace < 8_000
