import ir_measures
import numpy as np
import pytest
from bicross.training import RankingList
from bicross.training.encoders.retrieval_evaluation import JudgedPassages, mean_ndcg


def test_ndcg_is_that_of_ir_measures():
    rng = np.random.default_rng(0)
    gains = [
        {int(p): int(g) for p, g in zip(rng.choice(40, 6, replace=False), rng.integers(1, 4, 6), strict=True)}
        for _ in range(30)
    ]
    scores = rng.permuted(np.arange(30 * 40, dtype=np.float32).reshape(30, 40), axis=1)
    qrels = {str(q): {str(p): gain for p, gain in worth.items()} for q, worth in enumerate(gains)}
    run = {str(q): {str(p): float(score) for p, score in enumerate(row)} for q, row in enumerate(scores)}
    for depth in (3, 10):
        measure = ir_measures.parse_measure(f"nDCG@{depth}")
        expected = ir_measures.calc_aggregate([measure], qrels, run)[measure]
        assert mean_ndcg(scores, gains, depth=depth) == pytest.approx(expected, abs=1e-6)


def test_equal_scores_keep_their_order_and_nothing_relevant_is_nothing():
    assert mean_ndcg(np.zeros((1, 3), np.float32), [{0: 1.0}]) == 1.0
    assert mean_ndcg(np.zeros((1, 3), np.float32), [{2: 1.0}]) == pytest.approx(0.5)
    assert mean_ndcg(np.zeros((2, 3), np.float32), [{0: 1.0}, {}]) == 0.5


def test_lists_are_searched_together():
    lists = [
        RankingList("a", ("one", "two"), (2.0, 0.0)),
        RankingList("b", ("two", "three"), (1.0, 0.0)),
        RankingList("a", ("three", "one"), (1.0, 1.0)),
    ]
    held_out = JudgedPassages.of(lists)
    assert (held_out.queries, held_out.passages) == (("a", "b"), ("one", "two", "three"))
    assert held_out.gains == ({0: 2.0, 2: 1.0}, {1: 1.0})


def test_a_teachers_logits_are_worth_their_sigmoid():
    held_out = JudgedPassages.of([RankingList("a", ("one", "two", "three"), (0.0, 1000.0, -1000.0))], scored=True)
    assert held_out.gains == ({0: 0.5, 1: 1.0},)
