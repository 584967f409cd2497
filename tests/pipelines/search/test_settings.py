"""Settings: given counts first, then tuned, then the default; a larger k raises what must follow it."""

import dataclasses

import pytest
from bicross.errors import ArgumentError
from bicross.pipelines import SearchOptions, Settings, Tuned
from bicross.pipelines.search import with_candidates
from bicross.rerank import Platt
from hypothesis import given
from hypothesis import strategies as st

TUNED = Tuned("r", "dense", 20, 10, 0.4)
OFF = dataclasses.replace(TUNED, rerank_k=0)
KS = st.none() | st.integers(1, 200)


def settings(tuned=None, own_blend=1.0, **values):
    return Settings(SearchOptions(**values), tuned, own_blend)


@given(retrieve_k=KS, rerank_k=KS, top_k=KS, tuned=st.sampled_from([None, TUNED, OFF]))
def test_every_k_that_is_given_counts_or_contradicts_another_given_one(retrieve_k, rerank_k, top_k, tuned):
    values = {"retrieve_k": retrieve_k, "rerank_k": rerank_k, "top_k": top_k}
    needed = max(rerank_k or 0, top_k or 0)
    if retrieve_k is not None and needed > retrieve_k:
        with pytest.raises(ArgumentError, match=rf"k=\d+ is larger than retrieve_k={retrieve_k}"):
            settings(tuned, **values)
        return
    own = settings(tuned, **values)
    complete = own.options
    for name, value in values.items():
        assert value is None or (getattr(complete, name), own.origin(name)) == (value, "given")
    assert max(complete.rerank_k, complete.top_k) <= complete.retrieve_k
    if retrieve_k is None:
        default = 100 if tuned is None else 20
        assert complete.retrieve_k == max(needed, default)
        assert own.origin("retrieve_k").startswith("raised") == (needed > default)
    assert (complete.candidates, complete.depth) == (complete.retrieve_k, complete.rerank_k if own.reranks else 0)
    assert own.reranks == (tuned is not OFF or rerank_k is not None)


@given(retrieve_k=KS, rerank_k=KS, top_k=st.integers(1, 200))
def test_a_task_retrieves_its_own_number_unless_more_are_needed_or_one_is_given(retrieve_k, rerank_k, top_k):
    if retrieve_k is not None and (rerank_k or 0) > retrieve_k:
        return
    search, origin = with_candidates(SearchOptions(retrieve_k=retrieve_k, rerank_k=rerank_k), 50, top_k=top_k)
    depth = search.retrieve_k
    if retrieve_k is not None:
        assert (depth, origin) == (retrieve_k, "given")
    elif max(top_k, rerank_k or 0) <= 50:
        assert (depth, origin) == (50, "default of this task")
    else:
        assert depth == max(top_k, rerank_k or 0)
        assert origin == ("raised for top_k" if depth == top_k else "raised for rerank_k")
    of_task = Settings(search, task={"retrieve_k": origin})
    assert of_task.to_dict()["retrieve_k"] == {"value": depth, "from": origin}
    assert "top_k" not in of_task.to_dict(), "it is not an option of the search below a task"
    assert Settings(search).origin("retrieve_k") == "given"


@pytest.mark.parametrize(
    ("own", "line"),
    [
        (settings(), "100 retrieved (default), 100 reranked (default), blend 1 (the reranker's), "
         "relevance not calibrated (default)"),
        (settings(own_blend=0.4, top_k=150, first_stage="hybrid"), "first stage hybrid (given), "
         "150 retrieved (raised for top_k), 100 reranked (default), blend 0.4 (the reranker's), "
         "relevance not calibrated (default)"),
        (settings(TUNED, rerank_k=30), "first stage dense (tuned), 30 retrieved (raised for rerank_k), "
         "30 reranked (given), blend 0.4 (tuned), relevance not calibrated (default)"),
        (settings(OFF), "first stage dense (tuned), 20 retrieved (tuned), not reranked (tuned)"),
        (settings(OFF, rerank=True), "first stage dense (tuned), 20 retrieved (tuned), "
         "20 reranked (default), blend 0.4 (tuned), relevance not calibrated (default)"),
        (settings(own_blend=None), "100 retrieved (default), not reranked (given)"),
        (settings(rerank=False), "100 retrieved (default), not reranked (given)"),
    ],
)  # fmt: skip
def test_one_line_says_what_was_used_and_where_it_comes_from(own, line):
    assert str(own) == line


def test_a_calibration_of_the_reranker_counts_where_none_is_given_or_tuned():
    own, other = Platt(0.5, -3.0), Platt(0.7, -2.0)
    calibrated = dataclasses.replace(TUNED, calibration=other)
    for tuned, values, curve, origin in (
        (None, {}, own, "the reranker's"),
        (TUNED, {}, own, "the reranker's"),
        (calibrated, {}, other, "tuned"),
        (calibrated, {"calibration": own}, own, "given"),
        (None, {"calibration": other}, other, "given"),
    ):
        of_search = dataclasses.replace(settings(tuned, **values), own_calibration=own)
        assert (of_search.options.calibration, of_search.origin("calibration")) == (curve, origin)
        assert str(of_search).endswith(f"relevance calibrated ({origin})")
    assert settings().options.calibration is None


def test_the_settings_as_json():
    assert settings(OFF, top_k=30).to_dict() == {
        "first_stage": {"value": "dense", "from": "tuned"},
        "feedback": {"value": None, "from": "default"},
        "retrieve_k": {"value": 30, "from": "raised for top_k"},
        "rerank_k": {"value": 0, "from": "tuned"},
        "top_k": {"value": 30, "from": "given"},
        "late_interaction": {"value": False, "from": "default"},
        "blend": {"value": None, "from": "tuned"},
    }


@pytest.mark.parametrize(("asked", "reranks"), [
    ({}, False), ({"rerank_k": 5}, True), ({"rerank_k": "auto"}, True), ({"blend": 0.5}, True),
    ({"adaptive": True}, True),
    ({"cascade": [(3, 10)]}, True), ({"passages": "max"}, True), ({"rerank": True}, True), ({"top_k": 50}, False),
    ({"rerank": False, "rerank_k": 5}, False), ({"retrieve_k": 50}, False), ({"min_relevance": 0.5}, False),
])  # fmt: skip
def test_what_has_a_meaning_only_for_the_reranker_asks_for_it(asked, reranks):
    assert settings(OFF, **asked).reranks == reranks
    assert settings(OFF, **asked).replaced(rerank_k=7).options.depth == 7


def test_a_search_replaces_what_the_pipeline_has():
    own = settings(TUNED, retrieve_k=40)
    assert own.replaced() is own
    assert own.replaced(top_k=30).options.top_k == 30
    with pytest.raises(ArgumentError, match="top_k=50 is larger than retrieve_k=40"):
        own.replaced(top_k=50)
    assert own.replaced(top_k=50, retrieve_k=60).options.candidates == 60
    assert settings(TUNED).replaced(top_k=50).options.candidates == 50
