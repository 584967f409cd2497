"""Relevance agrees with the order: it never rises down the list, and is as near to the estimates as it can be."""

import math

import numpy as np
import pytest
from bicross.index import Document, Hit, Passage
from bicross.pipelines import SearchPipeline, build_index
from bicross.pipelines.search import SearchOptions
from bicross.pipelines.search.scoring import RelevanceCurves, ScoredCandidates, order_results
from bicross.pipelines.search.scoring.relevance import agree_with_order
from bicross.rerank import UNCALIBRATED, Isotonic, Platt
from bicross.retrieval import DenseRetriever, HybridRetriever, LexicalRetriever
from helpers.examples import thorough
from helpers.fakes import ExitingReranker, HashEncoder, OverlapReranker
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

PROBABILITY = st.floats(0, 1, width=32)


def hits(scores, **more):
    return [Hit(Document(f"d{i:02}", "text"), Passage("text", 0, 4), score, **more) for i, score in enumerate(scores)]


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def fall(estimates, scores=None, tiers=None, **more):
    n = len(estimates)
    scores = -np.arange(n, dtype=float) if scores is None else np.array(scores, float)
    return agree_with_order(
        np.array(estimates, float), scores, np.zeros(n, np.int64) if tiers is None else tiers, **more
    )


@given(st.lists(PROBABILITY, max_size=40))
def test_it_is_the_isotonic_regression_along_the_order(estimates):
    fitted = fall(estimates)
    if not estimates:
        assert not len(fitted)
        return
    oracle = IsotonicRegression(increasing=False).fit_transform(np.arange(len(estimates)), estimates)
    np.testing.assert_allclose(fitted, oracle, atol=1e-12)
    assert (np.diff(fitted) <= 0).all()
    assert ((fitted >= 0) & (fitted <= 1)).all()
    assert fitted.mean() == pytest.approx(np.mean(estimates)), "what is expected of the list stays"
    np.testing.assert_array_equal(fall(fitted), fitted)


@given(st.lists(PROBABILITY, max_size=40))
def test_estimates_that_agree_with_the_order_stay_as_they_are(estimates):
    ordered = sorted(estimates, reverse=True)
    np.testing.assert_array_equal(fall(ordered), ordered)


@given(st.lists(st.tuples(PROBABILITY, st.integers(0, 4), st.integers(0, 2)), min_size=1, max_size=40), st.floats(0, 1))
def test_it_is_a_falling_function_of_the_score_in_each_tier(rows, ceiling):
    rows = sorted(rows, key=lambda row: (row[2], -row[1]))
    estimates, scores, tiers = (np.array(column) for column in zip(*rows, strict=True))
    fitted = fall(estimates, scores, tiers, ceiling=ceiling)
    assert (np.diff(fitted) <= 0).all()
    assert fitted.max() <= ceiling
    for tier, score in {(row[2], row[1]) for row in rows}:
        assert len(set(fitted[(tiers == tier) & (scores == score)])) == 1, "equal scores, equal relevance"
    first = tiers == tiers[0]
    np.testing.assert_array_equal(
        fitted[first], fall(estimates[first], scores[first], ceiling=ceiling)
    )  # estimates of later tiers change nothing before them


def test_the_list_of_the_review_keeps_its_first_result():
    """0.665 above 0.844 and 0.959, since a blend orders the list: min_relevance=0.7 dropped the right answer."""
    fitted = fall([0.665, 0.844, 0.959, 0.2])
    assert fitted.tolist() == pytest.approx([0.8227, 0.8227, 0.8227, 0.2], abs=1e-4)
    assert fall([0.244, 0.590, 0.021]).tolist() == pytest.approx([0.417, 0.417, 0.021])
    assert fall([0.9, 0.1, 0.5, 0.4]).tolist() == pytest.approx([0.9, 1 / 3, 1 / 3, 1 / 3])


