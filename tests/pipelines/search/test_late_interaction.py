"""Searches whose candidates are sorted by the token vectors in the index before the reranker reads the best."""

import dataclasses
import logging
import random

import numpy as np
import pytest
from bicross.errors import ArgumentError, IndexModelMismatch, ModelNotFound
from bicross.index import Document, Index
from bicross.pipelines import SearchOptions, SearchPipeline, add_documents, build_index, upsert_documents
from bicross.pipelines.indexing import drop_token_vectors, precompute
from bicross.pipelines.search import final_scores, store
from bicross.retrieval import DenseRetriever
from helpers.examples import examples
from helpers.fakes import HashEncoder, OverlapReranker, WordVectorReranker
from helpers.oracle_rerankers import guesser
from hypothesis import given, settings
from hypothesis import strategies as st

from .test_opening import TUNED

ENCODER, FAST = HashEncoder(), WordVectorReranker()
VOCABULARY = ["river", "stone", "wind", "salt", "bread", "wheel", "night", "snow", "glass", "rope", "iron", "seed"]


def made_documents(count=60):
    rng = random.Random(7)
    return [
        Document(f"d{n}", " ".join(rng.choices(VOCABULARY, k=rng.randint(3, 12))), metadata={"year": n})
        for n in range(count)
    ]


DOCUMENTS = made_documents()
QUERIES = ["river stone", "salt of the night", "snow snow wheel", "glass"]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("late") / "index"
    build_index(DOCUMENTS, path, encoder=ENCODER, reranker=None, precompute=FAST)
    return path


@pytest.fixture
def fast():
    return WordVectorReranker()


def opened(path, fast, reranker=None, **values):
    reranker = OverlapReranker(0.4) if reranker is None else reranker
    return SearchPipeline.open(path, encoder=ENCODER, reranker=reranker, fast_reranker=fast, **values)


def ids(results):
    return [result.document.id for result in results]


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("rerank_k", [1, 7, 40])
def test_both_orders_are_those_of_an_oracle(path, fast, query, rerank_k):
    results = opened(path, fast, retrieve_k=40, rerank_k=rerank_k, top_k=40, first_stage="dense").search(query)
    first = SearchPipeline.open(path, encoder=ENCODER, reranker=None, retrieve_k=40, top_k=40, first_stage="dense")
    hits = first.search(query)
    texts = {document.id: document.text for document in DOCUMENTS}
    late = np.array([fast.score([(query, texts[hit.document.id])])[0] for hit in hits], np.float64)
    blended = final_scores(late, np.array([hit.retrieval_score for hit in hits]), fast.blend)
    order = np.argsort(-blended, kind="stable")
    expected = [(hits[row].document.id, blended[row]) for row in order]
    by_rank = sorted(results, key=lambda result: result.retrieval_rank)
    assert [result.document.id for result in by_rank] == [id_ for id_, _ in expected]
    np.testing.assert_allclose([result.retrieval_score for result in by_rank], [score for _, score in expected])
    logits = np.array([OverlapReranker.logit(query, texts[id_]) for id_, _ in expected[:rerank_k]])
    scores = final_scores(logits, np.array([score for _, score in expected[:rerank_k]]), 0.4)
    best = [expected[row][0] for row in np.argsort(-scores, kind="stable")]
    assert ids(results) == best + [id_ for id_, _ in expected[rerank_k:]]
    assert [result.logit is not None for result in results] == [True] * rerank_k + [False] * (40 - rerank_k)


def test_the_vectors_are_read_from_the_index(path, fast):
    opened(path, fast).search_batch(QUERIES)
    assert fast.computed == []
    assert fast.scored == sum(min(100, len(DOCUMENTS)) for _ in QUERIES)


def test_it_is_the_default_where_the_index_has_them_and_ten_are_reranked(path, fast):
    reranker = OverlapReranker(0.4)
    pipeline = opened(path, fast, reranker)
    assert pipeline.options.late_interaction is True
    assert "sorted by late interaction (default), 10 reranked (default)" in str(pipeline.settings)
    assert pipeline.settings.to_dict()["late_interaction"] == {"value": True, "from": "default"}
    pipeline.search(QUERIES[0])
    assert [len(pairs) for pairs in reranker.calls] == [10]


