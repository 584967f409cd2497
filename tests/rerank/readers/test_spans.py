"""The best spans of windows, against a search of all spans; and the windows themselves."""

from itertools import pairwise

import numpy as np
from bicross.rerank.readers.spans import TokenSpan, apart, best_spans, characters, windows_of
from helpers.examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

LOGITS = st.lists(st.tuples(*[st.floats(-20, 20, width=32)] * 2), min_size=0, max_size=12)


@settings(max_examples=examples(200))
@given(logits=LOGITS, null=st.floats(-20, 20), longest=st.integers(1, 15), count=st.integers(1, 40))
def test_the_best_spans_are_those_of_a_search_of_all(logits, null, longest, count):
    array = np.array(logits, np.float32).reshape(-1, 2)
    every = [
        (float(array[first, 0]) + float(array[last, 1]) - null, -first, -last)
        for first in range(len(array))
        for last in range(first, min(len(array), first + longest))
    ]
    chosen = best_spans(array, null, longest=longest, count=count)
    assert len(chosen) == min(count, len(every))
    assert [span.score for span in chosen] == [score for score, *_ in sorted(every, reverse=True)[:count]]
    assert all(0 <= span.first <= span.last < span.first + longest for span in chosen)
    assert len({(span.first, span.last) for span in chosen}) == len(chosen)


@given(tokens=st.integers(0, 300), room=st.integers(1, 60), overlap=st.integers(0, 80))
def test_windows_cover_a_passage_and_overlap(tokens, room, overlap):
    windows = windows_of(tokens, room, overlap)
    assert windows[0][0] == 0
    assert windows[-1][1] == tokens
    assert all(0 < stop - start <= room or tokens == 0 for start, stop in windows)
    shared = min(overlap, room // 2)
    assert all(later < stop and stop - later >= shared for (_, stop), (later, _) in pairwise(windows)) or not shared
    assert all(later <= stop for (_, stop), (later, _) in pairwise(windows))
    assert len(set(windows)) == len(windows)


def test_spans_that_overlap_a_better_one_are_left_out():
    spans = [
        TokenSpan(2, 4, 3.0),
        TokenSpan(4, 5, 2.0),
        TokenSpan(5, 6, 1.0),
        TokenSpan(2, 4, 3.0),
        TokenSpan(0, 1, 0.0),
    ]
    assert apart(spans, 2) == [spans[0], spans[2]]
    assert apart(spans, 9) == [spans[0], spans[2], spans[4]]


def test_characters_leave_out_the_spaces_around():
    offsets = np.array([[0, 3], [3, 8], [8, 9]])
    assert characters("one two  x", offsets, TokenSpan(1, 2, 0.0)) == (4, 7)
    assert characters("one      x", offsets, TokenSpan(1, 2, 0.0)) is None
