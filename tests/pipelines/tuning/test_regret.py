import numpy as np
import pytest
from bicross.errors import ArgumentError
from bicross.pipelines.tuning.regret import SPREAD, expected, expected_regret
from helpers.examples import examples
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import integrate, stats


def by_integration(difference):
    """The mean of the positive part of what is believable of one difference, from Bayes's rule on a grid of numbers."""
    mean, error = np.mean(difference), stats.sem(difference)

    def density(true):
        return stats.norm.pdf(true, 0, SPREAD) * stats.norm.pdf(mean, true, error)

    ends = (-0.4, 0.4)
    weight = integrate.quad(density, *ends, points=[0.0, mean], limit=200)[0]
    return integrate.quad(lambda true: max(true, 0) * density(true), *ends, points=[0.0, mean], limit=200)[0] / weight


@settings(max_examples=examples(12), deadline=None)
@given(seed=st.integers(0, 10**6), queries=st.integers(10, 200), gain=st.floats(-0.05, 0.05))
def test_the_regret_of_one_of_two_settings_is_bayes_own(seed, queries, gain):
    random = np.random.default_rng(seed)
    base = random.random(queries)
    other = base + random.normal(gain, 0.2, queries)
    regret = expected_regret(np.stack([base, other]), 0, draws=4000, seed=seed)
    assert regret == pytest.approx(by_integration(other - base), abs=0.002)


def test_the_noise_of_settings_that_move_together_is_drawn_together():
    """Ten copies of one setting are no more to regret than one; ten that move each for itself are."""
    random = np.random.default_rng(1)
    base = random.random(100)
    first = base + random.normal(0, 0.2, 100)
    alone = expected_regret(np.stack([base, first]), 0)
    assert expected_regret(np.stack([base, *[first] * 10]), 0) == pytest.approx(alone, abs=1e-12)
    own = [base + stats.zscore(random.normal(0, 1, 100)) * 0.2 + (first - base).mean() for _ in range(10)]
    assert expected_regret(np.stack([base, *own]), 0) > 1.5 * alone


@settings(max_examples=examples(60), deadline=None)
@given(seed=st.integers(0, 10**6), queries=st.integers(2, 50), rows=st.integers(1, 9))
@example(5964, 19, 6)
def test_what_is_expected(seed, queries, rows):
    random = np.random.default_rng(seed)
    values = random.random((rows, queries)).round(1)
    allowed = random.random(rows) < 0.7
    default, chosen = (int(row) for row in random.integers(0, rows, 2))
    allowed[[default, chosen]] = True
    result = expected(values, allowed=allowed, chosen=chosen, default=default)
    assert result == expected(values, allowed=allowed, chosen=chosen, default=default), "nothing is left to chance"
    difference = values[chosen].mean() - values[default].mean()
    assert 0 <= abs(result.gain) <= abs(difference) + 1e-12
    assert result.gain * difference >= 0 or abs(difference) < 1e-12  # whose sign is that of its rounding
    assert min(result.regret, result.regret_of_default) >= 0
    if chosen == default:
        assert (result.gain, result.regret) == (0, result.regret_of_default)
    without = expected(values[allowed], allowed=np.ones(int(allowed.sum()), bool),
                       chosen=int(allowed[:chosen].sum()), default=int(allowed[:default].sum()))  # fmt: skip
    assert without == result, "what may not be chosen is not regretted"


def test_where_all_settings_are_alike_there_is_nothing_to_gain_or_to_regret():
    values = np.tile(np.random.default_rng(3).random(20), (5, 1))
    result = expected(values, allowed=np.ones(5, bool), chosen=2, default=1)
    assert (result.gain, result.regret, result.regret_of_default) == (0, 0, 0)


def test_more_queries_leave_less_to_regret():
    random = np.random.default_rng(4)
    base = random.random(2000)
    values = np.stack([base, *(base + random.normal(0, 0.2, 2000) for _ in range(20))])
    few, many = (expected_regret(values[:, :queries], 0) for queries in (50, 2000))
    assert many < few / 2


def test_one_query_does_not_say():
    with pytest.raises(ArgumentError, match="give at least two"):
        expected_regret(np.array([[0.1], [0.2]]), 0)
