import dataclasses
import json

import numpy as np
import pytest
from bicross.pipelines import SearchPipeline, Tuned, TuningOptions, build_index, tune
from bicross.pipelines.search import store, stored
from bicross.retrieval import (
    DenseRetriever,
    HybridRetriever,
    LexicalRetriever,
    NormalisedSum,
    ReciprocalRank,
    TermShare,
)
from helpers.oracle_rerankers import ENCODER, documents, guesser, judged, oracle

JUDGED = judged(40, grades=2)
FEW = judged(12, grades=2)
IDS = list(JUDGED.judged_ids)
TEXTS = [JUDGED.queries[query_id] for query_id in IDS]


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    path = tmp_path_factory.mktemp("words") / "index"
    return build_index(documents(), path, encoder=ENCODER, reranker=None, lexical=True)


@pytest.fixture(scope="module")
def deep(index):
    options = TuningOptions(retrieve_k=100, latency_queries=0, store=False)
    return tune(index, FEW, encoder=ENCODER, reranker=guesser(), options=options)


@pytest.fixture(scope="module")
def tuning(index):
    options = TuningOptions(retrieve_k=25, latency_queries=2, store=False)
    return tune(index, JUDGED, encoder=ENCODER, reranker=oracle(JUDGED, strength=1.0), options=options)


def ndcg(pipeline, of=JUDGED):
    values, ids = [], list(of.judged_ids)
    for query_id, results in zip(ids, pipeline.search_batch([of.queries[id_] for id_ in ids]), strict=True):
        grades = of.qrels[query_id]
        ideal = sorted(grades.values(), reverse=True)
        gains = [grades.get(result.document.id, 0) for result in results]
        values.append(
            sum(gain / np.log2(position + 2) for position, gain in enumerate(gains))
            / sum(gain / np.log2(position + 2) for position, gain in enumerate(ideal))
        )
    return values


@pytest.mark.slow
def test_every_setting_is_worth_what_a_search_with_it_is(index, tuning):
    assert {type(configuration.fusion) for configuration in tuning.grid.configurations} == {
        type(None),
        NormalisedSum,
        ReciprocalRank,
        TermShare,
    }
    random = np.random.default_rng(1)
    rows = random.choice(len(tuning.grid.configurations), 25, replace=False)
    for row in [*rows, tuning.grid.place(tuning.recommended)]:
        setting = tuning.grid.configurations[row]
        retriever = (
            DenseRetriever(index, ENCODER)
            if setting.fusion is None
            else HybridRetriever(index, ENCODER, fusion=setting.fusion)
        )
        pipeline = SearchPipeline(
            retriever,
            oracle(JUDGED, strength=1.0) if setting.depth else None,
            retrieve_k=25,
            rerank_k=setting.depth or 25,
            blend=setting.blend,
        )
        np.testing.assert_allclose(tuning.grid.ndcg[row], ndcg(pipeline), atol=1e-9, err_msg=str(setting))


def test_the_default_is_what_a_new_index_does(index, deep, tuning):
    opened = SearchPipeline.open(index.path, encoder=ENCODER, reranker=guesser())
    assert (deep.default.fusion, deep.default.feedback) == (opened.retriever.fusion, opened.retriever.feedback)
    assert (deep.default.depth, deep.default.blend) == (opened.options.depth, opened.blend)
    row = deep.grid.ndcg[deep.grid.place(deep.default)]
    np.testing.assert_allclose(row, ndcg(opened, FEW), atol=1e-9)
    assert tuning.default == dataclasses.replace(deep.default, depth=25, blend=1.0, feedback=None), "a pool is of 100"


def test_a_first_stage_with_feedback_is_worth_what_a_search_with_it_is(index, deep):
    settings = [setting for setting in deep.grid.configurations if setting.feedback is not None and not setting.depth]
    assert len(settings) == 3
    for setting in settings:
        retriever = HybridRetriever(index, ENCODER, fusion=setting.fusion, feedback=setting.feedback)
        pipeline = SearchPipeline(retriever, None, retrieve_k=100)
        np.testing.assert_allclose(deep.grid.ndcg[deep.grid.place(setting)], ndcg(pipeline, FEW), atol=1e-9)


def test_what_feedback_gains_is_stored_and_searched(index, deep):
    of_feedback = next(setting for setting in deep.grid.configurations if setting.feedback is not None)
    tuned = dataclasses.replace(deep, recommended=of_feedback, shown=of_feedback, stop_rule=None).tuned
    assert tuned.feedback == of_feedback.feedback
    assert Tuned.from_dict(tuned.to_dict()) == tuned


def test_scores_in_a_file_are_those_that_were_made(index, deep, tmp_path):
    options = TuningOptions(latency_queries=0, store=False, scores=tmp_path / "scores.npz")
    for _ in range(2):
        again = tune(index, FEW, encoder=ENCODER, reranker=guesser(), options=options)
        assert again.grid.configurations == deep.grid.configurations
        np.testing.assert_array_equal(again.grid.ndcg, deep.grid.ndcg)


