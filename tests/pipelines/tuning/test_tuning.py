import json
import logging

import numpy as np
import pytest
from bicross.errors import ArgumentError
from bicross.index import Document, Index
from bicross.pipelines import (
    Judged,
    SearchOptions,
    SearchPipeline,
    Timings,
    TuningOptions,
    add_documents,
    build_index,
    tune,
    tune_retriever,
)
from bicross.pipelines.commands.reports import tuning_record
from bicross.pipelines.evaluation import per_query
from bicross.pipelines.search import stored
from bicross.pipelines.tuning import Latency
from bicross.pipelines.tuning.first_stages import FirstStageSetting
from bicross.pipelines.tuning.score_file import ScoresKey, read_scores
from bicross.retrieval import DenseRetriever, HybridRetriever
from helpers.fakes import OverlapReranker
from helpers.oracle_rerankers import ENCODER, KnowingReranker, documents, guesser, judged, noise, oracle

JUDGED = judged(60, grades=2)
QUICK = TuningOptions(retrieve_k=30, latency_queries=0)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return build_index(
        documents(), tmp_path_factory.mktemp("words") / "index", encoder=ENCODER, reranker=None, lexical=False
    )


@pytest.fixture
def index(built):
    """The same for all, without settings."""
    index = Index.open(built.path, verify="size")
    if index.settings:
        index.set_settings({})
    return index


def tuned(index, reranker, judgments=JUDGED, **options):
    return tune(index, judgments, encoder=ENCODER, reranker=reranker, options=TuningOptions(**vars_of(QUICK) | options))


def vars_of(options):
    return {name: getattr(options, name) for name in options.__slots__}


def ndcg(pipeline, judgments=JUDGED):
    ids = list(judgments.judged_ids)
    batch = pipeline.search_batch([judgments.queries[query_id] for query_id in ids])
    run = {
        query_id: [(result.document.id, result.score) for result in results]
        for query_id, results in zip(ids, batch, strict=True)
    }
    return per_query(["nDCG@10"], {query_id: judgments.qrels[query_id] for query_id in ids}, run)["nDCG@10"]


def test_an_oracle_is_recommended_and_a_later_search_uses_it(index):
    reranker = oracle(JUDGED)
    tuning = tuned(index, reranker)
    assert tuning.recommended.depth > 0
    assert tuning.held_out.gain.low > 0
    assert tuning.held_out.best.mean > tuning.held_out.plain.mean + 0.1
    assert tuning.stored
    assert stored(index) == tuning.tuned
    pipeline = SearchPipeline.open(index.path, encoder=ENCODER, reranker=oracle(JUDGED))
    assert pipeline.options.rerank_k == tuning.recommended.depth
    assert pipeline.options.retrieve_k == 30
    assert pipeline.blend == tuning.recommended.blend
    row = tuning.grid.ndcg[tuning.grid.place(tuning.recommended)]
    np.testing.assert_allclose(row, list(ndcg(pipeline).values()), atol=1e-9)


@pytest.mark.slow
def test_every_setting_is_worth_what_a_search_with_it_is(index):
    reranker = oracle(JUDGED, strength=1.0)
    tuning = tuned(index, reranker, store=False)
    assert stored(index) is None
    random = np.random.default_rng(3)
    for row in random.choice(len(tuning.grid.configurations), 12, replace=False):
        setting = tuning.grid.configurations[row]
        pipeline = SearchPipeline.open(
            index.path,
            encoder=ENCODER,
            reranker=reranker if setting.depth else None,
            retrieve_k=30,
            rerank_k=setting.depth or 30,
            blend=setting.blend,
        )
        np.testing.assert_allclose(tuning.grid.ndcg[row], list(ndcg(pipeline).values()), atol=1e-9)


def test_a_reranker_that_harms_is_recommended_off(index):
    tuning = tuned(index, oracle(JUDGED, sign=-1.0))
    assert tuning.recommended.depth == 0
    assert tuning.tuned.rerank_k == 0
    pipeline = SearchPipeline.open(index.path, encoder=ENCODER, reranker=oracle(JUDGED, sign=-1.0))
    assert pipeline.reranker is None
    assert ndcg(pipeline) == ndcg(SearchPipeline.open(index.path, encoder=ENCODER, reranker=None))


