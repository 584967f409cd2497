"""Feedback as an option of a search: given, tuned or refused; and the stages that results show."""

import dataclasses
import json

import pytest
from bicross.errors import ArgumentError
from bicross.pipelines import SearchOptions, SearchPipeline, Tuned, build_index
from bicross.pipelines.search import store
from bicross.pipelines.search.tuned import SECTION
from bicross.retrieval import DenseRetriever, Feedback, HybridRetriever, LexicalRetriever, NormalisedSum, TermShare
from helpers.oracle_rerankers import ENCODER, documents, guesser, judged

QUERY = judged().queries["q0"]
STRONG = Feedback(weight=0.5, documents=2, smoothing=0.4, neighbours=3)
TUNED = Tuned(guesser().fingerprint, "hybrid", 40, 20, 0.5, fusion=NormalisedSum(0.5), feedback=STRONG)


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    path = tmp_path_factory.mktemp("feedback") / "index"
    return build_index(documents(), path, encoder=ENCODER, reranker=None, lexical=True)


def opened(index, **values):
    return SearchPipeline.open(index.path, encoder=ENCODER, reranker=guesser(), **values)


@pytest.mark.parametrize(
    ("given", "strengths"), [(True, Feedback()), (False, None), (None, "default"), (STRONG, STRONG)], ids=repr
)
@pytest.mark.parametrize("first_stage", [None, "hybrid", "dense"])
def test_an_opened_pipeline_has_the_feedback_that_is_given(index, given, strengths, first_stage):
    pipeline = opened(index, feedback=given, first_stage=first_stage)
    if strengths == "default":
        strengths = None if first_stage == "dense" else Feedback()
    if first_stage == "dense":
        retriever = DenseRetriever(index, ENCODER, feedback=strengths)
    else:
        retriever = HybridRetriever(index, ENCODER, fusion=TermShare(), feedback=strengths)
    by_hand = SearchPipeline(retriever, guesser())
    assert pipeline.options.strengths == strengths
    assert pipeline.search(QUERY) == by_hand.search(QUERY)
    assert ("feedback" in str(pipeline.settings)) == (strengths is not None)


def test_tuned_feedback_is_used_where_nothing_else_is_given(index):
    store(index, TUNED)
    try:
        assert opened(index).options.strengths == STRONG
        assert "feedback 0.5, smoothing 0.4 (tuned)" in str(opened(index).settings)
        assert opened(index, feedback=False).options.strengths is None
        assert opened(index, feedback=True).options.strengths == Feedback()
        assert opened(index, first_stage="dense").options.strengths is None
        assert opened(index, adaptive=True).options.strengths is None
    finally:
        index.refresh()
        index.set_settings({key: value for key, value in index.settings.items() if key != SECTION})


def test_tuned_feedback_survives_json_and_is_left_out_where_there_is_none():
    record = json.loads(json.dumps(TUNED.to_dict()))
    assert Tuned.from_dict(record) == TUNED
    assert "feedback" not in dataclasses.replace(TUNED, feedback=None).to_dict()
    wrong = [3, {}, {**record["feedback"], "weight": 2}, {**record["feedback"], "documents": True}, {"weight": 0.2}]
    for value in wrong:
        with pytest.raises(ArgumentError, match="feedback"):
            Tuned.from_dict({**record, "feedback": value})
    with pytest.raises(ArgumentError, match="no vector that feedback could move"):
        Tuned("r", "lexical", 10, 0, 0.5, feedback=STRONG)


def test_what_cannot_have_feedback_refuses_it(index):
    with pytest.raises(ArgumentError, match="feedback must be True, False, a Feedback or None, not"):
        SearchOptions(feedback=0.2)
    with pytest.raises(ArgumentError, match="feedback moves the vector of a query, and first_stage='lexical'"):
        SearchOptions(feedback=True, first_stage="lexical")
    for call in (
        lambda: SearchOptions(feedback=True, adaptive=True),
        lambda: SearchPipeline(DenseRetriever(index, ENCODER, feedback=STRONG), guesser(), adaptive=True),
        lambda: HybridRetriever(index, ENCODER, feedback=STRONG).retrieve_and_explore([QUERY], 5),
        lambda: DenseRetriever(index, ENCODER, feedback=STRONG).explorer([QUERY]),
    ):
        with pytest.raises(ArgumentError, match=r"feedback scores only the candidates .* adaptive=True adds"):
            call()


@pytest.mark.parametrize("blend", [0.5, 1.0])
def test_the_stages_of_a_result_are_its_ranks_and_scores(index, blend):
    retriever = HybridRetriever(index, ENCODER, feedback=Feedback())
    pipeline = SearchPipeline(retriever, guesser(), blend=blend, retrieve_k=30, rerank_k=20, top_k=25)
    [hits] = retriever.retrieve([QUERY], 30)
    of_hits = {hit.document.id: hit.stages for hit in hits}
    results = pipeline.search(QUERY)
    by_logit = sorted((result for result in results if result.logit is not None), key=lambda result: -result.logit)
    places = {result.document.id: rank for rank, result in enumerate(by_logit, start=1)}
    for result in results:
        own = of_hits[result.document.id]
        assert result.stages[: len(own)] == own
        assert own[-1].rank == result.retrieval_rank
        rest = [dataclasses.astuple(stage) for stage in result.stages[len(own) :]]
        if result.logit is None:
            assert rest == []
            continue
        expected = [("reranked", places[result.document.id], result.logit)]
        assert rest == expected + ([] if blend == 1.0 else [("blended", result.rank, result.score)])


@pytest.mark.parametrize(("make", "name"), [(DenseRetriever, "vectors"), (LexicalRetriever, "words")])
def test_a_retriever_with_one_step_has_one_stage(index, make, name):
    retriever = make(index) if make is LexicalRetriever else make(index, ENCODER)
    for result in SearchPipeline(retriever, None).search(QUERY):
        assert [dataclasses.astuple(stage) for stage in result.stages] == [(name, result.rank, result.score)]