def test_a_file_of_version_1_serves_an_index_whose_default_it_has(index, tmp_path):
    """It has neither limits of lexical scores nor feedback, and an index of its time keeps no defaults."""
    path, options = tmp_path / "scores.npz", TuningOptions(latency_queries=0, store=False)
    options = dataclasses.replace(options, scores=path)
    tune(index, FEW, encoder=ENCODER, reranker=guesser(), options=options)
    with np.load(path) as arrays:
        columns = {name: arrays[name] for name in arrays.files if name != "feedback"}
    description = json.loads(columns.pop("known").tobytes())
    del description["limits"]
    description["key"]["version"] = 1
    older = {**columns, "known": np.frombuffer(json.dumps(description).encode(), np.uint8)}
    np.savez(path, **older)
    knowing = guesser()
    tune(index, FEW, encoder=ENCODER, reranker=knowing, options=options)
    assert knowing.pairs, "the default needs the limits: the scores are made anew"
    settings = index.settings
    index.set_settings({})
    description["key"]["generation"] = index.generation
    np.savez(path, **{**older, "known": np.frombuffer(json.dumps(description).encode(), np.uint8)})
    knowing = guesser()
    tuning = tune(index, FEW, encoder=ENCODER, reranker=knowing, options=options)
    assert not knowing.pairs
    assert {type(setting.fusion) for setting in tuning.grid.configurations} == {
        type(None),
        NormalisedSum,
        ReciprocalRank,
    }
    assert tuning.default.fusion is None
    index.set_settings(settings)


def test_a_search_uses_the_stage_one_that_was_stored(index, tuning):
    assert tuning.recommended.fusion is not None, "words are what these queries were made of"
    assert tuning.tuned.first_stage == "hybrid"
    store(index, tuning.tuned)
    pipeline = SearchPipeline.open(index.path, encoder=ENCODER, reranker=oracle(JUDGED, strength=1.0))
    assert isinstance(pipeline.retriever, HybridRetriever)
    assert pipeline.retriever.fusion == tuning.recommended.fusion
    row = tuning.grid.ndcg[tuning.grid.place(tuning.recommended)]
    np.testing.assert_allclose(row, ndcg(pipeline), atol=1e-9)
    assert stored(index) == tuning.tuned
    for result in pipeline.search(TEXTS[0]):
        assert result.dense_score is not None
        assert result.lexical_score is not None
        assert result.retrieval_score not in (result.dense_score, result.lexical_score)


@pytest.mark.parametrize(
    ("first_stage", "kind"), [("dense", DenseRetriever), ("lexical", LexicalRetriever), ("hybrid", HybridRetriever)]
)
def test_the_stage_one_that_is_given_counts(index, first_stage, kind):
    tuned = Tuned(guesser().fingerprint, "hybrid", 30, 10, 0.5, fusion=ReciprocalRank(20.0))
    store(index, tuned)
    pipeline = SearchPipeline.open(index.path, encoder=ENCODER, reranker=guesser(), first_stage=first_stage)
    assert type(pipeline.retriever) is kind
    assert (pipeline.options.retrieve_k, pipeline.blend) == (30, 0.5)
    if first_stage == "hybrid":
        assert pipeline.retriever.fusion == ReciprocalRank(20.0)
    result = pipeline.search(TEXTS[0])[0]
    assert (result.lexical_score is None) == (first_stage == "dense")


def test_without_the_reranker_words_are_still_used(index):
    tuned = Tuned(guesser().fingerprint, "hybrid", 30, 0, 0.5, fusion=NormalisedSum(0.7))
    store(index, tuned)
    for reranker in (None, guesser()):
        pipeline = SearchPipeline.open(index.path, encoder=ENCODER, reranker=reranker)
        assert pipeline.retriever.fusion == NormalisedSum(0.7)
        assert pipeline.reranker is None


def test_a_stop_rule_of_a_hybrid_search_reads_less(index):
    options = TuningOptions(retrieve_k=40, latency_queries=0)
    tuning = tune(index, JUDGED, encoder=ENCODER, reranker=strong(), options=options)
    rule = tuning.tuned.stop_rule
    assert rule is not None
    pipeline = SearchPipeline.open(index.path, encoder=ENCODER, reranker=strong(), rerank_k="auto")
    assert pipeline.options.stop_rule == rule
    whole = SearchPipeline(pipeline.retriever, strong(), retrieve_k=40, rerank_k=40, blend=rule.blend)
    assert whole.fit_stop_rule(TEXTS) == rule


def strong():
    return oracle(JUDGED, strength=6.0)


def test_dense_is_recommended_where_words_say_nothing(index):
    """Judgments that follow the vectors alone: weights of words can only win by luck."""
    qrels = {}
    for query_id, hits in zip(IDS, DenseRetriever(index, ENCODER).retrieve(TEXTS, 3), strict=True):
        qrels[query_id] = {hit.document.id: 1 for hit in hits}
    by_vectors = dataclasses.replace(JUDGED, qrels=qrels)
    options = TuningOptions(retrieve_k=25, latency_queries=0, store=False)
    tuning = tune(index, by_vectors, encoder=ENCODER, reranker=guesser(), options=options)
    assert tuning.recommended == tuning.grid.configurations[0]
    assert tuning.held_out.plain.mean == pytest.approx(1.0)
