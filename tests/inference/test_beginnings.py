"""What sequences have in common at their beginning is found exactly, where it pays, without the pooled token."""

import numpy as np
from bicross.inference.packed.beginnings import beginnings
from hypothesis import given
from hypothesis import strategies as st

PASSED_OVER = 3


def sequence(ids):
    return np.stack([np.array(ids, np.int32), np.zeros(len(ids), np.int32)])


@given(
    rows=st.lists(st.tuples(st.integers(0, 4), st.lists(st.integers(0, 3), min_size=1, max_size=8)), max_size=8),
    passed_over=st.sampled_from([None, PASSED_OVER]),
    least=st.integers(0, 12),
)
def test_sequences_with_one_beginning_are_together(rows, passed_over, least):
    expected = {}
    for number, (length, ids) in enumerate(rows):
        pooled = max((position for position, i in enumerate(ids) if i != passed_over), default=0)
        if beginning := tuple(ids[: min(length, pooled)]):
            expected.setdefault(beginning, []).append(number)
    sequences = [sequence(ids) for _, ids in rows]
    result = beginnings(sequences, [length for length, _ in rows], passed_over=passed_over, least_saved=least)
    assert {tuple(group.rows.tolist()): group.length for group in result} == {
        tuple(numbers): len(beginning)
        for beginning, numbers in expected.items()
        if len(beginning) * (len(numbers) - 1) >= least
    }
