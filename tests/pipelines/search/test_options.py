"""SearchOptions: one record for the keywords of a pipeline, of ``open`` and of a search."""

import dataclasses

import pytest
from bicross.errors import ArgumentError
from bicross.pipelines import SearchOptions, SearchPipeline, Tuned, build_index
from bicross.pipelines.search import store
from bicross.retrieval import DenseRetriever
from helpers.oracle_rerankers import ENCODER, documents, guesser, judged

QUERY = judged().queries["q0"]
OPTIONS = SearchOptions(retrieve_k=40, rerank_k=20, top_k=5, blend=0.5)


@pytest.fixture
def index(tmp_path):
    return build_index(documents(), tmp_path / "index", encoder=ENCODER, reranker=None, lexical=False)


def test_options_and_keywords_make_the_same_pipeline(index):
    retriever = DenseRetriever(index, ENCODER)
    record = SearchPipeline(retriever, guesser(), options=OPTIONS)
    keywords = SearchPipeline(retriever, guesser(), retrieve_k=40, rerank_k=20, top_k=5, blend=0.5)
    record_and_keywords = SearchPipeline(
        retriever, guesser(), options=SearchOptions(retrieve_k=40, top_k=9, blend=0.5), top_k=5, rerank_k=20
    )
    opened = SearchPipeline.open(index.path, encoder=ENCODER, reranker=guesser(), options=OPTIONS)
    assert record.options == keywords.options == record_and_keywords.options
    assert opened.options == dataclasses.replace(record.options)
    expected = keywords.search(QUERY)
    assert len(expected) == 5
    assert all(pipeline.search(QUERY) == expected for pipeline in (record, record_and_keywords, opened))


def test_what_is_left_open_is_as_tuned_else_the_default(index):
    assert SearchOptions().complete() == SearchOptions(retrieve_k=100, rerank_k=100, top_k=10)
    assert SearchOptions(retrieve_k=30).complete() == SearchOptions(retrieve_k=30, rerank_k=30, top_k=10)
    assert SearchOptions(retrieve_k=5).complete() == SearchOptions(retrieve_k=5, rerank_k=5, top_k=5)
    for options in (
        SearchOptions(),
        SearchOptions(retrieve_k=30),
        SearchOptions(retrieve_k=5),
        SearchOptions(top_k=150),
    ):
        complete = options.complete()
        assert (options.candidates, options.depth, options.results) == (
            complete.retrieve_k, complete.rerank_k, complete.top_k
        )  # fmt: skip
    tuned = Tuned(reranker=guesser().fingerprint, first_stage="dense", retrieve_k=40, rerank_k=12, blend=0.4)
    store(index, tuned)
    opened = SearchPipeline.open(index.path, encoder=ENCODER, reranker=guesser(), options=SearchOptions(rerank_k=7))
    values = {"blend": 0.4, "first_stage": "dense", "late_interaction": False}
    assert opened.options == SearchOptions(retrieve_k=40, rerank_k=7, top_k=10, **values)


def test_one_search_can_have_other_options():
    options = SearchOptions(retrieve_k=40, rerank_k=20, top_k=10)
    assert options.replaced() is options
    assert options.replaced(retrieve_k=8) == SearchOptions(retrieve_k=8, rerank_k=8, top_k=8)
    assert options.replaced(rerank_k=8) == SearchOptions(retrieve_k=40, rerank_k=8, top_k=10, rerank=True)
    assert options.replaced(top_k=3, min_relevance=0.5) == dataclasses.replace(options, top_k=3, min_relevance=0.5)
    auto = SearchOptions(retrieve_k=40, rerank_k="auto")
    assert (auto.depth, auto.replaced(retrieve_k=20).depth) == (40, 20)
    with pytest.raises(ArgumentError, match="top_k=50 is larger than retrieve_k=40"):
        options.replaced(top_k=50)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"retrieve_k": 0}, "retrieve_k must be a whole number of at least 1, not 0"),
        ({"top_k": True}, "top_k must be a whole number of at least 1, not True"),
        ({"rerank_k": "most"}, "rerank_k must be a whole number of at least 1, not 'most'"),
        (
            {"retrieve_k": 5, "top_k": 10},
            "top_k=10 is larger than retrieve_k=5: the first stage must retrieve at least",
        ),
        ({"retrieve_k": 50, "rerank_k": 51}, "rerank_k=51 is larger than retrieve_k=50"),
        ({"top_k": 10_001}, "retrieve_k follows only up to 10000: give retrieve_k=10001 too"),
        ({"rerank_k": 20_000}, "rerank_k=20000 needs as many candidates, and retrieve_k follows only up to 10000"),
        ({"rerank": "auto"}, "rerank must be True, False or None, not 'auto'"),
        ({"blend": 1.5}, r"blend must be a number from 0 to 1, not 1\.5"),
        ({"first_stage": "psychic"}, "first_stage must be one of dense, lexical, hybrid, not 'psychic'"),
        ({"min_relevance": True}, "min_relevance must be a number from 0 to 1, or None, not True"),
        ({"passages": "all"}, "passages must be one of best, first, max, mean, not 'all'"),
        ({"cascade": [(4, 30), (3, 10)]}, "each stage needs a later layer"),
        ({"cascade": [(3, 30)], "adaptive": True}, "adaptive=True cannot be combined with a cascade"),
        ({"cascade": [(3, 30)], "passages": "max"}, "a cascade scores one passage of a document"),
    ],
)
def test_what_cannot_be_is_said_when_the_record_is_made(values, message):
    with pytest.raises(ArgumentError, match=message):
        SearchOptions(**values)
