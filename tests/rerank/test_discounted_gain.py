"""nDCG against ir_measures, and gains that are not whole numbers by hand."""

import ir_measures
import numpy as np
import pytest
from bicross.rerank import dcg, ideal_dcg, ndcg
from hypothesis import given
from hypothesis import strategies as st


@given(grades=st.lists(st.integers(-1, 4), min_size=1, max_size=30), cutoff=st.sampled_from([1, 5, 10]), data=st.data())
def test_ndcg_is_that_of_ir_measures(grades, cutoff, data):
    """Some of the judged documents are returned, in any order."""
    order = data.draw(st.permutations(range(len(grades))))
    returned = order[: data.draw(st.integers(1, len(grades)))]
    qrels = {"q": {str(number): grade for number, grade in enumerate(grades)}}
    if max(grades) <= 0:  # pytrec_eval measures nothing here
        qrels["q"] = dict.fromkeys(qrels["q"], 0)
    run = {"q": {str(number): float(-rank) for rank, number in enumerate(returned)}}
    [expected] = ir_measures.iter_calc([ir_measures.nDCG @ cutoff], qrels, run)
    gains = np.array([max(0, grades[number]) for number in returned], np.float64)
    assert ndcg(gains, ideal_dcg(grades, cutoff=cutoff), cutoff=cutoff) == pytest.approx(expected.value, abs=1e-9)


def test_gains_need_not_be_whole_numbers():
    rows = np.array([[0.5, 0.0, 0.25], [0.0, 0.0, 0.0]])
    assert dcg(rows) == pytest.approx([0.5 + 0.25 / np.log2(4), 0.0])
    assert ideal_dcg([0.25, 0.5, -3.0]) == pytest.approx(0.5 + 0.25 / np.log2(3))
    assert ndcg(rows, [1.25, 0.0]) == pytest.approx([0.5, 0.0])
    assert ideal_dcg([]) == 0.0
