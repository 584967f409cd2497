"""Batches grow while they take no time, and shrink when they take long."""

from bicross.pipelines.indexing.pace import FIRST_SIZE, BatchSize, Pace
from hypothesis import given
from hypothesis import strategies as st

LARGEST = BatchSize(512, 2**19)


def after(seconds, **options):
    """The size of the next batch after batches that took so long."""
    now = [0.0]
    pace = Pace(LARGEST, clock=lambda: now[0], **options)
    for duration in seconds:
        with pace.timed():
            now[0] += duration
    return pace.size


def test_batches_grow_to_the_largest_and_shrink_to_the_first():
    assert after([]) == FIRST_SIZE
    assert after([0.1]) == FIRST_SIZE.times(2)
    assert after([1.0] * 9) == FIRST_SIZE
    assert after([0.1] * 5) == after([0.1] * 50) == LARGEST
    assert after([0.1] * 50 + [2.0]) == BatchSize(256, 2**18)
    assert after([0.1] * 50 + [2.0] * 5) == after([2.0] * 9) == FIRST_SIZE


def test_several_devices_get_batches_that_are_larger():
    assert after([], devices=3) == FIRST_SIZE.times(3)
    assert after([0.1] * 9, devices=3) == LARGEST.times(3)


@given(st.floats(0.0001, 1), st.lists(st.floats(0.5, 2), min_size=30, max_size=30))
def test_batches_of_a_steady_encoder_take_about_a_second(seconds_a_document, noise):
    now = [0.0]
    pace = Pace(LARGEST, clock=lambda: now[0])
    for factor in noise:
        with pace.timed():
            now[0] += pace.size.documents * seconds_a_document * factor
    seconds = pace.size.documents * seconds_a_document
    assert seconds <= 6 or pace.size == FIRST_SIZE
    assert seconds >= 0.12 or pace.size == LARGEST
