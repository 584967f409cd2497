"""Searching in a cascade: the order of results, what goes with it, and what does not."""

import json

import numpy as np
import pytest
from bicross.errors import ArgumentError, ModelError
from bicross.pipelines import ScoreCache, SearchPipeline, StopRule, Timings, build_index, evaluate
from bicross.pipelines.search import final_scores, read_cascade
from bicross.rerank import CrossEncoderReranker
from bicross.retrieval import BiEncoder, DenseRetriever
from helpers.examples import examples
from helpers.fakes import ExitingReranker, HashEncoder, OverlapReranker
from helpers.tiny_exit_models import documents, save_deep
from helpers.tiny_models import save_bi_encoder
from hypothesis import given, settings
from hypothesis import strategies as st

ENCODER = HashEncoder()
QUERIES = ["who hunts at night", "cat in the park", "cow sleeps all day"]
STAGES = [(2, 9), (4, 4)]


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return build_index(documents(), tmp_path_factory.mktemp("words") / "index", encoder=ENCODER, reranker=None)


def pipeline(index, reranker=None, **settings):
    settings = {"retrieve_k": 20, "rerank_k": 20, "top_k": 20, "cascade": STAGES} | settings
    return SearchPipeline(DenseRetriever(index, ENCODER), reranker or ExitingReranker(), **settings)


def standing(results):
    """Who was read how far, in the order of the results: 9 to the end, else the layer, 0 not at all."""
    return [0 if r.logit is None else r.exit_layer or 9 for r in results]


@pytest.mark.parametrize("blend", [1.0, 0.5])
def test_the_order_is_by_how_far_it_was_read_and_then_by_score(index, blend):
    reranker = ExitingReranker(blend=blend)
    results = pipeline(index, reranker, rerank_k=16).search(QUERIES[0])
    assert standing(results) == [9] * 4 + [4] * 5 + [2] * 7 + [0] * 4
    assert [r.rank for r in results] == list(range(1, 21))
    scores = [r.score for r in results]
    assert scores == sorted(scores, reverse=True)
    assert [r.retrieval_rank for r in results[16:]] == [17, 18, 19, 20], "what was not read keeps its order"
    for result in results[:16]:
        exit_logit = (
            reranker.exit(result.exit_layer, QUERIES[0], result.document.passage) if result.exit_layer else None
        )
        expected = reranker.logit(QUERIES[0], result.document.passage) if exit_logit is None else exit_logit
        assert result.logit == np.float32(expected)
    relevance = [r.relevance for r in results]
    assert relevance == sorted(relevance, reverse=True)
    assert all(0 < number < 1 for number in relevance)
    read = sorted(results[:16], key=lambda r: r.retrieval_rank)
    logits, cosines = (np.array([getattr(r, name) for r in read]) for name in ("logit", "retrieval_score"))
    blended = dict(zip([r.document.id for r in read], final_scores(logits, cosines, blend), strict=True))
    assert [r.score for r in results[:4]] == [pytest.approx(blended[r.document.id]) for r in results[:4]]
    for tier in (results[:4], results[4:9], results[9:16]):
        own = [blended[r.document.id] for r in tier]
        assert own == sorted(own, reverse=True)
        np.testing.assert_allclose(np.diff(own), np.diff([r.score for r in tier]), atol=1e-9)


@pytest.mark.parametrize("blend", [1.0, 0.3])
def test_who_goes_on_is_the_best_by_the_blend(index, blend):
    reranker = ExitingReranker(blend=blend)
    everything = {r.document.id: r for r in pipeline(index, reranker, cascade=None).search(QUERIES[1])}
    ranked = sorted(everything.values(), key=lambda r: r.retrieval_rank)
    cosines = np.array([r.retrieval_score for r in ranked])
    exit_logits = {
        a: np.array([reranker.exit(a, QUERIES[1], r.document.passage) for r in ranked], np.float32) for a in (2, 4)
    }
    second = np.argsort(-final_scores(exit_logits[2].astype(float), cosines, blend), kind="stable")[:9]
    latest_logits = exit_logits[2].astype(float)
    latest_logits[second] = exit_logits[4][second]
    rated = final_scores(latest_logits, cosines, blend)
    last = sorted(second, key=lambda i: (-rated[i], i))[:4]
    results = pipeline(index, reranker).search(QUERIES[1])
    assert {r.document.id for r in results if standing([r]) == [9]} == {ranked[i].document.id for i in last}
    assert {r.document.id for r in results if standing([r]) == [4]} == {
        ranked[i].document.id for i in {*second} - {*last}
    }


def test_an_empty_cascade_and_a_wide_one_are_none(index):
    plain = pipeline(index, cascade=None).search_batch(QUERIES)
    assert pipeline(index, cascade=[]).search_batch(QUERIES) == plain
    assert pipeline(index, cascade=[(2, 20)]).search_batch(QUERIES) == plain
    assert all(r.exit_layer is None for results in plain for r in results)