@pytest.mark.parametrize("values", [{"adaptive": True, "feedback": False}, {"rerank_k": 30}])
def test_what_needs_more_candidates_reranks_more(path, fast, values):
    assert opened(path, fast, **values).options.depth > 10


def test_it_can_be_left_out(path, fast):
    plain = opened(path, fast, late_interaction=False)
    assert plain.options.late_interaction is False
    assert plain.options.depth == 100
    results = plain.search(QUERIES[0])
    assert fast.scored == 0
    assert all(stage.stage != "late interaction" for result in results for stage in result.stages)


def test_without_a_reranker_it_is_used_where_it_is_asked_for(path, fast):
    def search(**values):
        return SearchPipeline.open(path, encoder=ENCODER, reranker=None, fast_reranker=fast, **values).search(
            QUERIES[1]
        )

    before, after = search(), search(late_interaction=True)
    assert fast.scored == len(DOCUMENTS)
    assert [result.score for result in before] != [result.score for result in after]
    assert all(result.logit is None for result in after)
    assert [result.score for result in after] == [result.retrieval_score for result in after]


def test_every_step_is_among_the_stages(path, fast):
    for result in opened(path, fast, first_stage="dense").search(QUERIES[1]):
        stages = {stage.stage: stage for stage in result.stages}
        assert list(stages) == ["vectors", "late interaction", "reranked", "blended"]
        assert stages["late interaction"].rank == result.retrieval_rank
        assert stages["late interaction"].score == result.retrieval_score


def test_neighbours_are_scored_like_candidates(path, fast):
    values = {"adaptive": True, "retrieve_k": 20, "rerank_k": 20, "top_k": 20, "first_stage": "dense"}
    results = opened(path, fast, **values).search(QUERIES[0])
    assert len(results) >= 20
    everything = {"retrieve_k": 60, "rerank_k": 60, "top_k": 60, "first_stage": "dense"}
    logits = {result.document.id: result.logit for result in opened(path, fast, **everything).search(QUERIES[0])}
    for result in results:
        if result.logit is not None:
            assert result.logit == logits[result.document.id]
    assert [result.score for result in results] == sorted((result.score for result in results), reverse=True)


@settings(max_examples=examples(60))
@given(data=st.data())
def test_a_query_is_answered_the_same_in_any_batch(path, data):
    queries = data.draw(st.lists(st.sampled_from([*QUERIES, "unknown words", "bread"]), min_size=1, max_size=6))
    pipeline = opened(path, WordVectorReranker(), retrieve_k=data.draw(st.integers(1, 60)))
    for query, results in zip(queries, pipeline.search_batch(queries), strict=True):
        assert results == pipeline.search(query)


def test_a_filter_that_nothing_matches_finds_nothing(path, fast):
    assert opened(path, fast).search_batch(QUERIES, where="year > 2000") == [[] for _ in QUERIES]


def test_a_fast_reranker_can_be_the_reranker(path):
    reader = WordVectorReranker()
    results = SearchPipeline.open(path, encoder=ENCODER, reranker=reader, retrieve_k=30, top_k=30).search("salt")
    assert (reader.computed, reader.scored) == ([], 30)
    texts = {document.id: document.text for document in DOCUMENTS}
    for result in results:
        assert result.logit == reader.score([("salt", texts[result.document.id])])[0]


@pytest.mark.parametrize("passages", ["best", "first", "max", "mean"])
def test_every_passage_has_its_own_vectors(tmp_path, passages):
    document = Document("long", " ".join(f"{word}." for word in VOCABULARY * 6))
    index = build_index([document], tmp_path / "index", encoder=ENCODER, reranker=None, precompute=FAST)
    reader = WordVectorReranker(blend=1.0)
    [result] = SearchPipeline.open(index, encoder=ENCODER, reranker=reader, passages=passages).search("iron seed")
    assert reader.computed == []
    [found] = SearchPipeline.open(index, encoder=ENCODER, reranker=OnTexts(blend=1.0), passages=passages).search(
        "iron seed"
    )
    assert result.logit == found.logit


class OnTexts(OverlapReranker):
    """The scores of ``FAST``, from texts."""

    def score(self, pairs):
        return FAST.score(pairs)


