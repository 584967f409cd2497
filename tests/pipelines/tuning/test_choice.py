import numpy as np
import pytest
from bicross.pipelines.tuning.choice import Defaults, choose, choose_and_hold_out, luck, paired_differences
from helpers.examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

ROWS = 8


def hold_out(values, costs, *, default=0, seed=0):
    """Row 0 is the plain first stage; what costs less than one scores no pair."""
    costs = np.asarray(costs, float)
    allowed = np.ones(len(costs), bool)
    defaults = Defaults(default=default, alone=0, plain=0)
    return choose_and_hold_out(
        np.asarray(values), costs, allowed=allowed, alone=costs < 1, defaults=defaults, seed=seed
    )


def chosen_by_hand(values, costs, allowed, default):
    """The rule of the module, one setting at a time, with scipy's standard error."""
    if values.shape[1] < 2:
        return default
    bounds, lucky = {default: 0.0}, luck(values[allowed], int(allowed[:default].sum()))
    for row in range(len(values)):
        if allowed[row] and row != default:
            difference = [float(a - b) for a, b in zip(values[row], values[default], strict=True)]
            bounds[row] = sum(difference) / len(difference) - lucky * stats.sem(difference)
    best = max(bounds.values())
    if best <= 1e-12:
        return default
    return min((row for row in bounds if bounds[row] >= best - 1e-12), key=lambda row: (costs[row], row))


@settings(max_examples=examples(150), deadline=None)
@given(
    seed=st.integers(0, 10**6), queries=st.integers(1, 40), digits=st.sampled_from([0, 1, 9]), default=st.integers(0, 7)
)
def test_the_highest_lower_bound_of_the_paired_difference_to_the_default(seed, queries, digits, default):
    """Also with a single query, and with coarse values, of which many settings have the same."""
    random = np.random.default_rng(seed)
    values = (random.random((ROWS, queries)) * 0.5 + random.random((ROWS, 1)) * 0.4).round(digits)
    costs = random.integers(0, 4, ROWS).astype(float)
    allowed = random.random(ROWS) < 0.7
    allowed[default] = True
    chosen = choose(values, costs, allowed=allowed, default=default)
    assert chosen == chosen_by_hand(values, costs, allowed, default)
    assert allowed[chosen]
    assert values[chosen].mean() >= values[default].mean()
    assert chosen == choose(values + 0.25, costs, allowed=allowed, default=default), "only differences count"


def test_luck_is_the_mean_of_the_largest_of_normal_deviates():
    """Of settings that share nothing, of copies of one, and with none that differs."""
    random = np.random.default_rng(4)
    queries = 2000
    base = random.random(queries)
    own = base + random.normal(0, 0.2, (10, queries))
    by_scipy = stats.norm.expect(lambda z: 10 * z * stats.norm.cdf(z) ** 9)
    assert luck(np.vstack([base, own]), 0) == pytest.approx(by_scipy, abs=0.2)
    of_one = luck(np.stack([base, own[0]]), 0)
    assert of_one == pytest.approx(stats.norm.expect(lambda z: max(z, 0.0)), abs=0.15)
    assert luck(np.stack([base, *[own[0]] * 50]), 0) == pytest.approx(of_one)
    assert luck(np.stack([base, base, base + 0.1]), 0) == 0.0, "a difference without noise is no luck"


@settings(max_examples=examples(40), deadline=None)
@given(seed=st.integers(0, 10**6), queries=st.integers(1, 30), default=st.integers(0, 7))
def test_where_all_settings_are_alike_the_default_stays(seed, queries, default):
    values = np.tile(np.random.default_rng(seed).random(queries), (ROWS, 1))
    costs = np.arange(ROWS, dtype=float)
    assert choose(values, costs, allowed=np.ones(ROWS, bool), default=default) == default
    choice = hold_out(values, costs, default=default)
    assert choice.recommended == default
    np.testing.assert_array_equal(choice.held_out, values[0])


def test_one_query_says_nothing():
    values = np.array([[0.1], [1.0], [0.9]])
    assert choose(values, np.arange(3.0), allowed=np.ones(3, bool), default=2) == 2


def test_the_error_is_that_of_the_difference():
    values = np.random.default_rng(9).random((3, 20))
    means, errors = paired_differences(values, 1)
    np.testing.assert_allclose(means, values.mean(axis=1) - values[1].mean())
    np.testing.assert_allclose(errors, stats.sem(values - values[1], axis=1))


