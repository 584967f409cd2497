import itertools

import numpy as np
import pytest
import scipy.stats
from bicross.errors import ArgumentError
from bicross.pipelines.evaluation import estimate_means, significance
from bicross.pipelines.evaluation.significance import Outcomes, outcomes, randomisation_test
from hypothesis import given, settings
from hypothesis import strategies as st

RANDOM = np.random.default_rng(5)


def test_intervals_are_scipys_for_the_same_draw():
    values = RANDOM.random((40, 3))
    for column, found in zip(values.T, estimate_means(values, samples=500, confidence=0.9, seed=3), strict=True):
        expected = scipy.stats.bootstrap(
            (column,), np.mean, n_resamples=500, confidence_level=0.9, method="percentile", rng=np.random.default_rng(3)
        ).confidence_interval
        assert (found.mean, found.low, found.high) == pytest.approx((column.mean(), expected.low, expected.high))


def test_drawing_in_blocks_changes_nothing(monkeypatch):
    values, differences = RANDOM.random((30, 2)), RANDOM.normal(0.2, 1, 30)
    whole = estimate_means(values, samples=200), randomisation_test(differences, samples=200)
    monkeypatch.setattr(significance, "_AT_ONCE", 30 * 7 + 1)
    in_blocks = estimate_means(values, samples=200), randomisation_test(differences, samples=200)
    assert [vars_of(one) for one in in_blocks[0]] == [pytest.approx(vars_of(one)) for one in whole[0]]
    assert len({significance.SAMPLES, *significance._blocks(200, 30)}) == 3
    assert sum(significance._blocks(200, 30)) == 200
    assert in_blocks[1] == pytest.approx(whole[1], abs=0.15), "other signs, of which only the number is the same"


def vars_of(estimate):
    return estimate.mean, estimate.low, estimate.high


def test_the_interval_of_a_difference_is_narrower_than_its_systems_where_they_go_together():
    first = RANDOM.random(100)
    second = first + 0.1 + RANDOM.normal(0, 0.01, 100)
    one, two, difference = estimate_means(np.stack([first, second, second - first], axis=1))
    assert difference.mean == pytest.approx(two.mean - one.mean)
    assert one.low < one.mean < one.high
    assert 0.09 < difference.low < difference.high < 0.11
    assert one.high > two.low, "though the intervals of the two overlap"


def test_one_query_has_no_width():
    [found] = estimate_means(np.array([[0.25]]))
    assert vars_of(found) == (0.25, 0.25, 0.25)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(-4, 4), max_size=8))
def test_few_queries_are_tested_exactly(quarters):
    differences = np.array(quarters, np.float64) / 4
    sums = [sum(signs) for signs in itertools.product(*([value, -value] for value in differences))]
    expected = np.mean(np.abs(sums) >= abs(differences.sum()) - 1e-9)
    assert randomisation_test(differences) == pytest.approx(expected)


def test_exact_as_scipy():
    differences = RANDOM.normal(0.3, 1.0, 10)
    expected = scipy.stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=10_000, alternative="two-sided"
    )
    assert len(expected.null_distribution) == 2**10
    assert randomisation_test(differences) == pytest.approx(expected.pvalue)


def test_many_queries_are_sampled_as_scipy_samples():
    differences = RANDOM.normal(0.15, 1.0, 200)
    expected = scipy.stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=20_000, rng=np.random.default_rng(1)
    )
    found = randomisation_test(differences)
    assert found == randomisation_test(differences), "the seed is fixed"
    assert found == pytest.approx(expected.pvalue, abs=4 * np.sqrt(found * (1 - found) / 10_000))
    assert randomisation_test(-differences) == pytest.approx(found)


def test_the_smallest_sampled_p_is_not_zero():
    assert randomisation_test(np.ones(100), samples=999) == 1 / 1000
    assert randomisation_test(np.concatenate([np.ones(5), np.zeros(995)])) == 2 / 2**5, "ties change nothing"
    assert randomisation_test(np.zeros(3)) == randomisation_test(np.empty(0)) == 1.0


def test_outcomes():
    assert outcomes(np.array([0.5, 0.0, 1e-12, -1e-12, -0.25, 0.1])) == Outcomes(wins=2, ties=3, losses=1)


@pytest.mark.parametrize("values", [np.empty((0, 2)), np.ones(3), np.array([[np.nan]])])
def test_values_that_say_nothing(values):
    with pytest.raises(ArgumentError, match="values must be finite, of shape"):
        estimate_means(values)


def test_impossible_settings():
    for settings_ in ({"samples": 0}, {"confidence": 1.0}):
        with pytest.raises(ArgumentError, match="samples must be positive and confidence between 0 and 1"):
            estimate_means(np.ones((2, 1)), **settings_)
    for differences, samples in (([np.inf], 10), ([[1.0]], 10), ([1.0], 0)):
        with pytest.raises(ArgumentError, match="differences must be finite and in one row"):
            randomisation_test(np.array(differences), samples=samples)
