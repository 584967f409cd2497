"""Confidence intervals and p-values against a bootstrap and a sign-flip test written out here."""

import itertools

import numpy as np
import pytest
from bicross.errors import ArgumentError
from bicross.pipelines.evaluation import Outcomes, estimate_means, randomisation_test, significance
from bicross.pipelines.evaluation.significance import outcomes
from helpers.examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

RANDOM = np.random.default_rng(5)


def test_the_size_of_batches_changes_nothing(monkeypatch):
    """Memory is bounded; the draws are the same."""
    values, differences = RANDOM.random((30, 2)), RANDOM.normal(0.2, 1, 30)
    whole = estimate_means(values, samples=200), randomisation_test(differences, samples=200)
    monkeypatch.setattr(significance, "_NUMBERS_AT_ONCE", 30 * 7 + 1)
    batches = estimate_means(values, samples=200), randomisation_test(differences, samples=200)
    assert [vars_of(estimate) for estimate in batches[0]] == [pytest.approx(vars_of(expected)) for expected in whole[0]]
    assert batches[1] == pytest.approx(whole[1], abs=0.15), "the signs may be others"


def by_hand(values, samples, confidence, seed):
    """The percentile bootstrap without scipy."""
    random = np.random.default_rng(seed)
    drawn = random.integers(len(values), size=(samples, len(values)))
    tail = (1 - confidence) / 2
    return np.quantile(values[drawn].mean(axis=1), [tail, 1 - tail], axis=0)


def test_intervals_are_those_of_a_bootstrap_by_hand():
    values = RANDOM.random((40, 3))
    low, high = by_hand(values, 500, 0.9, 3)
    for column, estimate in enumerate(estimate_means(values, samples=500, confidence=0.9, seed=3)):
        assert vars_of(estimate) == pytest.approx((values[:, column].mean(), low[column], high[column]))


def test_sampled_p_is_that_of_random_signs_by_hand():
    differences = RANDOM.normal(0.15, 1.0, 200)
    signs = np.random.default_rng(2).choice([-1.0, 1.0], (20_000, 200))
    expected = np.mean(np.abs(signs @ differences) >= abs(differences.sum()))
    p_value = randomisation_test(differences)
    assert p_value == randomisation_test(differences), "the seed is fixed"
    assert p_value == pytest.approx(expected, abs=4 * np.sqrt(p_value * (1 - p_value) / 10_000))
    assert randomisation_test(-differences) == pytest.approx(p_value)


def vars_of(estimate):
    return estimate.mean, estimate.low, estimate.high


def test_the_interval_of_a_difference_is_narrower_than_its_systems_where_they_go_together():
    first = RANDOM.random(100)
    second = first + 0.1 + RANDOM.normal(0, 0.01, 100)
    of_first, of_second, difference = estimate_means(np.stack([first, second, second - first], axis=1))
    assert difference.mean == pytest.approx(of_second.mean - of_first.mean)
    assert of_first.low < of_first.mean < of_first.high
    assert 0.09 < difference.low < difference.high < 0.11
    assert of_first.high > of_second.low, "though the intervals of the two overlap"


def test_one_query_has_no_width():
    [estimate] = estimate_means(np.array([[0.25]]))
    assert vars_of(estimate) == (0.25, 0.25, 0.25)


@settings(max_examples=examples(50), deadline=None)
@given(st.lists(st.integers(-4, 4), max_size=8))
def test_few_queries_are_tested_exactly(quarters):
    differences = np.array(quarters, np.float64) / 4
    sums = [sum(signs) for signs in itertools.product(*([value, -value] for value in differences))]
    expected = np.mean(np.abs(sums) >= abs(differences.sum()) - 1e-9)
    assert randomisation_test(differences) == pytest.approx(expected)


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