@settings(max_examples=examples(30), deadline=None)
@given(
    queries=st.lists(st.sampled_from(QUERIES), max_size=5), keep=st.integers(1, 25), blend=st.sampled_from([0.4, 1.0])
)
def test_a_batch_gives_what_single_searches_give(index, queries, keep, blend):
    own = pipeline(index, ExitingReranker(blend=blend), cascade=[(4, keep)])
    assert own.search_batch(queries) == [own.search(query) for query in queries]


def test_a_query_that_comes_twice_is_read_once(index):
    reranker = ExitingReranker()
    first, second = pipeline(index, reranker).search_batch([QUERIES[0]] * 2)
    assert first == second
    assert [len(call) for call in reranker.calls] == [20]


def test_fewer_candidates_than_the_stages_keep(index):
    for size in (1, 3, 4):
        results = pipeline(index, retrieve_k=size, rerank_k=size, top_k=size).search(QUERIES[0])
        assert standing(results) == [9] * size
    assert pipeline(index).search_batch([]) == []
    assert standing(pipeline(index, retrieve_k=6, rerank_k=6, top_k=6).search(QUERIES[0])) == [9] * 4 + [4] * 2


def test_an_empty_index(tmp_path):
    index = build_index([], tmp_path / "index", encoder=ENCODER, reranker=None)
    assert pipeline(index).search_batch(QUERIES) == [[], [], []]


class Clock:
    """Each pair that is read takes a millisecond."""

    def __init__(self, reranker):
        self.reranker = reranker

    def __call__(self):
        return sum(map(len, self.reranker.calls)) / 1000


@pytest.mark.parametrize("deadline_ms", [0, 9, 20, 10_000])
def test_with_a_deadline_more_go_on_and_never_fewer(index, deadline_ms):
    reranker, timings = ExitingReranker(), Timings()
    own = pipeline(index, reranker, clock=Clock(reranker), cascade=[(2, 4)])
    whole = {r.document.id for r in own.search(QUERIES[0]) if standing([r]) == [9]}
    reranker.calls.clear()
    [results] = own.search_batch(QUERIES[:1], deadline_ms=deadline_ms, timings=timings)
    stages = standing(results)
    assert stages == sorted(stages, reverse=True)
    [depth] = timings.depths
    assert depth.reranked == sum(stage > 0 for stage in stages)
    assert (depth.reranked < 20) == (deadline_ms < 1000)
    if deadline_ms > 1000:
        assert whole <= {r.document.id for r, stage in zip(results, stages, strict=True) if stage == 9}


def test_a_cache_answers_the_same_without_reading(index):
    reranker, cache = ExitingReranker(blend=0.5), ScoreCache.of_megabytes(1)
    expected = pipeline(index, reranker).search_batch(QUERIES)
    own, fresh = pipeline(index, reranker, cache=cache), len(reranker.calls)
    assert own.search_batch(QUERIES[:2]) == expected[:2]
    assert own.search_batch(QUERIES) == expected
    assert own.search_batch(QUERIES) == expected
    assert [len(call) for call in reranker.calls[fresh:]] == [40, 20], "only what is new is read"
    other = pipeline(index, reranker, cache=cache, cascade=[(2, 5)])
    assert other.search_batch(QUERIES) == pipeline(index, reranker, cascade=[(2, 5)]).search_batch(QUERIES)


def test_the_cache_tells_exits_from_the_whole_model(index):
    reranker, cache = ExitingReranker(), ScoreCache.of_megabytes(1)
    pipeline(index, reranker, cache=cache).search_batch(QUERIES)
    plain = pipeline(index, reranker, cache=cache, cascade=None)
    reranker.calls.clear()
    assert plain.search_batch(QUERIES) == pipeline(index, reranker, cascade=None).search_batch(QUERIES)
    assert len(reranker.calls[0]) == 3 * (20 - 4), "what the whole model scored is known"


def test_a_cache_that_forgets_changes_nothing(index):
    reranker = ExitingReranker()
    own = pipeline(index, reranker, cache=ScoreCache(400 * 25))
    for _ in range(3):
        assert own.search_batch(QUERIES) == pipeline(index, reranker).search_batch(QUERIES)


def test_min_relevance_cuts_the_tail(index):
    results = pipeline(index).search(QUERIES[0], top_k=20)
    for least in sorted({0.0, 1.0, *(r.relevance for r in results)}):
        relevant = [r for r in results if r.relevance >= least]
        assert pipeline(index).search(QUERIES[0], top_k=20, min_relevance=least) == relevant == results[: len(relevant)]


