"""What the benchmark of pairs chooses on dev, and what its table says of targets."""

import numpy as np
import pytest
from bicross.training.pairs import JudgedPair, PairMethod, measured
from hypothesis import given
from hypothesis import strategies as st
from pairs import best_threshold, best_weight, mixed
from parts.tables.pairs import pairs_table


@given(st.lists(st.tuples(st.sampled_from([0.0, 1.0]), st.floats(-2, 2, width=16)), min_size=1, max_size=12))
def test_no_other_threshold_is_more_accurate_on_dev(judged: list[tuple[float, float]]):
    pairs = [JudgedPair("first", "second", target) for target, _ in judged]
    logits = np.array([logit for _, logit in judged], dtype=np.float32)

    def accuracy(threshold: float) -> float:
        return measured(pairs, logits - np.float32(threshold), PairMethod(task="paraphrase"))["accuracy"]

    between = [float(np.nextafter(value, np.float32(-np.inf))) for value in logits]
    assert accuracy(float(best_threshold(pairs, logits))) == max(map(accuracy, between))


def test_a_mix_is_the_weighted_mean_of_cosine_and_similarity():
    cosines, logits = np.array([0.9, -0.2], np.float32), np.array([0.0, 2.0], np.float32)
    mix = 1 / (1 + np.exp(-mixed(cosines, logits, 0.25).astype(np.float64)))
    expected = 0.25 * cosines + 0.75 / (1 + np.exp(-logits))
    np.testing.assert_allclose(mix, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("cosines", "logits", "expected"),
    [
        ([0.1, 0.5, 0.9], [0.2, 0.1, 0.0], 0.1),
        ([0.9, 0.5, 0.1], [-1.0, 0.0, 1.0], 0.0),
        ([0.1, 0.5, 0.9], [9, 0, -9], 0.6),
    ],
)
def test_the_weight_of_the_cosine_is_the_least_of_the_best(cosines: list[float], logits: list[float], expected: float):
    pairs = [JudgedPair("first", "second", target) for target in (0.0, 0.5, 1.0)]
    assert best_weight(pairs, np.array(cosines, np.float32), np.array(logits, np.float32)) == expected


@pytest.mark.parametrize(("test", "shown"), [(0.86, "0.86: met"), (0.8599, "0.86: not met")])
def test_the_table_says_whether_a_target_is_met(test: float, shown: str):
    values = {"spearman": test, "pearson": 0.5}
    row = {"pairs": "stsb", "system": "trained", "count": 1, "dev": values, "test": values, "published": 0.8203}
    spearman, pearson = pairs_table([{**row, "targets": {"spearman": 0.86}}]).splitlines()[2:]
    assert spearman.endswith(f"| {test:.4f} | 0.8203 | {shown} |")
    assert pearson.endswith("| 0.5000 | 0.5000 |  |  |")
