import numpy as np
from bicross.training.pairs import JudgedPair, PairMethod, PairSampler, measured, pearson, spearman
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import accuracy_score, f1_score

numbers = st.lists(st.tuples(st.integers(-5, 5), st.integers(-5, 5)), min_size=3, max_size=30)


@given(numbers)
def test_correlations_are_those_of_scipy(pairs):
    first, second = np.array(pairs, float).T
    if np.ptp(first) and np.ptp(second):
        np.testing.assert_allclose(spearman(first, second), stats.spearmanr(first, second)[0], atol=1e-9)
        np.testing.assert_allclose(pearson(first, second), stats.pearsonr(first, second)[0], atol=1e-9)
    else:
        assert spearman(first, second) == pearson(first, second) == 0


def test_labels_are_measured_as_scikit_learn_does():
    rng = np.random.default_rng(0)
    for method, outputs in (
        (PairMethod(task="paraphrase"), rng.normal(size=50).astype(np.float32)),
        (PairMethod(task="entailment", labels=("a", "b", "c")), rng.normal(size=(50, 3)).astype(np.float32)),
    ):
        classes = max(2, len(method.labels))
        targets = rng.integers(classes, size=50)
        labels = outputs.argmax(1) if method.labels else outputs > 0
        measures = measured([JudgedPair("a", "b", float(target)) for target in targets], outputs, method)
        assert measures["accuracy"] == measures["quality"] == accuracy_score(targets, labels)
        average = "macro" if method.labels else "binary"
        np.testing.assert_allclose(measures["f1"], f1_score(targets, labels, average=average))


@given(st.integers(1, 60), st.integers(1, 9), st.integers(0, 3))
def test_each_pair_is_drawn_once_in_an_epoch_and_in_both_orders_in_two(count, per_step, seed):
    pairs = [JudgedPair(f"{number}" * (number % 7 + 1), f"other {number}", number / count) for number in range(count)]
    sampler = PairSampler(pairs, per_step=per_step, seed=seed, both_orders=True)
    drawn = [[sampler[epoch * count + position] for position in range(count)] for epoch in (0, 1)]
    for epoch in drawn:
        assert sorted(pair.target for pair in epoch) == sorted(pair.target for pair in pairs)
    for pair in pairs:
        both = {(judged.first, judged.second) for epoch in drawn for judged in epoch if judged.target == pair.target}
        assert both == {(pair.first, pair.second), (pair.second, pair.first)}
    again = PairSampler(pairs, per_step=per_step, seed=seed, both_orders=True)
    assert [again[count + position] for position in range(count)] == drawn[1]
    plain = PairSampler(pairs, per_step=per_step, seed=seed, both_orders=False)
    assert {plain[position] for position in range(count)} == set(pairs)
