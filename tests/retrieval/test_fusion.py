"""Fusions: between the two orders, at their ends exactly the one or the other, and blind to the order of candidates."""

from dataclasses import replace

import numpy as np
import pytest
from bicross.errors import ArgumentError
from bicross.index import Document, Hit, Passage
from bicross.retrieval import NormalisedSum, ReciprocalRank, TermShare, fused, fusion_of_query
from hypothesis import given
from hypothesis import strategies as st

dense_scores = st.floats(-1, 1, width=32)
lexical_scores = st.just(0.0) | st.floats(0.0078125, 60, width=32)
candidates = st.lists(st.tuples(dense_scores, lexical_scores), max_size=12)
FUSIONS = [NormalisedSum(), NormalisedSum(0.5), NormalisedSum(0.0), NormalisedSum(1.0), ReciprocalRank()]
FUSIONS += [TermShare(), TermShare(0.0), TermShare(1.0), TermShare(0.5, 60.0)]


def arrays(pairs):
    return np.array([d for d, _ in pairs], np.float64), np.array([x for _, x in pairs], np.float64)


def hits_of(pairs):
    return [
        Hit(Document(f"d{n}", "x"), Passage("x", 0, 1), d, dense_score=d, lexical_score=x)
        for n, (d, x) in enumerate(pairs)
    ]


def ids(hits):
    return [hit.document.id for hit in hits]


@pytest.mark.parametrize("fusion", FUSIONS, ids=repr)
@given(pairs=candidates, seed=st.randoms())
def test_any_candidates_have_finite_scores_whatever_their_order(fusion, pairs, seed):
    scores = fusion.fuse(*arrays(pairs))
    assert scores.shape == (len(pairs),)
    assert scores.dtype == np.float64
    assert np.isfinite(scores).all()
    order = list(range(len(pairs)))
    seed.shuffle(order)
    np.testing.assert_array_equal(fusion.fuse(*arrays([pairs[n] for n in order])), scores[order])


@pytest.mark.parametrize("fusion", FUSIONS, ids=repr)
@given(pairs=candidates)
def test_better_by_both_is_never_worse_together(fusion, pairs):
    scores = fusion.fuse(*arrays(pairs))
    for score, (d, x) in zip(scores, pairs, strict=True):
        for other, (e, y) in zip(scores, pairs, strict=True):
            assert not (d >= e and x >= y) or score >= other


@given(pairs=candidates)
def test_without_weight_the_order_is_the_dense_one_exactly(pairs):
    hits = hits_of(pairs)
    expected = sorted(hits, key=lambda hit: (-hit.dense_score, hit.document.id))
    assert ids(fused(hits, NormalisedSum(0.0))) == ids(expected)


@given(pairs=candidates)
def test_with_all_weight_it_is_the_lexical_one_and_then_those_without_a_term_in_the_dense_one(pairs):
    hits = hits_of(pairs)
    expected = sorted(hits, key=lambda hit: (-hit.lexical_score, -hit.dense_score, hit.document.id))
    assert ids(fused(hits, NormalisedSum(1.0))) == ids(expected)


def test_a_normalised_sum_by_hand():
    scores = NormalisedSum(0.25).fuse(np.array([0.5, 0.7, 0.9]), np.array([8.0, 0.0, 2.0]))
    np.testing.assert_allclose(scores, [0.25, 0.375, 0.75 + 0.25 * 0.25])


def test_the_share_of_the_terms_by_hand():
    """Of a query whose terms no document has together, words count less than with ``NormalisedSum``."""
    dense, lexical = np.array([0.5, 0.7, 0.9]), np.array([8.0, 0.0, 2.0])
    np.testing.assert_allclose(TermShare(0.25, 16.0).fuse(dense, lexical), [0.125, 0.375, 0.75 + 0.25 * 0.125])
    np.testing.assert_array_equal(TermShare(0.25).fuse(dense, lexical), NormalisedSum(0.25).fuse(dense, lexical))
    np.testing.assert_allclose(TermShare(0.25, 0.0).fuse(dense, np.zeros(3)), [0.0, 0.375, 0.75])
    assert len(TermShare().fuse(np.empty(0), np.empty(0))) == 0


def test_only_the_share_of_the_terms_depends_on_the_limit_of_a_query():
    assert fusion_of_query(TermShare(0.3), 20.0) == TermShare(0.3, 20.0)
    assert fusion_of_query(NormalisedSum(0.3), 20.0) == NormalisedSum(0.3)
    assert fusion_of_query(TermShare(0.3, 20.0), None) == TermShare(0.3)


def test_hits_of_a_search_bring_the_limit_of_their_query():
    pairs = [(0.5, 8.0), (0.7, 0.0), (0.9, 2.0)]
    hits = [replace(hit, lexical_limit=16.0) for hit in hits_of(pairs)]
    assert [hit.score for hit in fused(hits, TermShare(0.25))] == pytest.approx([0.78125, 0.375, 0.125])


def test_scores_that_are_all_equal_count_as_zeros():
    dense, lexical = np.array([0.5, 0.7]), np.array([3.0, 3.0])
    np.testing.assert_array_equal(NormalisedSum(0.5).fuse(dense, lexical), [0.0, 0.5])
    np.testing.assert_array_equal(NormalisedSum(0.5).fuse(lexical, dense), [0.0, 0.5])
    np.testing.assert_array_equal(NormalisedSum(0.5).fuse(np.array([0.3]), np.array([7.0])), [0.0])


def test_reciprocal_ranks_by_hand():
    """The second and the third share a dense rank; the first has no term."""
    scores = ReciprocalRank().fuse(np.array([0.9, 0.5, 0.5, 0.1]), np.array([0.0, 2.0, 7.0, 1.0]))
    np.testing.assert_allclose(scores, [1 / 61, 1 / 62 + 1 / 62, 1 / 62 + 1 / 61, 1 / 64 + 1 / 63])


@given(pairs=candidates)
def test_reciprocal_ranks_are_those_of_two_sorted_lists(pairs):
    dense, lexical = arrays(pairs)
    expected = [
        1 / (60 + 1 + sum(e > d for e, _ in pairs)) + (1 / (60 + 1 + sum(y > x for _, y in pairs)) if x else 0.0)
        for d, x in pairs
    ]
    np.testing.assert_allclose(ReciprocalRank().fuse(dense, lexical), expected)


@pytest.mark.parametrize("weight", [-0.1, 1.1, float("nan"), float("inf")])
def test_a_weight_is_from_0_to_1(weight):
    with pytest.raises(ArgumentError, match="lexical_weight must be a number from 0 to 1, not"):
        NormalisedSum(weight)


@pytest.mark.parametrize("k", [-1, float("nan"), float("inf")])
def test_k_is_not_negative(k):
    with pytest.raises(ArgumentError, match="k must be a number from 0"):
        ReciprocalRank(k)