def test_of_equally_good_settings_the_cheapest():
    base = np.random.default_rng(2).random(30) * 0.5
    values = np.stack([base, base + 0.2, base + 0.2, base + 0.2])
    for costs, expected in (([0, 9, 3, 5], 2), ([0, 3, 9, 3], 1)):
        assert choose(values, np.array(costs, float), allowed=np.ones(4, bool), default=0) == expected
    only = np.array([True, True, False, False])
    assert choose(values, np.array([0.0, 9.0, 3.0, 5.0]), allowed=only, default=0) == 1


def test_queries_that_differ_much_among_themselves_hide_no_gain():
    """The old rule compared settings by errors that the spread of the queries made large."""
    random = np.random.default_rng(1)
    base = random.random(120)  # spread 0.29, so the error of each mean is 0.026
    values = np.stack([base, base + 0.02 + random.normal(0, 0.05, 120)])
    assert choose(values, np.array([0.0, 100.0]), allowed=np.ones(2, bool), default=0) == 1


def test_a_reranker_by_default_is_not_dropped_for_being_costly():
    """With 120 queries a reranker that gained 0.03 was dropped, since a cheaper setting was within an error of it."""
    random = np.random.default_rng(7)
    base = random.random(120)
    reranked = base + 0.03 + random.normal(0, 0.25, 120)
    choice = hold_out(np.stack([base, reranked]), [0.0, 100.0], default=1)
    assert choice.recommended == 1


def test_most_lucky_collections_are_left_at_the_default():
    random = np.random.default_rng(3)
    stays, claimed, in_sample_gains = 0, [], []
    for trial in range(20):
        base = random.random(60)
        # A hundred settings that change queries at random: the best of them looks better, and none is.
        values = np.stack([base, *(base + random.normal(-0.03, 0.3, 60) for _ in range(100))])
        choice = hold_out(values, [0.0, *range(5, 105)], seed=trial)
        stays += choice.recommended == 0
        in_sample_gains.append((values.mean(axis=1).max()) - base.mean())
        claimed.append(choice.held_out.mean() - base.mean())
    assert stays >= 12
    assert np.mean(in_sample_gains) > 0.05, "in sample, the best looks like a gain"
    assert np.mean(claimed) < 0.02, "and held out it is gone"


def test_a_reranker_that_harms_is_not_recommended():
    random = np.random.default_rng(4)
    base = random.random(80)
    values = np.stack([base, *(base - 0.02 * depth + random.normal(0, 0.02, 80) for depth in range(1, 6))])
    for default in (0, 5):
        choice = hold_out(values, range(0, 60, 10), default=default)
        assert choice.recommended == choice.alone == 0
        np.testing.assert_allclose(choice.held_out, base)


def test_a_reranker_that_helps_is_recommended():
    random = np.random.default_rng(5)
    base = random.random(80) * 0.5
    values = np.stack([base, base + 0.05 + random.normal(0, 0.1, 80), base + 0.3 + random.normal(0, 0.1, 80)])
    for default in range(3):
        choice = hold_out(values, [0, 10, 100], default=default)
        assert choice.recommended == 2
        assert choice.held_out.mean() > base.mean() + 0.25


@settings(max_examples=examples(60), deadline=None)
@given(seed=st.integers(0, 10**6), size=st.floats(-0.2, 0.2), default=st.sampled_from([0, 3, 12]))
def test_what_is_recommended_is_never_below_the_default_on_held_out_queries(seed, size, default):
    random = np.random.default_rng(seed)
    base = random.random(30) * 0.5
    noisy = [base + random.normal(size * random.random(), 0.2, 30) for _ in range(12)]
    costs = [0.0, *([0.5] * 4), *range(5, 13)]
    values = np.stack([base, *noisy])
    choice = hold_out(values, costs, default=default, seed=seed)
    assert choice.held_out.mean() >= values[default].mean() - 1e-12
    assert choice.held_out_alone.mean() >= choice.held_out_plain.mean() - 1e-12
    np.testing.assert_array_equal(choice.held_out_plain, base)


def test_the_choice_is_the_same_for_the_same_seed():
    random = np.random.default_rng(6)
    values = random.random((20, 50))
    first, second = (hold_out(values, np.arange(20.0), seed=7) for _ in range(2))
    assert first.recommended == second.recommended
    np.testing.assert_array_equal(first.held_out, second.held_out)


@pytest.mark.parametrize("queries", [2, 12])
def test_every_query_is_held_out_and_never_trained_on(queries):
    # A setting that is perfect for one query and useless for others is chosen only where that query is in training.
    values = np.vstack([np.full(queries, 0.1), 0.05 + 0.9 * np.eye(queries)])
    choice = hold_out(values, [0.0] + [10.0] * queries)
    assert choice.held_out.max() <= 0.1 + 1e-12
