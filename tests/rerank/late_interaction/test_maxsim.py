"""MaxSim in whole numbers against plain loops, in any company and order."""

from fractions import Fraction

import numpy as np
import pytest
from bicross.rerank.late_interaction import maxsim
from bicross.rerank.late_interaction.maxsim import QueryVectors, max_sim
from helpers.examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

BYTES = st.integers(-128, 127)


def in_loops(query, passage):
    """The weighted mean of the highest products, in whole numbers of Python."""
    if not len(passage) or not len(query.vectors):
        return -1.0
    total = 0
    for vector, weight in zip(query.vectors.tolist(), query.weights.tolist(), strict=True):
        best = max(sum(a * b for a, b in zip(vector, other, strict=True)) for other in passage.tolist())
        total += max(best, -127 * 127) * weight
    return float(Fraction(total, 1)) / (127 * 127 * int(query.weights.sum()))


@st.composite
def cases(draw):
    dim = draw(st.sampled_from([1, 3, 8, 40]))
    texts = [
        draw(arrays(np.int8, (draw(st.integers(0, 5)), dim), elements=BYTES)) for _ in range(draw(st.integers(1, 6)))
    ]
    query = draw(arrays(np.int8, (draw(st.integers(0, 4)), dim), elements=BYTES))
    weights = draw(arrays(np.float32, len(query), elements=st.floats(0, 50, width=32)))
    return QueryVectors.of(query, weights), texts


@settings(max_examples=examples(100))
@given(case=cases(), data=st.data())
def test_scores_are_those_of_loops_in_any_company(case, data):
    query, passages = case
    expected = [in_loops(query, passage) for passage in passages]
    assert max_sim(query, passages).tolist() == expected
    order = data.draw(st.permutations(range(len(passages))))
    cut = data.draw(st.integers(0, len(order)))
    shuffled = [max_sim(query, [passages[row] for row in part]) for part in (order[:cut], order[cut:])]
    assert np.concatenate(shuffled).tolist() == [expected[row] for row in order]


@pytest.mark.parametrize("most", [4, 400, 40_000])
def test_slices_of_any_size_give_the_same(monkeypatch, most):
    rng = np.random.default_rng(0)
    passages = [rng.integers(-128, 128, (length, 128), np.int8) for length in (3, 0, 90, 1, 0, 40, 7)]
    query = QueryVectors.of(rng.integers(-128, 128, (5, 128), np.int8), rng.random(5).astype(np.float32))
    expected = max_sim(query, passages)
    monkeypatch.setattr(maxsim, "SLICE_BYTES", most)
    assert max_sim(query, passages).tolist() == expected.tolist()
    assert expected[1] == expected[4] == -1.0 == expected.min()


def test_the_longest_vectors_are_still_exact():
    extreme = np.full((2, 1024), -128, np.int8)
    extreme[1, 0] = 127
    query = QueryVectors.of(extreme, np.ones(2, np.float32))
    assert max_sim(query, [extreme]).tolist() == [in_loops(query, extreme)]


def test_no_passages_and_no_tokens():
    query = QueryVectors.of(np.ones((2, 4), np.int8), np.ones(2, np.float32))
    assert max_sim(query, []).shape == (0,)
    nothing = QueryVectors.of(np.ones((0, 4), np.int8), np.ones(0, np.float32))
    assert max_sim(nothing, [np.ones((3, 4), np.int8)]).tolist() == [-1.0]


def test_weights_are_steps_of_the_heaviest():
    vectors = np.ones((3, 4), np.int8)
    assert QueryVectors.of(vectors, np.array([2, 1, 0], np.float32)).weights.tolist() == [4096, 2048, 1]
    assert QueryVectors.of(vectors, np.zeros(3, np.float32)).weights.tolist() == [4096] * 3