def test_a_tuning_that_switched_the_reranker_off_takes_nothing_away(index):
    """The README's first snippet, rerank_k="auto", min_relevance and larger cutoffs work as they did before it."""
    reranker = oracle(JUDGED, sign=-1.0)
    tuning = tuned(index, reranker, retrieve_k=20, calibrate="platt")
    assert tuning.tuned.rerank_k == 0
    query = JUDGED.queries["q0"]
    pipeline = SearchPipeline.open(index.path, encoder=ENCODER, reranker=reranker)
    relevance = [round(result.relevance, 2) for result in pipeline.search(query)]
    assert len(relevance) == 10
    assert relevance == sorted(relevance, reverse=True)
    for result in pipeline.search(query):
        assert result.logit is None
        assert result.relevance == pytest.approx(tuning.first_stage_curve.apply(result.dense_score))
    assert 0 < len(pipeline.search(query, min_relevance=relevance[4])) < 10
    assert len(pipeline.search(query, top_k=50)) == 50
    assert all(result.logit is not None for result in pipeline.search(query, rerank_k=60, top_k=60))
    assert "not reranked (tuned)" in str(pipeline.settings)
    auto, timings = SearchPipeline.open(index.path, encoder=ENCODER, reranker=reranker, rerank_k="auto"), Timings()
    assert auto.options.stop_rule == tuning.stop_rule
    auto.search_batch([query], timings=timings)
    assert 0 < timings.depths[0].reranked <= timings.depths[0].candidates == 20
    asked = SearchPipeline.open(index.path, encoder=ENCODER, reranker=reranker, rerank=True)
    assert asked.search(query)[0].logit is not None
    assert "20 reranked" in str(asked.settings)
    for first_stage in ("dense", None):
        other = SearchPipeline.open(index.path, encoder=ENCODER, reranker=reranker, first_stage=first_stage)
        assert other.options.first_stage_calibration == tuning.first_stage_curve


def test_the_estimate_without_a_reranker_is_calibrated(index):
    """Of documents with an estimate around p, about p are relevant."""
    tuning = tuned(index, oracle(JUDGED, sign=-1.0))
    pipeline = SearchPipeline.open(index.path, encoder=ENCODER, reranker=None, top_k=30)
    curve = tuning.first_stage_curve
    pairs = [
        (float(curve.apply(result.dense_score)), JUDGED.qrels[query_id].get(result.document.id, 0) > 0)
        for query_id, query in JUDGED.queries.items()
        for result in pipeline.search(query)
    ]
    assert np.mean([p for p, _ in pairs]) == pytest.approx(np.mean([y for _, y in pairs]), abs=0.01)


@pytest.mark.slow
def test_noise_is_no_gain(index):
    off, gains = 0, []
    for seed in range(8):

        def judge(query, document, seed=seed):
            return noise(f"{seed} {query}", document)

        tuning = tuned(index, KnowingReranker(judge, fingerprint=f"noise {seed}"), seed=seed, store=False)
        off += tuning.recommended.depth == 0
        gains.append(tuning.held_out.gain.mean)
        assert tuning.expected.gain > 0.1, "by default it reranks, with the noise alone"
        assert "surest to be better than the default" in tuning.reason
    assert off >= 6, "luck alone passes in about one of twenty"
    assert np.mean(gains) < 0.002


def test_labels_at_random_are_no_gain(index):
    random = np.random.default_rng(8)
    qrels = {q: {f"doc{d:02}": 1 for d in random.choice(80, 4, replace=False)} for q in JUDGED.queries}
    tuning = tuned(index, oracle(JUDGED), Judged("random", JUDGED.queries, qrels))
    assert tuning.recommended.depth == 0 or tuning.held_out.gain.low <= 0


def test_the_figures_of_the_report_are_those_of_searches(index):
    tuning = tuned(index, oracle(JUDGED, strength=2.0))
    alone = ndcg(SearchPipeline.open(index.path, encoder=ENCODER, reranker=None))
    depth, estimate = tuning.depths[0]
    assert depth == 0
    assert estimate.mean == pytest.approx(np.mean(list(alone.values())))
    assert tuning.held_out.plain.mean == pytest.approx(estimate.mean)
    assert [depth for depth, _ in tuning.depths] == [0, 5, 10, 20, 30]
    assert tuning.recall[-1][0] == 30
    record = json.loads(json.dumps(tuning_record(tuning)))
    assert record["tuned"] == tuning.tuned.to_dict()
    assert len(record["settings"]) == len(tuning.grid.configurations)
    assert tuning.tuned.measured["ndcg_at_10"] == tuning.held_out.best.mean


def test_scores_are_kept_and_read_once(index, tmp_path, caplog):
    file = tmp_path / "scores.npz"
    reranker = oracle(JUDGED)
    first = tuned(index, reranker, scores=file)
    assert reranker.pairs == 60 * 30
    second = tuned(index, reranker, scores=file)
    assert reranker.pairs == 60 * 30, "nothing was read again, although tuning made a generation"
    np.testing.assert_array_equal(first.grid.ndcg, second.grid.ndcg)
    assert first.tuned == second.tuned
    for change in (
        lambda: tuned(index, oracle(JUDGED, strength=3.0), scores=file),
        lambda: tuned(index, reranker, scores=file, retrieve_k=20),
        lambda: tuned(index, reranker, scores=file, queries=20),
    ):
        caplog.clear()
        with caplog.at_level(logging.INFO, logger="bicross"):
            change()
        assert "has scores of another index, model or set of queries: they are made anew" in caplog.text


