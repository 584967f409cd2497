import dataclasses
import json

import pytest
from bicross.errors import ArgumentError, IndexCorrupt
from bicross.index import Index
from bicross.pipelines import SearchOptions, StopRule, Tuned, build_index
from bicross.pipelines.search import store, stored
from bicross.pipelines.search.tuned import SECTION
from bicross.rerank import Isotonic, Platt
from bicross.retrieval import NormalisedSum, ReciprocalRank, TermShare
from helpers.oracle_rerankers import ENCODER, documents

RULE = StopRule(
    intercept=1.0, slope=20.0, query_spread=2.0, spread=1.5, threshold=0.1, risk=0.05, blend=0.5, k=10
)  # fmt: skip
TUNED = Tuned(reranker="abc", first_stage="dense", retrieve_k=100, rerank_k=50, blend=0.5)
FULL = Tuned(
    reranker="abc",
    first_stage="hybrid",
    retrieve_k=200,
    rerank_k=0,
    blend=0.5,
    fusion=NormalisedSum(0.3),
    stop_rule=RULE,
    calibration=Isotonic((0.0, 1.0), (0.2, 0.7)),
    collection="scifact",
    queries=809,
    date="2026-11-20",
    measured={"ndcg_at_10": 0.7},
)


@pytest.fixture
def index(tmp_path):
    return build_index(documents()[:12], tmp_path / "index", encoder=ENCODER, reranker=None)


@pytest.mark.parametrize(
    "tuned",
    [
        TUNED,
        FULL,
        Tuned("r", "hybrid", 100, 100, 1.0, fusion=ReciprocalRank(10), calibration=Platt(0.5, -1.0)),
        Tuned("r", "hybrid", 100, 100, 1.0, fusion=TermShare(0.4)),
        Tuned("r", "lexical", 1, 0, 0.0),
    ],
)
def test_settings_survive_json(tuned):
    assert Tuned.from_dict(json.loads(json.dumps(tuned.to_dict()))) == tuned


def test_a_curve_for_the_first_stage_is_stored_only_where_there_is_one():
    """Settings of an older bicross have none, and settings without one can be read by an older bicross."""
    assert "first_stage_calibration" not in FULL.to_dict()
    curve = dataclasses.replace(FULL, first_stage_calibration=Platt(2.0, -1.0))
    record = json.loads(json.dumps(curve.to_dict()))
    assert Tuned.from_dict(record) == curve
    assert Tuned.from_dict({name: value for name, value in record.items() if name != "first_stage_calibration"}) == FULL
    with pytest.raises(ArgumentError, match="a calibration is an object with a method, not 3"):
        Tuned.from_dict({**record, "first_stage_calibration": 3})


@pytest.mark.parametrize(("tuned_for", "asked", "used"), [
    ("dense", None, True), ("dense", "hybrid", True), ("hybrid", "dense", True), ("dense", "lexical", False),
    ("lexical", None, True), ("lexical", "lexical", True), ("lexical", "hybrid", False),
])  # fmt: skip
def test_a_curve_for_cosines_is_not_used_for_bm25(tuned_for, asked, used):
    fusion = NormalisedSum() if tuned_for == "hybrid" else None
    tuned = Tuned("r", tuned_for, 100, 0, 0.5, fusion=fusion, first_stage_calibration=Platt(2.0, -1.0))
    curve = tuned.complete(SearchOptions(first_stage=asked)).first_stage_calibration
    assert curve == (Platt(2.0, -1.0) if used else None)


