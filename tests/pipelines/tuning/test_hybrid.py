import dataclasses

import numpy as np
import pytest
from bicross.pipelines import SearchPipeline, Tuned, TuningOptions, build_index, tune
from bicross.pipelines.search import store, stored
from bicross.retrieval import DenseRetriever, HybridRetriever, LexicalRetriever, NormalisedSum, ReciprocalRank
from helpers.oracle_rerankers import ENCODER, documents, guesser, judged, oracle

JUDGED = judged(40, grades=2)
IDS = list(JUDGED.judged_ids)
TEXTS = [JUDGED.queries[query_id] for query_id in IDS]


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    path = tmp_path_factory.mktemp("words") / "index"
    return build_index(documents(), path, encoder=ENCODER, reranker=None, lexical=True)


@pytest.fixture(scope="module")
def tuning(index):
    options = TuningOptions(retrieve_k=25, latency_queries=2, store=False)
    return tune(index, JUDGED, encoder=ENCODER, reranker=oracle(JUDGED, strength=1.0), options=options)


def ndcg(pipeline):
    values = []
    for query_id, results in zip(IDS, pipeline.search_batch(TEXTS), strict=True):
        grades = JUDGED.qrels[query_id]
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
