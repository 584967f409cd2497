"""The default of a new index: vectors and words together with feedback; that of an index of before: vectors."""

import json

import pytest
from bicross.errors import ArgumentError, IndexCorrupt
from bicross.index import Index
from bicross.pipelines import SearchPipeline, Tuned, build_index, index_terms
from bicross.pipelines.search import IndexDefaults, index_defaults, store
from bicross.pipelines.search.defaults import DEFAULTS_SECTION
from bicross.retrieval import DenseRetriever, Feedback, HybridRetriever, NormalisedSum, ReciprocalRank, TermShare
from helpers.oracle_rerankers import ENCODER, documents, guesser, judged

QUERY = judged().queries["q0"]


@pytest.fixture
def index(tmp_path):
    return build_index(documents(), tmp_path / "index", encoder=ENCODER, reranker=None)


def opened(index, **values):
    return SearchPipeline.open(index.path, encoder=ENCODER, reranker=guesser(), **values)


def test_a_new_index_is_searched_by_both_with_feedback(index):
    pipeline = opened(index)
    by_hand = SearchPipeline(HybridRetriever(index, ENCODER, fusion=TermShare(), feedback=Feedback()), guesser())
    assert pipeline.search(QUERY) == by_hand.search(QUERY)
    assert str(pipeline.settings).startswith("first stage hybrid (default), feedback 0.2, smoothing 0.2 (default), 100")
    assert pipeline.settings.to_dict()["first_stage"] == {"value": "hybrid", "from": "default"}
    stages = [[stage.stage for stage in result.stages] for result in pipeline.search(QUERY)]
    assert ["vectors", "words", "fused", "feedback", "reranked"] in stages


def test_what_is_given_counts_first(index):
    assert type(opened(index, first_stage="dense").retriever) is DenseRetriever
    assert opened(index, first_stage="dense").options.strengths is None
    assert opened(index, first_stage="hybrid").retriever.feedback == Feedback()
    assert opened(index, feedback=False).retriever.feedback is None
    assert opened(index, adaptive=True).retriever.feedback is None
    assert opened(index, first_stage="lexical").options.strengths is None
    assert str(opened(index, first_stage="dense").settings).startswith("first stage dense (given), 100 retrieved")


def test_then_what_was_tuned_counts(index):
    store(index, Tuned(guesser().fingerprint, "hybrid", 40, 20, 0.5, fusion=NormalisedSum(0.7)))
    assert opened(index).retriever.fusion == NormalisedSum(0.7)
    assert opened(index).retriever.feedback is None
    index.refresh()
    assert index_defaults(index) == IndexDefaults(), "tuning leaves them"
    other = guesser()
    other.fingerprint = other.model_fingerprint = "another reranker"
    untuned = SearchPipeline.open(index.path, encoder=ENCODER, reranker=other)
    assert untuned.retriever.fusion == TermShare()


def test_an_index_of_before_is_searched_by_vectors_whatever_it_gets(index, tmp_path):
    without = build_index(documents(), tmp_path / "dense", encoder=ENCODER, reranker=None, lexical=False)
    assert without.settings == {}
    index.set_settings({})  # that is an index with terms of a bicross that stored no defaults
    index_terms(without.path)
    for path in (index.path, without.path):
        pipeline = opened(Index.open(path))
        assert type(pipeline.retriever) is DenseRetriever
        assert pipeline.search(QUERY) == SearchPipeline(DenseRetriever(Index.open(path), ENCODER), guesser()).search(
            QUERY
        )
        assert opened(Index.open(path), first_stage="hybrid").retriever.fusion == NormalisedSum()


@pytest.mark.parametrize(
    "defaults",
    [
        IndexDefaults(),
        IndexDefaults("dense", None, None),
        IndexDefaults("dense", None, Feedback(0.1, 3, 0.0, 1)),
        IndexDefaults("hybrid", ReciprocalRank(20.0), None),
        IndexDefaults("lexical", None, None),
    ],
    ids=repr,
)
def test_defaults_survive_json_and_are_used(index, defaults):
    record = json.loads(json.dumps(defaults.to_dict()))
    assert IndexDefaults.from_dict(record) == defaults
    index.set_settings({DEFAULTS_SECTION: record})
    pipeline = opened(index)
    assert pipeline.options.first_stage == defaults.first_stage
    assert getattr(pipeline.retriever, "fusion", None) == defaults.fusion
    assert getattr(pipeline.retriever, "feedback", None) == defaults.feedback


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "search defaults of version 2; this bicross reads version 1"),
        ({"first_stage": "psychic"}, "first_stage must be one of dense, lexical, hybrid, not 'psychic'"),
        ({"first_stage": "dense"}, r"first_stage='dense' with fusion=TermShare.*: hybrid has one"),
        ({"first_stage": "lexical", "fusion": None}, "first_stage='lexical' with feedback: it has no vector"),
        ({"fusion": {"method": "magic"}}, "no fusion is"),
        ({"fusion": 3}, "fusion must be a JSON object, not 3"),
        ({"feedback": {"weight": 0.2}}, "feedback has the fields"),
        ({"more": 1}, "search defaults have the fields"),
    ],
)
def test_defaults_that_cannot_be_are_refused_with_the_remedy(index, change, message):
    record = IndexDefaults().to_dict() | change
    with pytest.raises(ArgumentError, match=message):
        IndexDefaults.from_dict(record)
    index.set_settings({DEFAULTS_SECTION: record})
    with pytest.raises(IndexCorrupt, match=rf"{message}.*set_settings without 'defaults' removes them"):
        opened(index)