def test_an_index_keeps_them_beside_other_settings(index):
    assert stored(index) is None
    index.set_settings({"other": [1, 2]})
    store(index, TUNED)
    store(index, FULL)
    again = Index.open(index.path)
    assert stored(again) == FULL
    assert again.settings["other"] == [1, 2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "search settings of version 2; this bicross reads version 1"),
        ({"version": None}, "of version None"),
        ({"surprise": 1}, r"search settings have the fields .*'surprise'"),
        ({"reranker": ""}, "reranker is empty"),
        ({"reranker": 5}, "reranker must be a text of at most 1000 characters, not 5"),
        ({"collection": "x" * 1001}, "collection must be a text of at most 1000 characters"),
        ({"date": None}, "date must be a text"),
        ({"stage_one": "psychic"}, "first_stage must be one of dense, lexical, hybrid, not 'psychic'"),
        ({"stage_one": ["dense"]}, "first_stage must be one of"),
        ({"stage_one": "dense"}, "first_stage='dense' with fusion=NormalisedSum.*: hybrid has one, others none"),
        ({"fusion": None}, "hybrid has one, others none"),
        ({"fusion": {"method": "magic"}}, "no fusion is {'method': 'magic'}"),
        ({"fusion": "sum"}, "fusion must be a JSON object, not 'sum'"),
        ({"fusion": {"method": "normalised_sum", "lexical_weight": 1.5}}, r"must be a number from 0 to 1, not 1\.5"),
        ({"fusion": {"method": "normalised_sum", "lexical_weight": 0.5, "k": 3}}, "no fusion is"),
        ({"fusion": {"method": "reciprocal_rank", "k": -1}}, r"must be a number from 0 to 1e\+06, not -1"),
        ({"retrieve_k": 10_001}, "retrieve_k must be a whole number from 1 to 10000, not 10001"),
        ({"retrieve_k": 0}, "retrieve_k must be a whole number from 1 to 10000, not 0"),
        ({"retrieve_k": 1e3}, r"retrieve_k must be a whole number from 1 to 10000, not 1000\.0"),
        ({"retrieve_k": True}, "retrieve_k must be a whole number from 1 to 10000, not True"),
        ({"rerank_k": 201}, "rerank_k must be a whole number from 0 to 200, not 201"),
        ({"rerank_k": "auto"}, "rerank_k must be a whole number from 0 to 200, not 'auto'"),
        ({"queries": -1}, "queries must be a whole number"),
        ({"blend": 1.5}, r"blend must be a number from 0 to 1, not 1\.5"),
        ({"blend": float("nan")}, "blend must be a number from 0 to 1, not nan"),
        ({"blend": None}, "blend must be a number from 0 to 1, not None"),
        ({"blend": 0.7}, r"the stop rule is for blend=0\.5, and blend is 0\.7"),
        ({"stop_rule": {}}, "a stop rule has the fields"),
        ({"stop_rule": [1]}, r"stop_rule must be a JSON object, not \[1\]"),
        ({"stop_rule": RULE.to_dict() | {"spread": 1e200}}, r"spread=1e\+200; it must be a finite number"),
        ({"stop_rule": RULE.to_dict() | {"slope": 10**400}}, "it must be a finite number"),
        ({"calibration": {"method": "platt"}}, "no calibration has the method 'platt'"),
        ({"calibration": []}, "a calibration is an object with a method"),
        ({"measured": {"ndcg": "high"}}, "measured ndcg must be a number"),
        ({"measured": 3}, "measured must be a JSON object, not 3"),
    ],
)
def test_settings_that_cannot_be_used_are_named_with_the_index_and_the_remedy(index, change, message):
    record = FULL.to_dict() | change
    with pytest.raises(ArgumentError, match=message):
        Tuned.from_dict(record)
    if change in ({"blend": 1.5}, {"stop_rule": {}}):
        index.set_settings({SECTION: record})
        with pytest.raises(
            IndexCorrupt, match=rf"keeps search settings that cannot be used: .*{message}.*bicross tune"
        ):
            stored(index)


@pytest.mark.parametrize("record", [None, [], "text", 3])
def test_settings_that_are_no_object(index, record):
    with pytest.raises(ArgumentError, match="the search settings must be a JSON object"):
        Tuned.from_dict(record)
    index.set_settings({SECTION: record})
    if record is None:
        assert stored(index) is None
    else:
        with pytest.raises(IndexCorrupt, match="keeps search settings that cannot be used"):
            stored(index)
