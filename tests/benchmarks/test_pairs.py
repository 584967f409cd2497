"""What the benchmark of pairs chooses on dev, and what its table says of targets."""

import numpy as np
import pytest
from bicross.training.pairs import JudgedPair, PairMethod, measured
from hypothesis import given
from hypothesis import strategies as st
from pairs import best_threshold
from parts.tables.pairs import pairs_table


@given(st.lists(st.tuples(st.sampled_from([0.0, 1.0]), st.floats(-2, 2, width=16)), min_size=1, max_size=12))
def test_no_other_threshold_is_more_accurate_on_dev(judged: list[tuple[float, float]]):
    pairs = [JudgedPair("first", "second", target) for target, _ in judged]
    logits = np.array([logit for _, logit in judged], dtype=np.float32)

    def accuracy(threshold: float) -> float:
        return measured(pairs, logits - np.float32(threshold), PairMethod(task="paraphrase"))["accuracy"]

    between = [float(np.nextafter(value, np.float32(-np.inf))) for value in logits]
    assert accuracy(float(best_threshold(pairs, logits))) == max(map(accuracy, between))


@pytest.mark.parametrize(("test", "shown"), [(0.86, "0.86: met"), (0.8599, "0.86: not met")])
def test_the_table_says_whether_a_target_is_met(test: float, shown: str):
    values = {"spearman": test, "pearson": 0.5}
    row = {"pairs": "stsb", "system": "trained", "count": 1, "dev": values, "test": values, "published": 0.8203}
    spearman, pearson = pairs_table([{**row, "targets": {"spearman": 0.86}}]).splitlines()[2:]
    assert spearman.endswith(f"| {test:.4f} | 0.8203 | {shown} |")
    assert pearson.endswith("| 0.5000 | 0.5000 |  |  |")
