import numpy as np
from bicross.pipelines.tuning.choice import choose, choose_and_hold_out
from helpers.examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st


def hold_out(values, costs, *, seed=0):
    """Row 0 is the plain stage one; what costs less than one reads nothing."""
    costs = np.asarray(costs, float)
    allowed = np.ones(len(costs), bool)
    return choose_and_hold_out(np.asarray(values), costs, allowed=allowed, alone=costs < 1, plain=0, seed=seed)


def chosen_by_hand(values, costs, allowed):
    """The rule of the module, written out."""
    rows = [row for row in range(len(values)) if allowed[row]]
    best = max(rows, key=lambda row: values[row].mean())
    near = []
    for row in rows:
        worse = [float(a - b) for a, b in zip(values[best], values[row], strict=True)]
        mean = sum(worse) / len(worse)
        spread = (sum((gain - mean) ** 2 for gain in worse) / (len(worse) - 1)) ** 0.5
        if mean <= spread / len(worse) ** 0.5:
            near.append(row)
    cheapest = min(costs[row] for row in near)
    return max((row for row in near if costs[row] == cheapest), key=lambda row: values[row].mean())


@settings(max_examples=examples(80), deadline=None)
@given(seed=st.integers(0, 10**6), queries=st.integers(10, 40))
def test_the_cheapest_within_one_standard_error(seed, queries):
    random = np.random.default_rng(seed)
    values = random.random((12, queries)) * 0.3 + random.random((12, 1)) * 0.2
    costs = random.integers(0, 4, 12).astype(float)
    allowed = random.random(12) < 0.7
    allowed[0] = True
    assert choose(values, costs, allowed) == chosen_by_hand(values, costs, allowed)


def test_a_cheaper_setting_is_preferred_within_the_noise_and_not_beyond():
    random = np.random.default_rng(1)
    base = random.random(200) * 0.5
    deep, shallow = base + 0.2, base + 0.2 + random.normal(0, 0.1, 200)
    bad = base + 0.1 + random.normal(0, 0.1, 200)
    shallow += deep.mean() - shallow.mean() - 0.001
    values, costs = np.stack([bad, deep, shallow]), np.array([5.0, 100.0, 50.0])
    assert choose(values, costs, np.ones(3, bool)) == 2
    assert choose(values, costs, np.array([True, True, False])) == 1


def test_most_lucky_collections_are_left_at_stage_one():
    random = np.random.default_rng(3)
    off, claimed, in_sample_gains = 0, [], []
    for trial in range(20):
        base = random.random(60)
        # A hundred settings that change queries at random: the best of them looks better, and none is.
        values = np.stack([base, *(base + random.normal(0, 0.3, 60) for _ in range(100))])
        choice = hold_out(values, [0.0, *range(5, 105)], seed=trial)
        off += choice.recommended == 0
        in_sample_gains.append((values.mean(axis=1).max()) - base.mean())
        claimed.append(choice.held_out_best.mean() - base.mean())
    assert off >= 15
    assert np.mean(in_sample_gains) > 0.08, "in sample, the best looks like a gain"
    assert np.mean(claimed) < 0.02, "and held out it is gone"


def test_a_reranker_that_harms_is_not_recommended():
    random = np.random.default_rng(4)
    base = random.random(80)
    values = np.stack([base, *(base - 0.02 * depth + random.normal(0, 0.02, 80) for depth in range(1, 6))])
    choice = hold_out(values, range(0, 60, 10))
    assert choice.recommended == choice.best == choice.alone == 0
    np.testing.assert_allclose(choice.held_out, base)


def test_a_reranker_that_helps_is_recommended():
    random = np.random.default_rng(5)
    base = random.random(80) * 0.5
    values = np.stack([base, base + 0.05 + random.normal(0, 0.1, 80), base + 0.3 + random.normal(0, 0.1, 80)])
    choice = hold_out(values, [0, 10, 100])
    assert choice.recommended == choice.best == 2
    assert choice.held_out.mean() > base.mean() + 0.25


@settings(max_examples=examples(60), deadline=None)
@given(seed=st.integers(0, 10**6), size=st.floats(-0.2, 0.2))
def test_what_is_recommended_is_never_below_stage_one_on_held_out_queries(seed, size):
    random = np.random.default_rng(seed)
    base = random.random(30) * 0.5
    noisy = [base + random.normal(size * random.random(), 0.2, 30) for _ in range(12)]
    costs = [0.0, *([0.5] * 4), *range(5, 13)]
    choice = hold_out(np.stack([base, *noisy]), costs, seed=seed)
    assert choice.held_out.mean() >= choice.held_out_alone.mean() >= choice.held_out_plain.mean()
    np.testing.assert_array_equal(choice.held_out_plain, base)


def test_the_choice_is_the_same_for_the_same_seed():
    random = np.random.default_rng(6)
    values = random.random((20, 50))
    first, second = (hold_out(values, np.arange(20.0), seed=7) for _ in range(2))
    assert first.recommended == second.recommended
    np.testing.assert_array_equal(first.held_out, second.held_out)


def test_every_query_is_held_out_and_never_trained_on():
    # A setting that is perfect for one query and useless for others is chosen only where that query is in training.
    queries = 12
    values = np.vstack([np.full(queries, 0.1), 0.05 + 0.9 * np.eye(queries)])
    choice = hold_out(values, [0.0] + [10.0] * queries)
    assert choice.held_out_best.max() <= 0.1 + 1e-12
