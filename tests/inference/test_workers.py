"""Workers compute alone, as many as torch has threads, and leave the program's own setting as it was."""

import multiprocessing
import threading

import pytest
import torch
from bicross.inference.workers import each, workers


@pytest.fixture(params=[1, 2, 3])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_each_worker_has_one_thread_and_the_caller_keeps_its_own(threads):
    together = threading.Barrier(threads)

    def see(_):
        together.wait(timeout=30)  # passes when as many compute at once
        return threading.current_thread().name, torch.get_num_threads()

    counts_by_name = list(each(see, range(threads)))
    assert workers() == threads == torch.get_num_threads()
    assert len({name for name, _ in counts_by_name}) == threads
    assert {count for _, count in counts_by_name} == {1}


def test_a_thread_that_starts_later_has_what_the_program_set(threads):
    list(each(int, range(3)))
    counts = []
    thread = threading.Thread(target=lambda: counts.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert counts == [threads]


def test_results_come_in_order_and_errors_in_their_place(threads):
    assert list(each(lambda x: x * x, range(50))) == [x * x for x in range(50)]
    results = each(lambda x: 1 // x, [1, 0, 1])
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)


def _child(queue):
    queue.put(list(each(abs, [-1, -2])))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_starts_workers_of_its_own(threads):
    list(each(abs, [-1]))
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    process = context.Process(target=_child, args=(queue,))
    process.start()
    assert queue.get(timeout=60) == [1, 2]
    process.join()