def test_evaluation_sees_the_same_candidates(index):
    qrels = {f"q{i}": {f"d{i:02}": 1, "d07": 1} for i in range(3)}
    queries = {f"q{i}": query for i, query in enumerate(QUERIES)}
    evaluation = evaluate(pipeline(index), queries, qrels, measures=("R@20", "nDCG@10"))
    first_stage, reranked = evaluation.systems
    assert first_stage.means["R@20"].mean == reranked.means["R@20"].mean
    assert first_stage.means["nDCG@10"].mean != reranked.means["nDCG@10"].mean


RULE = StopRule(intercept=0.0, slope=1.0, query_spread=1.0, spread=1.0, threshold=0.5, risk=0.05, blend=1.0, k=10)


def test_what_does_not_go_with_it(index):
    with pytest.raises(ArgumentError, match=r'rerank_k="auto" cannot be combined with a cascade: give a num'):
        pipeline(index, rerank_k="auto", stop_rule=RULE)
    with pytest.raises(ArgumentError, match=r"cannot be combined with a cascade: give a number"):
        pipeline(index, stop_rule=RULE).search(QUERIES[0], rerank_k="auto")
    with pytest.raises(ArgumentError, match="a rule is fitted to logits of the whole reranker"):
        pipeline(index).fit_stop_rule(QUERIES)
    with pytest.raises(ArgumentError, match="adaptive=True cannot be combined with a cascade"):
        pipeline(index, adaptive=True)
    with pytest.raises(ArgumentError, match=r"a cascade scores one passage .* use passages='max' without it"):
        SearchPipeline(DenseRetriever(index, ENCODER, passages=3), ExitingReranker(), passages="max", cascade=STAGES)
    with pytest.raises(ArgumentError, match=r"cascade=\[\(2, 9\), \(4, 4\)\] needs a reranker: give one"):
        SearchPipeline(DenseRetriever(index, ENCODER), None, cascade=STAGES)
    with pytest.raises(ArgumentError, match="needs a reranker with exits, not OverlapReranker"):
        pipeline(index, OverlapReranker())
    with pytest.raises(ModelError, match=r"the reranker has exits after the layers 2, 4 only: train them with"):
        pipeline(index, cascade=[(3, 5)])
    with pytest.raises(ArgumentError, match="each stage needs a later layer"):
        SearchPipeline.open(index.path, cascade=[(4, 5), (2, 3)])


def test_as_commands_take_it():
    assert read_cascade("3:30,4:10") == [(3, 30), (4, 10)]
    assert read_cascade(None) is None
    for wrong in ("", "2", "2:", "2:30:4", "2:30,", "two:3"):
        with pytest.raises(ArgumentError, match=r"written as LAYER:CANDIDATES, as in 3:30,4:10, not "):
            read_cascade(wrong)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A tiny bi-encoder, a deep tiny reranker with exits of the same tokenizer, and an index with its token ids."""
    root = tmp_path_factory.mktemp("models")
    encoder = BiEncoder(save_bi_encoder(root / "bi"), device="cpu")
    reranker = CrossEncoderReranker(save_deep(root / "cross", "bert"), device="cpu")
    build_index(documents(), root / "index", encoder=encoder, reranker=root / "cross")
    return root, encoder, reranker


@pytest.mark.slow
@pytest.mark.parametrize("tokens", [True, False])
def test_with_a_model_what_is_read_to_the_end_has_its_logit(models, tokens, tmp_path):
    root, encoder, reranker = models
    path = root / "index"
    if not tokens:
        path = tmp_path / "index"
        build_index(documents(), path, encoder=encoder, reranker=None)
    cutoffs = {"encoder": encoder, "reranker": reranker, "retrieve_k": 20, "rerank_k": 20, "top_k": 20}
    whole = SearchPipeline.open(path, **cutoffs).search_batch(QUERIES)
    answers = SearchPipeline.open(path, **cutoffs, cascade=STAGES).search_batch(QUERIES)
    for full, results in zip(whole, answers, strict=True):
        assert standing(results) == [9] * 4 + [4] * 5 + [2] * 11
        logits = {r.document.id: r.logit for r in full}
        for result in results[:4]:
            assert result.logit == pytest.approx(logits[result.document.id], abs=1e-4)


@pytest.mark.slow
def test_the_commands(models, capsys):
    from bicross.pipelines.commands import main

    root, _, _ = models
    asked = ["search", str(root / "index"), QUERIES[0], "--reranker", str(root / "cross"), "--device", "cpu", "--json"]
    assert main([*asked, "--cascade", "2:3"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [result["exit_layer"] for result in answer["results"]] == [None] * 3 + [2] * 7
    assert main([*asked, "--cascade", "2-3"]) == 2
    assert "written as LAYER:CANDIDATES" in capsys.readouterr().err
