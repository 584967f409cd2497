import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import pytest
from bicross.pipelines.indexing.map_ahead import map_ahead
from hypothesis import given
from hypothesis import strategies as st

SECONDS = 30  # how long a test waits for what should happen at once


class Broken(Exception):
    pass


@pytest.fixture(autouse=True)
def no_thread_stays():
    yield
    for thread in threading.enumerate():
        if thread.name.startswith("bicross"):
            thread.join(SECONDS)  # one that was interrupted is not awaited
    assert [thread for thread in threading.enumerate() if thread.name.startswith("bicross")] == []


def breaking_off(items):
    yield from items
    raise Broken("items")


def failing_at(bad):
    def function(item):
        if item == bad:
            raise Broken(item)
        return -item

    return function


def taken(results):
    """What an iterator gives before it ends or fails, and how it fails."""
    items = []
    try:
        items.extend(results)  # one after the other: what came before an error stays
    except Broken as error:
        return items, str(error)
    return items, None


@given(st.lists(st.integers(0, 9)), st.integers(-1, 9), st.booleans(), st.integers(1, 5), st.integers(1, 3))
def test_results_and_errors_come_as_from_map(items, bad, breaks, depth, stages):
    def source():
        return breaking_off(items) if breaks else iter(items)

    expected = taken(map(failing_at(bad), source()))
    if stages == 1:
        with map_ahead(failing_at(bad), source(), depth=depth) as results:
            assert taken(results) == expected
    else:
        with (
            map_ahead(failing_at(bad), source(), depth=depth) as first,
            map_ahead(lambda item: item * stages, first, depth=depth) as second,
        ):
            assert taken(second) == ([result * stages for result in expected[0]], expected[1])


def test_the_function_runs_while_a_result_is_used():
    begun = {item: threading.Event() for item in range(6)}

    def function(item):
        begun[item].set()
        return item

    with map_ahead(function, range(6), depth=2) as results:
        for item in results:
            assert item == 5 or begun[item + 1].wait(SECONDS)


def test_two_stages_run_at_once():
    meeting = threading.Barrier(2, timeout=SECONDS)

    def first(item):
        if item > 0:
            meeting.wait()
        return item

    def second(item):
        if item < 5:
            meeting.wait()
        return item

    with map_ahead(first, range(6), depth=2) as halfway, map_ahead(second, halfway, depth=2) as results:
        assert list(results) == list(range(6))


def test_items_are_read_by_the_caller_and_worked_on_in_one_other_thread():
    readers, workers = set(), set()

    def source():
        for item in range(20):
            readers.add(threading.current_thread())
            yield item

    with map_ahead(lambda _: workers.add(threading.current_thread()), source(), depth=3) as results:
        assert len(list(results)) == 20
    assert readers == {threading.current_thread()}
    assert len(workers) == 1
    assert not workers & readers


@pytest.mark.parametrize("depth", [1, 2, 7])
def test_no_more_than_depth_items_are_under_way(depth):
    read = []

    def source():
        for item in range(30):
            read.append(item)
            yield item

    with map_ahead(str, source(), depth=depth) as results:
        assert read == []
        for number, _ in enumerate(results):
            assert len(read) == min(30, number + depth)


@pytest.fixture
def leaving(monkeypatch):
    """Is set when a block is being left and what had not begun is cancelled, before the thread is waited for."""
    event, shutdown = threading.Event(), ThreadPoolExecutor.shutdown

    def observed(self, wait=True, *, cancel_futures=False):
        shutdown(self, wait=False, cancel_futures=cancel_futures)
        event.set()
        shutdown(self, wait=wait)

    monkeypatch.setattr(ThreadPoolExecutor, "shutdown", observed)
    return event


@pytest.mark.parametrize("error", [None, Broken, GeneratorExit])
@pytest.mark.parametrize("take", [0, 1, 3])
def test_whoever_stops_early_waits_for_one_call_and_no_other_begins(leaving, error, take):
    worked, closed = [], []

    def function(item):
        worked.append(item)
        if item == take:
            assert leaving.wait(SECONDS)

    def source():
        try:
            yield from range(100)
        finally:
            closed.append(True)

    def use():
        with map_ahead(function, source(), depth=5) as results:
            for _ in range(take):
                next(results)
            if error is not None:
                raise error

    with nullcontext() if error is None else pytest.raises(error):
        use()
    assert set(range(take)) <= set(worked) <= set(range(take + 1))
    assert closed == ([True] if take else [])  # a generator that never began has nothing to close


@pytest.fixture
def heard_interrupts():
    """Where the tests run in the background, interrupts are ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heard_interrupts")
@pytest.mark.parametrize("stages", [1, 2])
def test_an_interrupt_waits_for_no_call_and_no_other_begins(stages):
    begun, going_on, ended, worked = threading.Event(), threading.Event(), threading.Event(), []

    def function(item):
        worked.append(item)
        begun.set()
        assert going_on.wait(SECONDS)
        return item

    def use():
        with map_ahead(function, range(100), depth=5) as first, map_ahead(str, first, depth=5) as second:
            if stages == 2:
                threading.Timer(0.05, begun.set).start()
            results = second if stages == 2 else first
            threading.Thread(target=lambda: (begun.wait(SECONDS), raise_interrupt())).start()
            next(results)

    main = threading.main_thread().ident

    def raise_interrupt():
        # A signal that comes right before a thread begins to wait is not heard until it wakes, so there may be more.
        signal.pthread_kill(main, signal.SIGINT)
        while not ended.wait(1):
            signal.pthread_kill(main, signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        use()
    ended.set()
    assert worked == [0]
    going_on.set()
    for thread in threading.enumerate():
        if thread.name.startswith("bicross"):
            thread.join(SECONDS)
    assert worked == [0]


def test_an_interrupt_while_reading_is_not_kept_waiting():
    def source():
        yield 1
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), map_ahead(str, source(), depth=4) as results:
        next(results)
