"""One query that is too long for the reranker ends no batch, evaluation or tuning, unless that is asked for."""

import json

import numpy as np
import pytest
from bicross.errors import ArgumentError, QueryError
from bicross.pipelines import (
    Judged,
    ScoreCache,
    SearchOptions,
    SearchPipeline,
    Timings,
    TuningOptions,
    build_index,
    evaluate,
    tune,
)
from bicross.pipelines.commands.reports import evaluation_record, tuning_record
from bicross.pipelines.commands.reports.evaluation import notes
from bicross.pipelines.evaluation import RERANKED
from bicross.retrieval import DenseRetriever
from helpers.fakes import HashEncoder, ShortQueryReranker
from helpers.random_judgments import DOCUMENTS, QRELS, QUERIES

ENCODER = HashEncoder()
LONG = "cat dog owl sleeps in the park at night"
MIXED = ["cat dog", LONG, "owl", "x" * 9000]


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return build_index(DOCUMENTS, tmp_path_factory.mktemp("words") / "index", encoder=ENCODER)


def pipeline(index, reranker=None, **options):
    reranker = reranker or ShortQueryReranker(4)
    return SearchPipeline(DenseRetriever(index, ENCODER), reranker, retrieve_k=12, rerank_k=8, top_k=5, **options)


def ranked(results):
    return [(result.document.id, result.logit) for result in results]


def test_a_long_query_is_an_error_that_names_its_place(index):
    searching = pipeline(index)
    with pytest.raises(QueryError, match=r"query 1 \('cat dog owl .*\) has 9 words. Shorten it, or set long_"):
        searching.search_batch(MIXED[:3])
    with pytest.raises(QueryError, match=r"^the query \('cat dog owl .*has 9 words"):
        searching.search(LONG)
    with pytest.raises(QueryError, match="query 3 has 9000 characters; at most 8192 are allowed"):
        searching.search_batch(MIXED)
    assert not searching.reranker.calls, "nothing was scored in vain"


@pytest.mark.parametrize("cache", [None, 10_000])
def test_a_cut_query_ranks_by_its_beginning_and_finds_by_the_whole(index, cache):
    cutting = pipeline(index, long_queries="cut", cache=cache and ScoreCache(cache))
    answers = cutting.search_batch(MIXED)
    assert [len(results) for results in answers] == [5, 5, 5, 5]
    logits = {hit.document.id: hit for hit in DenseRetriever(index, ENCODER).retrieve([LONG], 12)[0]}
    for result in answers[1]:
        text = logits[result.document.id].passage.text
        assert result.logit == pytest.approx(ShortQueryReranker.logit("cat dog owl sleeps", text), abs=1e-6)
    for row in (0, 2):
        assert ranked(answers[row]) == ranked(pipeline(index).search(MIXED[row]))


def test_a_skipped_query_has_no_results_and_the_others_have_theirs(index):
    timings = Timings()
    answers = pipeline(index, long_queries="skip").search_batch(MIXED, timings=timings)
    assert [(depth.reranked, depth.skipped) for depth in timings.depths] == [(8, False), (0, True)] * 2
    assert answers[1] == answers[3] == []
    for row in (0, 2):
        assert ranked(answers[row]) == ranked(pipeline(index).search(MIXED[row]))
    assert pipeline(index, long_queries="skip").search_batch([LONG]) == [[]]


def test_the_first_stage_alone_takes_queries_of_any_number_of_words(index):
    alone = SearchPipeline(DenseRetriever(index, ENCODER), ShortQueryReranker(4), rerank=False, top_k=5)
    assert len(alone.search(LONG)) == 5
    assert alone.too_long(MIXED) == {3: "has 9000 characters; at most 8192 are allowed"}
    assert list(pipeline(index).too_long(MIXED)) == [1, 3]


def test_another_policy_is_refused():
    with pytest.raises(ArgumentError, match="long_queries must be one of error, cut, skip, not 'shorten'"):
        SearchOptions(long_queries="shorten")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ArgumentError, match="long_queries must be one of error, cut, skip, not None"):
        TuningOptions(long_queries=None)  # pyright: ignore[reportArgumentType]


LONGER = QUERIES | {"q2": LONG, "q7": LONG + " and day", "unjudged": LONG}


def test_an_evaluation_names_the_query_or_says_which_were_cut(index):
    with pytest.raises(QueryError, match=r"query 'q2' \('cat dog owl .*has 9 words"):
        evaluate(pipeline(index), LONGER, QRELS)
    evaluation = evaluate(pipeline(index, long_queries="cut"), LONGER, QRELS)
    assert evaluation.counts.queries_cut == ("q2", "q7")
    assert evaluation.counts.judged == len(QRELS)
    assert "2 queries are too long for the reranker, which scores their beginning: q2, q7." in notes(evaluation)
    record = json.loads(json.dumps(evaluation_record(evaluation)))
    assert (record["counts"]["queries_cut"], record["counts"]["queries_skipped"]) == (["q2", "q7"], [])
    assert len(evaluation.system(RERANKED).run["q2"]) == 12


def test_an_evaluation_leaves_out_what_it_skips(index):
    evaluation = evaluate(pipeline(index, long_queries="skip"), LONGER, QRELS)
    kept = {query_id: grades for query_id, grades in QRELS.items() if query_id not in ("q2", "q7")}
    assert evaluation.counts.queries_skipped == ("q2", "q7")
    assert (evaluation.counts.judged, evaluation.counts.without_judgments) == (len(kept), len(LONGER) - len(QRELS))
    assert evaluation.systems == evaluate(pipeline(index), LONGER, kept).systems
    assert "2 queries are too long for the reranker, and left out: q2, q7." in notes(evaluation)


def test_of_many_long_queries_the_report_shows_some(index):
    queries = {f"q{number}": LONG for number in range(13)}
    evaluation = evaluate(pipeline(index, long_queries="cut"), queries, dict.fromkeys(queries, QRELS["q0"]))
    assert any("13 queries" in note and "q8, q9 and 3 more (--json has all)" in note for note in notes(evaluation))


@pytest.mark.parametrize("policy", ["cut", "skip"])
def test_a_tuning_goes_on_and_says_which(index, policy):
    judged = Judged("words", LONGER, QRELS)
    options = {"retrieve_k": 12, "latency_queries": 0, "store": False}
    with pytest.raises(QueryError, match=r"query 'q2' \('cat dog owl .*has 9 words"):
        tune(index, judged, encoder=ENCODER, reranker=ShortQueryReranker(4), options=TuningOptions(**options))
    tuning = tune(
        index,
        judged,
        encoder=ENCODER,
        reranker=ShortQueryReranker(4),
        options=TuningOptions(**options, long_queries=policy),
    )
    long = ("q2", "q7")
    assert (tuning.queries_cut, tuning.queries_skipped) == ((long, ()) if policy == "cut" else ((), long))
    assert tuning.queries == len(judged.judged_ids) - (2 if policy == "skip" else 0)
    assert np.isfinite(tuning.grid.ndcg).all()
    assert tuning_record(tuning)[f"queries_{'cut' if policy == 'cut' else 'skipped'}"] == long
