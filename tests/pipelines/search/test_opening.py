import dataclasses
import logging

import numpy as np
import pytest
from bicross.errors import ArgumentError, IndexCorrupt
from bicross.pipelines import SearchPipeline, StopRule, Timings, Tuned, build_index, evaluate
from bicross.pipelines.search import store
from bicross.pipelines.search.tuned import SECTION
from bicross.rerank import Platt
from helpers.oracle_rerankers import ENCODER, documents, guesser, judged, noise, oracle

JUDGED = judged()
QUERY = JUDGED.queries["q0"]
RULE = StopRule(
    intercept=1.0, slope=20.0, query_spread=2.0, spread=1.5, threshold=0.5, risk=0.05, blend=0.4, k=10
)  # fmt: skip
TUNED = Tuned(
    reranker=guesser().fingerprint,
    first_stage="dense",
    retrieve_k=40,
    rerank_k=12,
    blend=0.4,
    stop_rule=RULE,
    calibration=Platt(0.5, -2.0),
)


@pytest.fixture
def index(tmp_path):
    return build_index(documents(), tmp_path / "index", encoder=ENCODER, reranker=None, lexical=False)


@pytest.fixture
def tuned(index):
    store(index, TUNED)
    return index


def opened(index, reranker=None, **settings):
    return SearchPipeline.open(index.path, encoder=ENCODER, reranker=reranker, **settings)


def cutoffs(pipeline):
    options = pipeline.options
    return options.retrieve_k, options.rerank_k, options.top_k


def test_without_settings_there_are_the_defaults(index):
    pipeline = opened(index, guesser())
    assert (cutoffs(pipeline), pipeline.blend, pipeline.options.stop_rule, pipeline.options.calibration) == (
        (100, 100, 10), 1.0, None, None
    )  # fmt: skip


def test_what_was_tuned_is_used(tuned):
    pipeline, timings = opened(tuned, guesser()), Timings()
    assert (cutoffs(pipeline), pipeline.blend) == ((40, 12, 10), 0.4)
    results = pipeline.search_batch([QUERY], timings=timings)[0]
    assert timings.pairs == 12
    by_hand = SearchPipeline(
        pipeline.retriever, guesser(), retrieve_k=40, rerank_k=12, blend=0.4, calibration=Platt(0.5, -2.0)
    )
    assert results == by_hand.search(QUERY)
    by_logit = opened(tuned, guesser(), blend=1.0).search(QUERY)
    for result in by_logit:
        assert result.relevance == pytest.approx(1 / (1 + np.exp(2.0 - 0.5 * result.logit)))
    for result in results:
        assert result.dense_score == result.retrieval_score
        assert result.lexical_score is None


def test_what_is_given_counts(tuned):
    assert cutoffs(opened(tuned, guesser(), retrieve_k=50)) == (50, 12, 10)
    assert cutoffs(opened(tuned, guesser(), retrieve_k=11)) == (11, 11, 10), "what was tuned follows"
    assert cutoffs(opened(tuned, guesser(), rerank_k=30, top_k=3)) == (40, 30, 3)
    pipeline = opened(tuned, guesser(), blend=0.9)
    assert (pipeline.blend, pipeline.options.stop_rule) == (0.9, None), "the rule was fitted for another blend"
    other = dataclasses.replace(RULE, threshold=9.0)
    assert opened(tuned, guesser(), stop_rule=other).options.stop_rule == other
    assert cutoffs(opened(tuned, guesser(), rerank_k=41)) == (41, 41, 10), "what was tuned is no limit"
    assert cutoffs(opened(tuned, guesser(), top_k=50)) == (50, 12, 50)
    assert len(opened(tuned, guesser()).search(QUERY, top_k=50)) == 50
    with pytest.raises(ArgumentError, match="rerank_k=41 is larger than retrieve_k=40"):
        opened(tuned, guesser(), rerank_k=41, retrieve_k=40)
    with pytest.raises(ArgumentError, match="top_k=50 is larger than retrieve_k=40"):
        opened(tuned, guesser(), retrieve_k=40).search(QUERY, top_k=50)


def test_auto_takes_the_stored_rule(tuned):
    pipeline, timings = opened(tuned, guesser(), rerank_k="auto"), Timings()
    assert pipeline.options.stop_rule == RULE
    pipeline.search_batch(list(JUDGED.queries.values()), timings=timings)
    assert {depth.candidates for depth in timings.depths} == {40}
    assert any(depth.reranked < 40 for depth in timings.depths)
    with pytest.raises(ArgumentError, match=r"keeps one for first_stage='dense' and blend=0\.4: leave these as"):
        opened(tuned, guesser(), rerank_k="auto", blend=0.9)


def test_auto_without_a_stored_rule_says_how_to_get_one(index):
    with pytest.raises(ArgumentError, match=r"fit_stop_rule\(queries\), store one with `bicross tune`"):
        opened(index, guesser(), rerank_k="auto")


def test_the_same_model_in_another_number_format_is_tuned_too(tuned):
    other = guesser()
    other.fingerprint = "guesser-bfloat16"
    assert cutoffs(opened(tuned, other)) == (40, 12, 10)


def test_another_reranker_takes_the_defaults_and_says_so(tuned, caplog):
    for other in (oracle(JUDGED), SilentReranker()):
        caplog.clear()
        with caplog.at_level(logging.WARNING, logger="bicross"):
            pipeline = opened(tuned, other)
        assert (cutoffs(pipeline), pipeline.blend, pipeline.options.calibration) == ((100, 100, 10), 1.0, None)
        assert "was tuned with another reranker (guesser...), and what was stored is not used" in caplog.text