def test_an_index_without_vectors_has_them_computed_and_that_is_said_once(tmp_path, caplog):
    index = build_index(DOCUMENTS, tmp_path / "index", encoder=ENCODER, reranker=None)
    reader = WordVectorReranker()
    pipeline = SearchPipeline.open(index, encoder=ENCODER, reranker=reader)
    with caplog.at_level(logging.WARNING, "bicross"):
        pipeline.search("salt")
        pipeline.search("bread")
    assert len(reader.computed) == 2 * len(DOCUMENTS)
    assert [record.getMessage() for record in caplog.records] == [
        "the index keeps no token vectors of this reranker, which computes those of every candidate at every search: "
        "`bicross precompute` stores them"
    ]


def test_vectors_of_another_model_are_not_used(path):
    other = WordVectorReranker("other")
    pipeline = SearchPipeline.open(path, encoder=ENCODER, reranker=other)
    pipeline.search("salt")
    assert other.computed
    with pytest.raises(IndexModelMismatch, match=r"keeps token vectors of the model .* `bicross precompute .* other`"):
        opened(path, WordVectorReranker("other"), late_interaction=True)


def test_a_model_that_is_not_here_is_missed_only_where_it_is_asked_for(path, caplog):
    def search(**values):
        return SearchPipeline.open(path, encoder=ENCODER, reranker=OverlapReranker(0.4), **values)

    with caplog.at_level(logging.WARNING, "bicross"):
        assert search().options.late_interaction is False
    assert "the token vectors of" in caplog.text
    assert "'word-vectors'" in caplog.text
    with pytest.raises(ModelNotFound, match="keeps token vectors of 'word-vectors'"):
        search(late_interaction=True)


def test_it_needs_an_index_with_vectors(tmp_path, fast):
    index = build_index(DOCUMENTS[:3], tmp_path / "index", encoder=ENCODER, reranker=None)
    with pytest.raises(ArgumentError, match=r"reads token vectors, and .* keeps none: add them by `bicross precompute"):
        opened(index, fast, late_interaction=True)
    assert opened(index, fast).options.late_interaction is False


def test_a_pipeline_of_parts_sorts_with_the_model_that_it_is_given(path, fast):
    retriever = DenseRetriever(Index.open(path), ENCODER)
    pipeline = SearchPipeline(retriever, OverlapReranker(0.4), fast_reranker=fast)
    assert pipeline.options.late_interaction is True
    assert pipeline.search("salt") == opened(path, fast, first_stage="dense", feedback=False).search("salt")
    assert SearchPipeline(retriever, None, fast_reranker=fast, late_interaction=False).options.late_interaction is False
    with pytest.raises(ArgumentError, match="late_interaction=True needs a fast_reranker"):
        SearchPipeline(retriever, None, late_interaction=True)
    with pytest.raises(ArgumentError, match="fast_reranker must be a reranker by token vectors"):
        SearchPipeline(retriever, None, fast_reranker=OverlapReranker())


def test_what_was_tuned_is_searched_as_it_was_tuned(tmp_path, fast):
    index = build_index(DOCUMENTS, tmp_path / "index", encoder=ENCODER, reranker=None, lexical=False, precompute=FAST)
    store(index, TUNED)
    tuned = opened(index.path, fast, guesser())
    assert tuned.options.late_interaction is False
    assert tuned.options.rerank_k == TUNED.rerank_k
    asked = opened(index.path, fast, guesser(), late_interaction=True)
    assert asked.options.rerank_k == TUNED.rerank_k
    with pytest.raises(ArgumentError, match="the one in the index was fitted without late interaction"):
        opened(index.path, fast, guesser(), late_interaction=True, rerank_k="auto")
    rule = asked.fit_stop_rule(QUERIES, risk=0.4)
    fitted = opened(index.path, fast, guesser(), late_interaction=True, rerank_k="auto", stop_rule=rule)
    assert fitted.search(QUERIES[0])


