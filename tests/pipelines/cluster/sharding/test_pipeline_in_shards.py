"""Pipelines and the server search an index in shards as they search one: the same results, or an error, or a flag."""

import dataclasses
import json

import pytest
from bicross.errors import ArgumentError, ShardsUnavailable
from bicross.index import Coverage, Document, Index, ShardedIndex
from bicross.pipelines import SearchPipeline, Timings, build_index, evaluate, upsert_documents
from bicross.pipelines.search import search_record
from bicross.retrieval import (
    DenseRetriever,
    Feedback,
    HybridRetriever,
    LexicalRetriever,
    NormalisedSum,
    ReciprocalRank,
    TermShare,
)
from helpers.fakes import HashEncoder, OverlapReranker
from helpers.local_shards import LocalShards

WORDS = ["cat", "dog", "owl", "sleeps", "runs", "in", "the", "park", "at", "night", "day", "moon"]
QUERIES = ["the cat sleeps", "an owl at night", "dog park", "moon"]


def document(number: int) -> Document:
    words = [WORDS[(number * 7 + step * (1 + number % 5)) % len(WORDS)] for step in range(3 + number % 4)]
    text = " ".join(words) + ". " + " ".join(reversed(words)) + "."
    return Document(f"d{number:02}", text, metadata={"legs": number % 5, "title": WORDS[number % 12]})


@pytest.fixture(scope="module")
def index(tmp_path_factory) -> Index:
    path = tmp_path_factory.mktemp("library") / "index"
    index = build_index([document(n) for n in range(12)], path, encoder=HashEncoder(), reranker=None, progress=False)
    encoder = HashEncoder()
    for first in (12, 24, 36):
        # Some texts come again, so that scores are equal.
        more = [dataclasses.replace(document(n % 30), id=f"d{n:02}") for n in range(first, first + 12)]
        upsert_documents(path, more, encoder=encoder, progress=False)
    index.refresh()
    index.delete(["d05"])
    return index


RETRIEVERS = {
    "dense": lambda index: DenseRetriever(index, HashEncoder()),
    "dense, several passages": lambda index: DenseRetriever(index, HashEncoder(), passages=3),
    "dense with feedback": lambda index: DenseRetriever(index, HashEncoder(), feedback=Feedback()),
    "lexical": lambda index: LexicalRetriever(index),
    "hybrid": lambda index: HybridRetriever(index, HashEncoder()),
    "hybrid with feedback": lambda index: HybridRetriever(index, HashEncoder(), feedback=Feedback(0.3, 2, 0.3, 4)),
    "hybrid by ranks": lambda index: HybridRetriever(index, HashEncoder(), fusion=ReciprocalRank(), passages=2),
    "hybrid by shares": lambda index: HybridRetriever(index, HashEncoder(), fusion=TermShare(0.4)),
    "hybrid, weighted": lambda index: HybridRetriever(index, HashEncoder(), fusion=NormalisedSum(0.7)),
}


@pytest.mark.parametrize("shards", [3, 8])
@pytest.mark.parametrize("name", RETRIEVERS)
def test_results_are_those_of_one_process(index, name, shards):
    parts = ShardedIndex(index.path, LocalShards(index.path, shards))
    for k, where in ((5, None), (100, None), (7, "legs >= 2 and title != 'owl'")):
        one, many = (
            SearchPipeline(RETRIEVERS[name](searched), OverlapReranker(), retrieve_k=k, rerank_k=min(k, 20), top_k=k)
            for searched in (index, parts)
        )
        expected, found = one.search_batch(QUERIES, where=where), many.search_batch(QUERIES, where=where)
        assert found == expected
        assert [[result.stages for result in results] for results in found] == [
            [result.stages for result in results] for results in expected
        ]
        assert {result.coverage for results in found for result in results} == {Coverage(shards, (), 47, 47)}


@pytest.mark.parametrize("name", ["dense", "hybrid"])
def test_adaptive_reranking_is_that_of_one_process(index, name):
    parts = ShardedIndex(index.path, LocalShards(index.path, 3))
    one, many = (
        SearchPipeline(
            RETRIEVERS[name](searched), OverlapReranker(), adaptive=True, retrieve_k=40, rerank_k=40, top_k=20
        )
        for searched in (index, parts)
    )
    assert many.search_batch(QUERIES, where="legs < 4") == one.search_batch(QUERIES, where="legs < 4")


