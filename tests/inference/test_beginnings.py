"""What sequences have in common at their beginning is found exactly, where it pays, without the pooled token."""

import numpy as np
import pytest
from bicross.inference.packed import beginnings as module
from bicross.inference.packed.beginnings import beginnings
from hypothesis import given
from hypothesis import strategies as st

PASSED_OVER = 3


def sequence(ids):
    return np.stack([np.array(ids, np.int32), np.zeros(len(ids), np.int32)])


@given(
    rows=st.lists(st.tuples(st.sampled_from("ab"), st.lists(st.integers(0, 3), min_size=1, max_size=8)), max_size=8),
    passed_over=st.sampled_from([None, PASSED_OVER]),
    least=st.integers(1, 12),
)
def test_a_beginning_is_the_longest_that_all_with_its_label_have(rows, passed_over, least):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "LEAST_SAVED", least)
        result = beginnings([sequence(ids) for _, ids in rows], [label for label, _ in rows], passed_over=passed_over)
    expected = {}
    for label in dict.fromkeys(label for label, _ in rows):
        numbers = [number for number, (own, _) in enumerate(rows) if own == label]
        lists = [rows[number][1] for number in numbers]
        pooled = [max((place for place, i in enumerate(ids) if i != passed_over), default=0) for ids in lists]
        length = next((size for size in range(min(pooled), 0, -1) if len({tuple(ids[:size]) for ids in lists}) == 1), 0)
        if length * (len(numbers) - 1) >= least:
            expected[tuple(numbers)] = length
    assert {tuple(one.rows.tolist()): one.length for one in result} == expected
