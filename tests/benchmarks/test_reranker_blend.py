"""The benchmark that chooses the weight of the reranker."""

from types import SimpleNamespace

import numpy as np
import pytest
from reranker_blend import FIRST_STAGE, Setting, ranked, rows_of


def results(logits, scores):
    return [
        SimpleNamespace(document=SimpleNamespace(id=f"d{row}"), logit=logit, retrieval_score=score)
        for row, (logit, score) in enumerate(zip(logits, scores, strict=True))
    ]


@pytest.mark.parametrize(
    ("weight", "depth", "expected"),
    [
        (0.0, 4, ["d0", "d1", "d2", "d3"]),
        (1.0, 4, ["d3", "d2", "d1", "d0"]),
        (1.0, 2, ["d1", "d0", "d2", "d3"]),
        (0.5, 4, ["d0", "d1", "d2", "d3"]),  # both are the same line, one falls and one rises: all tie
        (0.6, 3, ["d2", "d1", "d0", "d3"]),
    ],
)
def test_only_the_first_candidates_are_sorted_by_both_scores(weight, depth, expected):
    found = ranked(results([1.0, 2.0, 3.0, 4.0], [4.0, 3.0, 2.0, 1.0]), Setting(weight, depth))
    assert [id_ for id_, _ in found] == expected
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)


def test_the_difference_is_to_the_first_stage_over_collections():
    first, better = np.array([0.5, 0.5]), np.array([0.6, 0.8])
    of_part = dict.fromkeys((Setting(w, d) for d in (10, 20, 50, 100) for w in np.linspace(0, 1, 11).round(1)), better)
    of_part[FIRST_STAGE] = first
    row = next(row for row in rows_of({"a": of_part, "b": of_part}) if row["depth"] == 100 and row["weight"] == 0.3)
    assert row["means"] == {"a": pytest.approx(0.7), "b": pytest.approx(0.7)}
    assert row["difference"]["mean"] == pytest.approx(0.2)
    assert row["difference"]["low"] <= 0.2 <= row["difference"]["high"]
