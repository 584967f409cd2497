import numpy as np
import pytest
from bicross.errors import ArgumentError
from bicross.pipelines import rank_replies
from helpers.examples import examples
from helpers.fakes import HashEncoder, OverlapReranker, ShortQueryReranker
from hypothesis import given, settings
from hypothesis import strategies as st

ENCODER = HashEncoder()
PHONE = ["my phone is broken", "which part of it?", "the screen"]
CANDIDATES = ["we open at nine", "the screen of a phone takes an hour", "the screen of a laptop takes an hour"]


def ranked(dialogue, candidates, **values):
    return rank_replies(dialogue, candidates, **{"encoder": ENCODER, "reranker": OverlapReranker()} | values)


def test_earlier_turns_tell_which_reply_is_meant():
    assert [reply.index for reply in ranked(PHONE, CANDIDATES)] == [1, 2, 0]
    about_laptops = ["my laptop is broken", *PHONE[1:]]
    assert [reply.index for reply in ranked(about_laptops, CANDIDATES)] == [2, 1, 0]
    alone = ranked(PHONE, CANDIDATES, encoder=None, turns=1)
    assert alone == ranked(about_laptops, CANDIDATES, encoder=None, turns=1)
    assert [reply.index for reply in alone] == [1, 2, 0]  # equal scores keep the order
    assert alone[0].score == alone[1].score


def test_each_stage_alone():
    query, texts = "the screen of the phone", [*CANDIDATES, *CANDIDATES[:1]]
    cosines = (ENCODER.encode_documents(texts) @ ENCODER.encode_queries([query])[0]).tolist()
    by_vectors = ranked([query], texts, reranker=None)
    assert [reply.index for reply in by_vectors] == np.argsort(-np.array(cosines), kind="stable").tolist()
    np.testing.assert_allclose([reply.score for reply in by_vectors], sorted(cosines, reverse=True), atol=1e-6)
    by_pairs = ranked([query], texts, encoder=None)
    assert [reply.score for reply in by_pairs] == pytest.approx(
        sorted((OverlapReranker.logit(query, text) for text in texts), reverse=True)
    )
    assert all(reply.text == texts[reply.index] for reply in by_vectors + by_pairs)


@settings(max_examples=examples(60), deadline=None)
@given(
    dialogue=st.lists(st.sampled_from(["a b", "c", "d e f"]), min_size=1, max_size=4),
    candidates=st.lists(st.sampled_from(["a", "b c", "d e", "f a c", "g"]), min_size=1, max_size=8),
    top_k=st.none() | st.integers(1, 9),
)
def test_every_candidate_is_ranked_once_best_first(dialogue, candidates, top_k):
    everything = ranked(dialogue, candidates)
    assert sorted(reply.index for reply in everything) == list(range(len(candidates)))
    scores = [reply.score for reply in everything]
    assert scores == sorted(scores, reverse=True)
    relevance = [reply.relevance for reply in everything]
    assert relevance == sorted(relevance, reverse=True)
    assert ranked(dialogue, candidates, top_k=top_k) == everything[:top_k]


def test_a_latest_turn_that_is_too_long_is_cut_when_no_other_is_left():
    reranker = ShortQueryReranker(4)
    long = "the screen of the phone is broken"
    assert ranked(["hello", long], CANDIDATES, reranker=reranker) == ranked([long], CANDIDATES, reranker=reranker)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"candidates": []}, "candidates is empty: give the replies that are to be ranked"),
        ({"candidates": ["a", " "]}, r"candidate 1 is empty \(' '\): leave it out"),
        ({"candidates": "abc"}, "candidates must be a list of texts, not one"),
        ({"candidates": {"a", "b"}}, "candidates must be a list of texts, not {'"),
        ({"candidates": ["a", 5]}, r"candidates must be texts, and number 1 is 5 \(int\)"),
        ({"dialogue": []}, "dialogue is empty"),
        ({"top_k": 0}, "top_k must be at least 1, not 0"),
        ({"turns": 0}, "turns must be at least 1, not 0"),
        ({"encoder": None, "reranker": None}, "encoder and reranker are both None"),
        ({"encoder": 5}, r"encoder must be a model or the name of one, not 5 \(int\)"),
        ({"reranker": 5}, "reranker must be a model, the name of one, or None"),
    ],
)
def test_what_cannot_be_ranked_is_an_error(values, message):
    with pytest.raises(ArgumentError, match=message):
        ranked(**{"dialogue": PHONE, "candidates": CANDIDATES} | values)