def opened(index, shards) -> SearchPipeline:
    parts = ShardedIndex(index.path, shards)
    return SearchPipeline.open(parts, encoder=HashEncoder(), reranker=OverlapReranker(), top_k=100)


def test_an_opened_pipeline_takes_what_the_index_keeps(index):
    one = SearchPipeline.open(index, encoder=HashEncoder(), reranker=OverlapReranker(), top_k=100)
    many = opened(index, LocalShards(index.path, 3))
    assert many.settings == one.settings
    assert many.search_batch(QUERIES) == one.search_batch(QUERIES)
    assert many.generation == one.generation


def test_a_lost_shard_is_an_error_or_flagged(index):
    shards = LocalShards(index.path, 3)
    pipeline = opened(index, shards)
    shards.lost = {2}
    for search in (lambda: pipeline.search("moon"), lambda: pipeline.search_batch(QUERIES, timings=Timings())):
        with pytest.raises(ShardsUnavailable, match="shard 2 of 3 cannot answer"):
            search()
    results, timings = pipeline.search("the cat sleeps", allow_partial=True), Timings()
    coverage = results[0].coverage
    assert coverage is not None
    assert coverage.missing == (2,)
    assert 0 < coverage.documents < coverage.documents_total == 47
    assert {result.coverage for result in results} == {coverage}
    assert len(results) == coverage.documents
    [again] = pipeline.search_batch(["the cat sleeps"], allow_partial=True, timings=timings)
    assert again == results
    [depth] = timings.depths
    assert depth.coverage == coverage
    record = json.loads(json.dumps(search_record("the cat sleeps", again, depth)))
    assert record["coverage"] == {
        "complete": False, "shards": 3, "missing": [2], "documents": coverage.documents, "documents_total": 47
    }  # fmt: skip
    shards.lost.clear()
    assert pipeline.search("the cat sleeps", allow_partial=True)[0].coverage == Coverage(3, (), 47, 47)


def test_a_partial_answer_without_a_result_to_say_so_needs_timings(index):
    shards = LocalShards(index.path, 3)
    pipeline = opened(index, shards)
    assert pipeline.search("moon", where="legs == 77", allow_partial=True) == []
    shards.lost = {0}
    with pytest.raises(ShardsUnavailable, match="shards 0 of 3 do not answer, and a query found nothing without them"):
        pipeline.search("moon", where="legs == 77", allow_partial=True)
    timings = Timings()
    assert pipeline.search_batch(["moon"], where="legs == 77", allow_partial=True, timings=timings) == [[]]
    assert timings.depths[0].coverage.missing == (0,)


def test_what_is_measured_is_never_partial(index):
    shards = LocalShards(index.path, 3)
    pipeline = opened(index, shards)
    shards.lost = {1}
    with pytest.raises(ShardsUnavailable):
        evaluate(pipeline, {"q": "moon"}, {"q": {"d01": 1}})


def test_an_index_that_is_open_as_a_whole_has_no_coverage(index):
    pipeline = SearchPipeline(LexicalRetriever(index), None)
    results, timings = pipeline.search("moon", allow_partial=True), Timings()
    assert {result.coverage for result in results} == {None}
    pipeline.search_batch(["moon"], timings=timings)
    assert "coverage" not in search_record("moon", results, timings.depths[0])
    with pytest.raises(ArgumentError, match="allow_partial must be True or False"):
        pipeline.search("moon", allow_partial="yes")


def test_a_pipeline_moves_with_its_index(tmp_path):
    path = tmp_path / "index"
    whole = build_index([document(n) for n in range(4)], path, encoder=HashEncoder(), reranker=None, progress=False)
    pipeline = opened(whole, LocalShards(path, 2))
    pinned = pipeline.pinned()
    assert not pipeline.refresh()
    whole.delete(["d01"])
    assert len(pipeline.search("moon")) == 4
    assert pipeline.refresh()
    assert {result.document.id for result in pipeline.search("moon")} == {"d00", "d02", "d03"}
    assert pipeline.generation == whole.generation
    assert len(pinned.search("moon")) == 4
