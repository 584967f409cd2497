import numpy as np
import pytest
from bicross.errors import ArgumentError
from bicross.index.vectors import near_pairs, pair_products
from helpers.examples import examples
from helpers.toy_collections import unit_vectors
from hypothesis import given, settings
from hypothesis import strategies as st


def in_clusters(count, *, seed=0, dimension=32):
    rng = np.random.default_rng(seed)
    vectors = unit_vectors(count // 4, seed=seed, dimension=dimension)[rng.integers(count // 4, size=count)]
    vectors = vectors + 0.08 * rng.standard_normal(vectors.shape)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def pairs_of(near):
    return list(zip(near.first.tolist(), near.second.tolist(), strict=True))


def all_pairs(vectors, threshold):
    products = vectors.astype(np.float64) @ vectors.T.astype(np.float64)
    first, second = np.nonzero(np.triu(products >= threshold - 1e-6, 1))
    return list(zip(first.tolist(), second.tolist(), strict=True)), products


@given(st.integers(2, 60), st.floats(-1, 1), st.integers(0, 5))
@settings(max_examples=examples(100), deadline=None)
def test_pairs_are_those_of_all_products(count, threshold, seed):
    vectors = in_clusters(max(count, 4), seed=seed)[:count]
    expected, products = all_pairs(vectors, threshold)
    near = near_pairs(vectors, threshold=threshold, top_k=count)
    assert abs(len(set(pairs_of(near)) ^ set(expected))) <= sum(
        abs(products[pair] - threshold) < 3e-6 for pair in set(pairs_of(near)) | set(expected)
    )
    assert pairs_of(near) == sorted(pairs_of(near))
    np.testing.assert_allclose(near.scores, [products[pair] for pair in pairs_of(near)], atol=2e-6)
    np.testing.assert_array_equal(near.scores, pair_products(vectors, near.first, near.second))


def test_many_vectors_are_searched_in_lists(monkeypatch):
    vectors = in_clusters(3000)
    expected, _ = all_pairs(vectors, 0.8)
    monkeypatch.setattr("bicross.index.vectors.nearness.EXACT_VECTORS", 1000)
    monkeypatch.setattr("bicross.index.vectors.nearness.VECTORS_AT_ONCE", 700)
    done = []
    near = near_pairs(vectors, threshold=0.8, top_k=40, watch=lambda *at: done.append(at))
    assert len(expected) > 3000
    assert set(pairs_of(near)) <= set(expected)
    assert len(near) >= 0.98 * len(expected)
    assert done == [(700, 3000), (1400, 3000), (2100, 3000), (2800, 3000), (3000, 3000)]
    again = near_pairs(vectors, threshold=0.8, top_k=40)
    assert (pairs_of(again), again.scores.tolist()) == (pairs_of(near), near.scores.tolist())


def test_an_order_numbers_the_rows_anew():
    vectors = in_clusters(100)
    order = np.random.default_rng(1).permutation(100)[:60]
    near = near_pairs(vectors, threshold=0.7, top_k=60, order=order)
    alone = near_pairs(np.ascontiguousarray(vectors[order]), threshold=0.7, top_k=60)
    assert len(near) > 20
    assert (pairs_of(near), near.scores.tolist()) == (pairs_of(alone), alone.scores.tolist())


def test_fewer_than_two_vectors_have_no_pair():
    for count in (0, 1):
        assert len(near_pairs(np.ones((count, 4), np.float32), threshold=0, top_k=3)) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 1.1}, "threshold must be a number from -1 to 1"),
        ({"top_k": 0}, "top_k must be at least 1"),
        ({"vectors": np.ones((3, 4))}, r"vectors must be float32 of shape \(n, dimension\), not float64"),
        ({"vectors": np.full((3, 4), np.nan, np.float32)}, "values that are not finite"),
    ],
)
def test_wrong_arguments_are_refused(options, message):
    with pytest.raises(ArgumentError, match=message):
        near_pairs(**{"vectors": np.eye(3, dtype=np.float32), "threshold": 0.5, "top_k": 2} | options)