@given(
    st.lists(st.tuples(st.floats(-9, 9, width=32), st.floats(-1, 1, width=32)), min_size=1, max_size=30),
    st.sampled_from([0.0, 0.4, 1.0]), st.integers(0, 30),
)  # fmt: skip
def test_scores_order_and_logits_do_not_depend_on_the_curves(rows, blend, depth):
    logits = np.array([logit for logit, _ in rows][:depth], np.float32)
    retrieved = sorted((cosine for _, cosine in rows), reverse=True)
    scored = ScoredCandidates.in_order(hits(retrieved), logits)
    plain = order_results(scored, blend)
    other = order_results(scored, blend, curves=RelevanceCurves(Platt(0.0, 1.0), Platt(0.0, -1.0), ceiling=0.7))

    def fields(results):
        return [(r.document.id, r.score, r.logit, r.retrieval_rank) for r in results]

    assert fields(plain) == fields(other)
    relevance = [r.relevance for r in plain]
    assert relevance == sorted(relevance, reverse=True)
    if blend == 1.0:
        reranked = [(r.relevance, r.logit) for r in plain if r.logit is not None]
        assert [value for value, _ in reranked] == pytest.approx([sigmoid(logit) for _, logit in reranked])


OWN = Platt(0.55, -2.7)


def relevance_of(logits, *, curve=OWN, own=True, stopped=None):
    logits = np.array(logits, np.float32)
    order = np.argsort(-logits, kind="stable")
    scored = ScoredCandidates.in_order(hits(np.linspace(1, 0, len(logits))), logits[order], stopped)
    return np.array([r.relevance for r in order_results(scored, 1.0, curves=RelevanceCurves(curve, own=own))])


@given(st.lists(st.floats(-12, 12, width=32), min_size=50, max_size=120))
def test_half_of_many_candidates_have_hardly_any_relevance_by_a_curve_of_another_collection(logits):
    values = np.sort(np.array(logits, np.float32).astype(np.float64))[::-1]
    given = relevance_of(logits)
    median = float(np.median(values))
    shift = max(0.0, median - (math.log(0.02 / 0.98) + 2.7) / 0.55)
    np.testing.assert_allclose(given, OWN.apply(values - shift), atol=1e-6)
    assert (given <= 0.02 + 1e-6).mean() >= 0.5
    if OWN.apply(median) <= 0.02:
        np.testing.assert_array_equal(given, OWN.apply(values))


@pytest.mark.parametrize(
    ("count", "values"),
    [(49, {}), (60, {"own": False}), (60, {"curve": Platt(0.0, 1.0)}), (60, {"curve": None, "own": False}),
     (60, {"curve": Isotonic((0.0, 9.0), (0.2, 0.9))}), (60, {"stopped": np.ones(60, np.int64)})],
)  # fmt: skip
def test_relevance_is_not_lowered_where_too_few_were_read_or_the_curve_is_not_the_rerankers(count, values):
    logits = np.linspace(9, 5, count).astype(np.float32)
    curve = values.get("curve", OWN) or UNCALIBRATED
    np.testing.assert_allclose(relevance_of(logits, **values), curve.apply(logits), atol=1e-9)


def test_a_search_lowers_relevance_by_the_curve_of_the_reranker_alone(tmp_path):
    """All documents are near the query for this reranker, and one is nearer."""

    class Lenient(OverlapReranker):
        calibration = OWN

        def score(self, pairs):
            return np.array([8.0 if "7 7 7" in text else 5.0 for _, text in pairs], np.float32)

    documents = [Document(f"d{i}", f"cat number {i} {i} {i}") for i in range(60)]
    index = build_index(documents, tmp_path / "index", encoder=ENCODER, reranker=None)

    def best(**values):
        pipeline = SearchPipeline(DenseRetriever(index, ENCODER), Lenient(), top_k=60, **values)
        return [result.relevance for result in pipeline.search("cat number 7")]

    assert best()[0] == pytest.approx(OWN.apply(8.0 - 5.0 + (math.log(0.02 / 0.98) + 2.7) / 0.55))
    assert best()[1:] == pytest.approx([0.02] * 59)
    assert best(calibration=Platt(0.55, -2.7))[0] == pytest.approx(OWN.apply(8.0))
    assert best(rerank_k=40)[0] == pytest.approx(OWN.apply(8.0))