class SilentReranker:
    """One that does not say what it is."""

    blend = 1.0

    def score(self, pairs):
        return np.array([noise(*pair) for pair in pairs], np.float32)


def test_where_reranking_did_not_pay_it_is_off_unless_asked_for(index, caplog):
    store(index, dataclasses.replace(TUNED, rerank_k=0, stop_rule=None))
    with caplog.at_level(logging.INFO, logger="bicross"):
        pipeline = opened(index, guesser())
    assert pipeline.reranker is None
    assert "no better with the reranker: it is used only where rerank_k is given" in caplog.text
    assert pipeline.search(QUERY) == opened(index, None, retrieve_k=40).search(QUERY)
    asked = opened(index, guesser(), rerank_k=20)
    assert (cutoffs(asked), asked.blend) == ((40, 20, 10), 0.4)
    assert asked.search(QUERY)[0].logit is not None
    assert pipeline.search(QUERY, rerank_k=20) == asked.search(QUERY), "a search may ask for it as well"
    assert cutoffs(opened(index, guesser(), rerank=True)) == (40, 40, 10)
    for options in ({"rerank": True}, {"blend": 0.7}, {"passages": "max"}, {"adaptive": True}):
        assert opened(index, guesser(), **options).search(QUERY)[0].logit is not None, options
    assert pipeline.search(QUERY)[0].logit is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"retrieve_k": 0}, "retrieve_k must be a whole number of at least 1, not 0"),
        ({"rerank_k": 0}, "rerank_k must be a whole number of at least 1, not 0"),
        ({"top_k": -1}, "top_k must be a whole number of at least 1, not -1"),
        ({"retrieve_k": 5, "rerank_k": 6, "top_k": 5}, "rerank_k=6 is larger than retrieve_k=5"),
    ],
)
def test_a_mistake_is_found_before_anything_is_opened(options, message):
    with pytest.raises(ArgumentError, match=message):
        SearchPipeline.open("nowhere", reranker="no such model", **options)


def test_without_a_reranker_stage_one_is_the_tuned_one(tuned):
    assert cutoffs(opened(tuned, None))[0] == 40
    assert opened(tuned, None).search(QUERY)[0].logit is None


def test_settings_that_cannot_be_used_are_an_error_and_no_crash(index):
    index.set_settings({SECTION: TUNED.to_dict() | {"retrieve_k": 10**9}})
    with pytest.raises(
        IndexCorrupt, match=r"retrieve_k must be a whole number from 1 to 10000, not 1000000000.*bicross tune"
    ):
        opened(index, guesser())


@pytest.mark.parametrize("first_stage", ["lexical", "hybrid"])
def test_an_index_without_words_says_what_to_do(index, first_stage):
    with pytest.raises(ArgumentError, match=f"first_stage='{first_stage}' searches for words, .*`bicross index-terms"):
        opened(index, None, first_stage=first_stage)


def test_a_stage_one_that_there_is_not(index):
    with pytest.raises(ArgumentError, match="first_stage must be one of dense, lexical, hybrid, not 'psychic'"):
        opened(index, None, first_stage="psychic")


def test_min_relevance_cuts_the_ranked_list(index):
    pipeline = opened(index, guesser(), blend=0.5, rerank_k=30)
    everything = pipeline.search(QUERY, top_k=100)
    assert [result.logit is None for result in everything] == [False] * 30 + [True] * 50
    relevance = [result.relevance for result in everything]
    assert relevance == sorted(relevance, reverse=True)
    for least in (0.0, 0.4, 0.6, 1.0):
        relevant = [result for result in everything if result.relevance >= least]
        results = pipeline.search(QUERY, top_k=8, min_relevance=least)
        assert [result.document.id for result in results] == [result.document.id for result in relevant[:8]]
        assert [result.rank for result in results] == list(range(1, len(results) + 1))
    opened_with = opened(index, guesser(), blend=0.5, rerank_k=30, min_relevance=0.6)
    assert opened_with.search(QUERY, top_k=8) == pipeline.search(QUERY, top_k=8, min_relevance=0.6)
    assert len(opened_with.search(QUERY, top_k=80, min_relevance=0.0)) == 80, "what is given to a search counts"


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), True, "0.5"])
def test_a_relevance_that_cannot_be(index, value):
    with pytest.raises(ArgumentError, match="min_relevance must be a number from 0 to 1, or None"):
        opened(index, guesser(), min_relevance=value)
    with pytest.raises(ArgumentError, match="min_relevance must be a number from 0 to 1, or None"):
        opened(index, guesser()).search(QUERY, min_relevance=value)


def test_lists_that_are_cut_are_not_measured(index):
    with pytest.raises(ArgumentError, match=r"min_relevance=0\.5 shortens the lists to measure"):
        evaluate(opened(index, guesser(), min_relevance=0.5), JUDGED.queries, JUDGED.qrels)


def test_min_relevance_without_a_reranker_goes_by_the_estimate(index):
    everything = opened(index, None).search(QUERY, top_k=80)
    relevant = [result for result in everything if result.relevance >= 0.01]
    assert 0 < len(relevant) < 80
    assert opened(index, None, min_relevance=0.01).search(QUERY, top_k=80) == relevant
    assert opened(index, None).search(QUERY, top_k=80, min_relevance=0.01) == relevant


def test_asking_to_rerank_without_a_reranker_is_an_error(index):
    with pytest.raises(ArgumentError, match="rerank=True needs a reranker, and the pipeline has none"):
        opened(index, None, rerank=True)