def test_scores_of_an_index_that_changed_are_made_anew(tmp_path):
    path = tmp_path / "index"
    build_index(documents(), path, encoder=ENCODER, reranker=None, lexical=False)
    reranker, file = oracle(JUDGED), tmp_path / "scores.npz"
    tuned(Index.open(path), reranker, scores=file)
    add_documents(path, [Document("new", "doc99 word1 word2")], encoder=ENCODER)
    tuned(Index.open(path), reranker, scores=file)
    assert reranker.pairs == 2 * 60 * 30


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04 half a file"])
def test_a_file_that_holds_no_scores_is_left_alone(index, tmp_path, content):
    file = tmp_path / "other"
    file.write_bytes(content)
    with pytest.raises(ArgumentError, match=r"other holds no scores of a tuning .*name another file"):
        tuned(index, guesser(), scores=file)
    assert file.read_bytes() == content


def test_scores_survive_the_file(index, tmp_path):
    file = tmp_path / "scores.npz"
    tuned(index, guesser(), scores=file, store=False, latency_queries=2)
    queries = {query_id: JUDGED.queries[query_id] for query_id in JUDGED.judged_ids}
    scored, latencies = read_scores(file, ScoresKey.of(index, "guesser", 30, queries))
    assert [latency.depth for latency in latencies] == [0, 5, 10, 20, 30]
    assert [query.query_id for query in scored.queries] == list(queries)
    query = scored.queries[7]
    expected = [noise(queries[query.query_id], document) for document in query.documents]
    np.testing.assert_array_equal(query.logits, np.array(expected, np.float32).astype(np.float64))
    assert list(query.documents) == sorted(query.documents)


def test_latency_is_measured_by_searching(index):
    reranker = oracle(JUDGED)
    tuning = tuned(index, reranker, latency_queries=5, store=False)
    assert [(latency.depth, latency.searches) for latency in tuning.latencies] == [
        (depth, 5) for depth in (0, 5, 10, 20, 30)
    ]
    assert reranker.pairs == 60 * 30 + 2 * 30 + 5 * (5 + 10 + 20 + 30)
    assert all(0 < latency.median_ms <= latency.p95_ms for latency in tuning.latencies)


def test_a_latency_budget_bounds_the_depth(index, monkeypatch):
    reranker = oracle(JUDGED, strength=2.0)
    assert tuned(index, reranker).recommended.depth > 10
    latencies = [Latency(depth, 2.0 * depth + 1.0, 3.0 * depth + 1.0, 5) for depth in (0, 5, 10, 20, 30)]
    monkeypatch.setattr("bicross.pipelines.tuning.tuning.measure_latency", lambda *_, **__: list(latencies))
    tight = tuned(index, reranker, latency_queries=5, latency_budget_ms=31.0)
    assert tight.recommended.depth in (5, 10), "95 of 100 searches at depth 10 take 31 ms"
    assert "within 31 ms" in tight.reason
    none = tuned(index, reranker, latency_queries=5, latency_budget_ms=15.0)
    assert none.recommended.depth == 0
    assert none.shown.depth > 0, "the best with the reranker is shown all the same"
    assert SearchPipeline.open(index.path, encoder=ENCODER, reranker=reranker).reranker is None


@pytest.mark.parametrize("method", ["platt", "isotonic"])
def test_a_calibration_is_fitted_measured_and_used(index, method):
    reranker = oracle(JUDGED, strength=3.0)
    tuning = tuned(index, reranker, calibrate=method)
    assert tuning.calibrated.ece_after < tuning.calibrated.ece_before / 2
    assert tuning.calibrated.brier_after < tuning.calibrated.brier_before
    assert tuning.calibrated.pairs == 60 * tuning.recommended.depth
    pipeline = SearchPipeline.open(index.path, encoder=ENCODER, reranker=reranker)
    results = pipeline.search(JUDGED.queries["q1"])
    expected = tuning.calibrated.calibration.apply([result.logit for result in results if result.logit is not None])
    assert [result.relevance for result in results if result.relevance is not None] == pytest.approx(list(expected))


def test_a_stop_rule_comes_with_a_reranker(index):
    tuning = tuned(index, oracle(JUDGED))
    rule = tuning.tuned.stop_rule
    assert (rule.blend, rule.k, rule.risk) == (tuning.recommended.blend, 10, 0.05)
    pipeline = SearchPipeline.open(index.path, encoder=ENCODER, reranker=oracle(JUDGED), rerank_k="auto")
    assert pipeline.options.stop_rule == rule
    everything = SearchPipeline(pipeline.retriever, oracle(JUDGED), retrieve_k=30, rerank_k=30, blend=rule.blend)
    assert rule == everything.fit_stop_rule([JUDGED.queries[query_id] for query_id in JUDGED.judged_ids])
    few = tuned(index, oracle(JUDGED), queries=12)
    assert few.tuned.stop_rule is None, "twelve queries cannot promise one in twenty"
    with pytest.raises(ArgumentError, match="stored none: the 12 queries were too few for one"):
        SearchPipeline.open(index.path, encoder=ENCODER, reranker=oracle(JUDGED), rerank_k="auto")