@pytest.mark.parametrize(("scores", "expected"), [
    ({"dense_score": 0.7}, sigmoid(-0.6)), ({"lexical_score": 20.0}, sigmoid(3.0)),
    ({"dense_score": 0.3, "lexical_score": 20.0}, sigmoid(-5.4)), ({}, sigmoid(0.9)),
])  # fmt: skip
def test_without_reranking_it_is_estimated_from_the_first_stage(scores, expected):
    [result] = order_results(ScoredCandidates.in_order(hits([0.9], **scores), np.empty(0, np.float32)), 1.0)
    assert result.relevance == pytest.approx(expected)
    curve = RelevanceCurves(first_stage=Platt(1.0, 0.5))
    [result] = order_results(
        ScoredCandidates.in_order(hits([0.9], **scores), np.empty(0, np.float32)), 1.0, curves=curve
    )
    score = scores.get("dense_score", scores.get("lexical_score"))
    assert result.relevance == pytest.approx(sigmoid(0.9 if score is None else score + 0.5))


TEXTS = ["cat sofa day", "dog park night", "cow grass field", "owl night field", "bee flower", "cat night", "dog day"]
DOCUMENTS = [Document(f"d{i:02}", f"{text} {TEXTS[i % 5]}", f"n{i}") for i, text in enumerate(TEXTS * 4)]
ENCODER = HashEncoder()


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return build_index(
        DOCUMENTS, tmp_path_factory.mktemp("relevance") / "index", encoder=ENCODER, reranker=None, lexical=True
    )


RETRIEVERS = {
    "dense": lambda index: DenseRetriever(index, ENCODER, passages=3),
    "hybrid": lambda index: HybridRetriever(index, ENCODER, passages=3),
    "lexical": LexicalRetriever,
}
MODES = {
    "first stage": {"rerank": False}, "partly": {"rerank_k": 9}, "all": {"rerank_k": 28}, "blend": {"blend": 0.3},
    "adaptive": {"adaptive": True, "rerank_k": 12}, "cascade": {"cascade": [(2, 9), (4, 4)], "blend": 0.5},
    "best passage": {"passages": "max", "blend": 0.5}, "calibrated": {"calibration": Platt(3.0, -9.0), "blend": 0.5},
}  # fmt: skip


@pytest.mark.parametrize("first_stage", list(RETRIEVERS))
@pytest.mark.parametrize("mode", list(MODES))
@pytest.mark.parametrize("deadline_ms", [None, 0])
def test_in_every_mode_each_result_has_one_and_none_is_above_the_one_before(index, first_stage, mode, deadline_ms):
    options = SearchOptions(retrieve_k=28, top_k=28, **MODES[mode])
    if first_stage == "lexical" and (options.adaptive or options.passages != "best"):
        pytest.skip("BM25 knows no neighbours and one passage")
    reranker = ExitingReranker() if options.cascade else OverlapReranker()
    pipeline = SearchPipeline(RETRIEVERS[first_stage](index), reranker, options=options)
    for query in ("cat at night", "dog in the field", "sofa"):
        results = pipeline.search(query, deadline_ms=deadline_ms)
        relevance = [result.relevance for result in results]
        assert results
        assert relevance == sorted(relevance, reverse=True)
        assert all(0 <= number <= 1 for number in relevance)
        for least in relevance if thorough() else relevance[::5]:
            relevant = pipeline.search(query, deadline_ms=deadline_ms, min_relevance=least)
            assert relevant == results[: len(relevant)], "min_relevance cuts the tail only"
        assert [r.relevance for r in pipeline.search(query, deadline_ms=deadline_ms, top_k=3)] == relevance[:3]
