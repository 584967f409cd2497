import importlib
import sys

import ir_measures
import numpy as np
import pytest
from bicross.errors import ArgumentError, EvaluationError
from bicross.pipelines import write_run
from bicross.pipelines.evaluation import DEFAULT_MEASURES, canonical, per_query
from bicross.pipelines.evaluation.measures import cutoff
from helpers.examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from ir_measures import AP, RR, P, R, Rprec, nDCG

DOCUMENTS = [f"d{number}" for number in range(15)]
QUERIES = ["q1", "q2", "q3", "10"]
MEASURES = {
    "nDCG@10": nDCG @ 10,
    "nDCG": nDCG,
    "RR@10": RR @ 10,
    "R@10": R @ 10,
    "R@3": R @ 3,
    "AP@100": AP @ 100,
    "P(rel=2)@5": P(rel=2) @ 5,
    "Rprec": Rprec,
}
# A query whose grades are all negative makes pytrec_eval, the oracle, read what is not its own.
GRADES = st.dictionaries(st.sampled_from(DOCUMENTS), st.integers(-1, 3), min_size=1).filter(
    lambda grades: max(grades.values()) >= 0
)
QRELS = st.dictionaries(st.sampled_from(QUERIES), GRADES, min_size=1)
SCORES = st.sampled_from([0.0, 0.5, 0.5 + 1e-9, 1.0, 2.0])  # few, so that many are equal


@st.composite
def runs(draw):
    """Ranked by score, the equal ones in any order; for some queries nothing."""
    run = {}
    for query_id in draw(st.sets(st.sampled_from([*QUERIES, "unjudged"]))):
        ids = draw(st.permutations(DOCUMENTS))[: draw(st.integers(0, len(DOCUMENTS)))]
        run[query_id] = list(zip(ids, sorted((draw(SCORES) for _ in ids), reverse=True), strict=True))
    return run


@pytest.mark.slow
@settings(max_examples=examples(150), deadline=None)
@given(qrels=QRELS, run=runs())
def test_equal_to_ir_measures_on_the_saved_run(tmp_path_factory, qrels, run):
    path = tmp_path_factory.mktemp("run") / "run.txt"
    write_run(path, run)
    values = per_query(list(MEASURES), qrels, run)
    expected = {name: {} for name in MEASURES}
    saved = list(ir_measures.read_trec_run(str(path)))
    for metric in ir_measures.iter_calc(list(MEASURES.values()), qrels, saved):
        expected[str(metric.measure)][metric.query_id] = metric.value
    for name in MEASURES:
        assert list(values[name]) == list(qrels)
        assert values[name] == pytest.approx(expected[name], abs=1e-9)


def oracle(grades, ranked):
    """By the definitions: gain over the logarithm of the rank, and so on."""
    gains = np.array([max(0, grades.get(id_, 0)) for id_ in ranked], np.float64)
    ideal = np.sort([max(0, grade) for grade in grades.values()])[::-1].astype(np.float64)
    relevant, hits = int((ideal > 0).sum()), gains > 0
    if not relevant:
        return dict.fromkeys(("nDCG@10", "RR@10", "R@10", "AP@100"), 0.0)

    def dcg(values):
        values = values[:10]
        return float((values / np.log2(np.arange(len(values)) + 2)).sum())

    ranks = np.flatnonzero(hits) + 1
    precisions = [hits[:rank].mean() for rank in ranks[ranks <= 100]]
    return {
        "nDCG@10": dcg(gains) / dcg(ideal),
        "RR@10": 1 / ranks[0] if len(ranks) and ranks[0] <= 10 else 0.0,
        "R@10": hits[:10].sum() / relevant,
        "AP@100": sum(precisions) / relevant,
    }


@settings(max_examples=examples(100), deadline=None)
@given(qrels=QRELS, run=runs())
def test_equal_to_the_definitions(qrels, run):
    values_by_measure = per_query(["nDCG@10", "RR@10", "R@10", "AP@100"], qrels, run)
    for query_id, grades in qrels.items():
        expected = oracle(grades, [id_ for id_, _ in run.get(query_id, [])])
        assert {name: values[query_id] for name, values in values_by_measure.items()} == pytest.approx(
            expected, abs=1e-9
        )


def test_the_order_counts_and_not_the_score():
    values = per_query(["RR"], {"q": {"b": 1}}, {"q": [("a", 0.0), ("b", 0.0), ("c", 9.0)]})
    assert values == {"RR": {"q": 0.5}}
    with pytest.raises(ArgumentError, match="the run has a document twice for query 'q'"):
        per_query(["RR"], {"q": {"b": 1}}, {"q": [("a", 1.0), ("a", 0.0)]})


def test_a_query_whose_grades_are_all_negative_counts_as_one_without_a_relevant_document():
    qrels = {"q1": {"d1": -1, "d2": -2}, "q2": {"d1": 1}}
    run = {query_id: [(id_, 0.0) for id_ in DOCUMENTS] for query_id in qrels}
    for _ in range(200):
        values_by_measure = per_query(["AP@100", "nDCG", "R@10"], qrels, run)
        assert {values["q1"] for values in values_by_measure.values()} == {0.0}


def test_nothing_judged_gives_nothing():
    assert per_query(["RR"], {}, {"q": [("a", 1.0)]}) == {"RR": {}}


def test_names():
    assert canonical(DEFAULT_MEASURES) == DEFAULT_MEASURES
    assert canonical(["MRR@10", "RR@10", " NDCG @ 5", "P(rel=2)@5"]) == ("RR@10", "nDCG@5", "P(rel=2)@5")
    assert [cutoff(name) for name in ("nDCG@10", "AP", "R@100")] == [10, None, 100]
    assert per_query(["MRR@10"], {"q": {"a": 1}}, {}) == {"MRR@10": {"q": 0.0}}, "by the name that was given"


@pytest.mark.parametrize("name", ["nDGC@10", "", "nDCG@", "nDCG@ten", "nDCG@10.5", "R", "P(rel)", "P(**x)", "1", "a.b"])
def test_an_unknown_measure_is_named(name):
    with pytest.raises(ArgumentError, match=r"no measure .*; as in nDCG@10, with the names Accuracy, "):
        canonical([name])


def test_a_measure_that_cannot_be_calculated_here(monkeypatch):
    with pytest.raises(ArgumentError, match="knows 'RBP', but calculates it with a package that is not installed"):
        canonical(["RBP"])
    with pytest.raises(ArgumentError, match="name a measure, such as nDCG@10"):
        canonical([])
    monkeypatch.setitem(sys.modules, "ir_measures", None)
    with pytest.raises(EvaluationError, match=r"pip install 'bicross\[evaluate\]'"):
        canonical(["nDCG@10"])


def test_the_pipelines_do_not_need_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "ir_measures", None)
    assert importlib.reload(sys.modules["bicross.pipelines.evaluation.measures"]).DEFAULT_MEASURES == DEFAULT_MEASURES