def test_a_draw_of_queries_is_the_same_for_the_same_seed(index):
    first, second = (tuned(index, guesser(), queries=20, seed=3) for _ in range(2))
    assert first.queries == 20
    np.testing.assert_array_equal(first.grid.ndcg, second.grid.ndcg)
    assert not np.array_equal(first.grid.ndcg, tuned(index, guesser(), queries=20, seed=4).grid.ndcg)


def test_what_cannot_be_tuned(index):
    with pytest.raises(ArgumentError, match="the reranker has no fingerprint"):
        tuned(index, OverlapReranker())
    with pytest.raises(ArgumentError, match="few has 3 queries with a relevant document; tuning needs at least 10"):
        few = {query_id: JUDGED.qrels[query_id] for query_id in ("q0", "q1", "q2")}
        tuned(index, guesser(), Judged("few", JUDGED.queries, few))
    for options, message in (
        ({"retrieve_k": 9}, "retrieve_k=9 must be from 10 to 10000"),
        ({"retrieve_k": 10_001}, "retrieve_k=10001 must be from 10 to 10000"),
        ({"queries": 9}, "queries=9 are too few"),
        ({"latency_budget_ms": 100.0}, "latency_queries=0: must not be negative, and a latency budget needs"),
    ):
        with pytest.raises(ArgumentError, match=message):
            tuned(index, guesser(), **options)


def test_judgments_of_another_collection_are_an_error(index, tmp_path):
    qrels = {query_id: {"elsewhere": 1} for query_id in JUDGED.qrels}
    with pytest.raises(ArgumentError, match="check that these are judgments for the"):
        tuned(index, guesser(), Judged("strange", JUDGED.queries, qrels))
    empty = build_index([], tmp_path / "empty", encoder=ENCODER, reranker=None)
    with pytest.raises(ArgumentError, match="empty holds no documents; add some before tuning"):
        tuned(empty, guesser())


def test_queries_without_a_relevant_document_are_left_out(index):
    qrels = {**JUDGED.qrels, "q0": {"doc01": 0}, "q1": {"doc02": -1}}
    tuning = tuned(index, guesser(), Judged("words", {**JUDGED.queries, "unjudged": "nothing"}, qrels))
    assert tuning.queries == 58


def test_a_retriever_is_tuned_as_its_index_is(index):
    """By the same candidates, scored once; what is found is applied to a pipeline, and stored nowhere."""
    reranker, retriever = oracle(JUDGED), DenseRetriever(index, ENCODER)
    expected = tuned(index, reranker, store=False)
    found = tune_retriever(retriever, JUDGED, reranker=reranker, options=QUICK)
    assert not found.stored
    assert not Index.open(index.path).settings
    assert (found.recommended, found.shown, found.reason) == (expected.recommended, expected.shown, expected.reason)
    np.testing.assert_array_equal(found.grid.ndcg, expected.grid.ndcg)
    options = found.tuned.complete(SearchOptions())
    pipeline = SearchPipeline(retriever, reranker, options=options)
    assert pipeline.options.depth == found.recommended.depth
    place = found.grid.place(found.recommended)
    np.testing.assert_allclose(list(ndcg(pipeline).values()), found.grid.ndcg[place], atol=1e-9)


def test_a_retriever_of_words_too_is_tuned_in_its_own_order(index, tmp_path):
    lexical = build_index(documents(), tmp_path / "both", encoder=ENCODER, reranker=None)
    retriever = HybridRetriever(lexical, ENCODER)
    found = tune_retriever(retriever, JUDGED, reranker=oracle(JUDGED), options=QUICK)
    assert {setting.first_stage for setting in found.grid.configurations} == {FirstStageSetting()}
    alone = SearchPipeline(retriever, None, retrieve_k=30)
    place = found.grid.place(found.default.alone)
    np.testing.assert_allclose(list(ndcg(alone).values()), found.grid.ndcg[place], atol=1e-9)


def test_the_scores_of_a_retriever_are_kept_in_no_file(index, tmp_path):
    options = TuningOptions(scores=tmp_path / "scores.npz")
    with pytest.raises(ArgumentError, match=r"scores=.*scores.npz' keeps what holds for a generation of an index"):
        tune_retriever(DenseRetriever(index, ENCODER), JUDGED, reranker=oracle(JUDGED), options=options)