def test_documents_that_are_added_later_have_vectors_too(tmp_path, monkeypatch):
    later = WordVectorReranker()
    monkeypatch.setattr("bicross.pipelines.fast_reranker.resolve_model", lambda name, **_: name)
    monkeypatch.setattr("bicross.pipelines.fast_reranker._loaded_once", lambda *_: later)
    path = tmp_path / "index"
    build_index(DOCUMENTS[:20], path, encoder=ENCODER, reranker=None, precompute=FAST)
    add_documents(path, DOCUMENTS[20:40], encoder=ENCODER)
    upsert_documents(path, [dataclasses.replace(DOCUMENTS[0], text="iron iron"), *DOCUMENTS[40:]], encoder=ENCODER)
    assert sorted(later.computed) == sorted(["iron iron", *(document.text for document in DOCUMENTS[20:])])
    whole = [dataclasses.replace(DOCUMENTS[0], text="iron iron"), *DOCUMENTS[1:]]
    build_index(whole, tmp_path / "whole", encoder=ENCODER, reranker=None, precompute=FAST)
    for query in QUERIES:
        assert scores_of(path, query) == scores_of(tmp_path / "whole", query)


def scores_of(path, query):
    reader = WordVectorReranker(blend=1.0)
    values = {"first_stage": "dense", "retrieve_k": 60, "top_k": 60}
    results = SearchPipeline.open(path, encoder=ENCODER, reranker=reader, **values).search(query)
    assert reader.computed == []
    return {result.document.id: result.logit for result in results}


def test_vectors_are_stored_later_dropped_and_made_by_another_model(tmp_path):
    path = tmp_path / "index"
    build_index(DOCUMENTS, path, encoder=ENCODER, reranker=None)
    done = []
    assert precompute(path, fast_reranker=FAST, on_progress=done.append) is True
    assert done[-1] == len(DOCUMENTS)
    assert precompute(path, fast_reranker=FAST) is False
    before = SearchPipeline.open(path, encoder=ENCODER, reranker=OverlapReranker(0.4), fast_reranker=FAST)
    other = WordVectorReranker("other", dim=4)
    assert precompute(path, fast_reranker=other) is True
    assert Index.open(path).late_interaction_fingerprint == other.late_interaction_fingerprint
    assert before.search("salt")  # on its own generation
    assert before.refresh() is True
    assert before.options.late_interaction is False
    assert before.search("salt")
    assert drop_token_vectors(path) is True
    assert before.refresh() is True
    assert drop_token_vectors(path) is False
    assert Index.open(path).info().token_vector_bytes == 0


@pytest.mark.parametrize("wrong", [None, 3, 0.5, object(), WordVectorReranker, OverlapReranker()])
def test_what_makes_no_token_vectors_is_refused_before_anything_is_embedded(tmp_path, wrong):
    encoder = HashEncoder()
    with pytest.raises(ArgumentError, match="fast reranker"):
        build_index(DOCUMENTS, tmp_path / "index", encoder=encoder, reranker=None, precompute=wrong)
    assert encoder.encoded == []
    assert not (tmp_path / "index").exists()


def test_a_model_without_a_name_is_refused(tmp_path):
    nameless = WordVectorReranker()
    del nameless.name
    with pytest.raises(ArgumentError, match="has no name by which later processes could load it"):
        build_index(DOCUMENTS, tmp_path / "index", encoder=ENCODER, reranker=None, precompute=nameless)


def test_options_refuse_what_is_no_flag():
    with pytest.raises(ArgumentError, match="late_interaction must be True or False"):
        SearchOptions(late_interaction="yes")


def test_a_refresh_follows_to_the_model_of_newer_vectors(tmp_path, monkeypatch):
    made = {model.name: model for model in (WordVectorReranker(), WordVectorReranker("other", dim=4))}
    monkeypatch.setattr("bicross.pipelines.fast_reranker.resolve_model", lambda name, **_: name)
    monkeypatch.setattr("bicross.pipelines.fast_reranker._loaded_once", lambda name, *_: made[name])
    build_index(DOCUMENTS, tmp_path / "index", encoder=ENCODER, reranker=None, precompute=made["word-vectors"])
    pipeline = SearchPipeline.open(tmp_path / "index", encoder=ENCODER, reranker=OverlapReranker(0.4))
    assert pipeline.fast_reranker is made["word-vectors"]
    precompute(tmp_path / "index", fast_reranker=made["other"])
    assert pipeline.refresh()
    assert pipeline.fast_reranker is made["other"]
    pipeline.search("salt")
    assert made["other"].scored == len(DOCUMENTS)
