import pytest
from bicross.errors import ArgumentError, DocumentError
from bicross.pipelines import Turn, exchanges_of, fold_dialogue
from bicross.pipelines.answers.replies.dialogue import fitting_models
from helpers.examples import examples
from helpers.fakes import HashEncoder, OverlapReranker, ShortQueryReranker, words
from hypothesis import given, settings
from hypothesis import strategies as st

PHONE = ["my phone is broken", "which part of it?", "the screen"]
TURNS = st.lists(st.sampled_from(["a", "b c", "d e f", "g h i j k l", "m"]), min_size=1, max_size=8)


def test_the_latest_turn_comes_first_and_roles_stand_before_the_text():
    assert fold_dialogue(PHONE) == "the screen\nwhich part of it?\nmy phone is broken"
    messages = [{"role": "user", "content": "my phone is broken"}, Turn(" which part? ", "agent\nAnn"), "the screen"]
    assert fold_dialogue(messages) == "the screen\nagent Ann: which part?\nuser: my phone is broken"
    assert [fold_dialogue(PHONE, turns=turns).count("\n") for turns in (1, 2, 3, 9)] == [0, 1, 2, 2]


def test_a_turn_that_does_not_fit_ends_it():
    fits = ["the screen", "the screen\nwhich part of it?"].__contains__
    assert fold_dialogue(PHONE, fits=fits) == "the screen\nwhich part of it?"
    assert fold_dialogue(PHONE, fits=lambda _: False) == "the screen"


@settings(max_examples=examples(100), deadline=None)
@given(dialogue=TURNS, limit=st.integers(1, 30), encoded=st.integers(1, 30))
def test_the_latest_turns_are_there_as_far_as_the_models_have_room(dialogue, limit, encoded):
    fits = fitting_models(HashEncoder(max_tokens=encoded), ShortQueryReranker(limit))
    folded = fold_dialogue(dialogue, fits=fits)
    room = min(encoded, limit // 2)  # half of the reranker's limit is left to the reply
    lines = folded.split("\n")
    assert lines == dialogue[::-1][: len(lines)]  # whole turns, from the latest on
    if len(lines) > 1:
        assert len(words(folded)) <= room
    if len(lines) < len(dialogue):
        assert len(words(" ".join(dialogue[-len(lines) - 1 :]))) > room
    wider = fitting_models(HashEncoder(max_tokens=encoded + 3), ShortQueryReranker(limit + 3))
    assert fold_dialogue(dialogue, fits=wider).startswith(folded)


def test_models_without_a_limit_take_what_a_search_takes():
    fits = fitting_models(None, None)
    assert fits("x" * 8192)
    assert not fits("x" * 8193)
    assert fitting_models(None, OverlapReranker())("a b " * 1000)


@pytest.mark.parametrize(
    ("dialogue", "message"),
    [
        ([], "dialogue is empty: give at least the turn that is to be replied to"),
        ("hello", r"dialogue must be a list of turns, not one: write \['hello'\]"),
        ({"role": "user", "content": "x"}, "dialogue must be a list of turns, the latest last, not {'role'"),
        (5, r"dialogue must be a list of turns, not 5 \(int\)"),
        (["a", " "], r"turn 1 of the dialogue: the text of a turn is empty \(' '\): leave the turn out"),
        (["a", 5], r"turn 1 of the dialogue must be a text, a Turn, or a chat message with a 'content', not 5 \(int\)"),
        ([{"text": "a"}], "turn 0 of the dialogue must be a text, a Turn, or a chat message with a 'content'"),
        ([{"content": ["a"]}], "turn 0 of the dialogue: the text of a turn must be a str, not"),
        ([{"role": None, "content": "a"}], "turn 0 of the dialogue: the role of a turn must be a str, not None"),
        (["a\0"], "turn 0 of the dialogue: the text of a turn has a NUL character"),
        (["\ud800"], r"turn 0 of the dialogue: the text of a turn has a lone surrogate U\+D800"),
    ],
)
def test_what_is_no_dialogue_is_an_error(dialogue, message):
    with pytest.raises(ArgumentError, match=message):
        fold_dialogue(dialogue)


@pytest.mark.parametrize("turns", [0, 1.5, True, "all"])
def test_turns_is_a_whole_number(turns):
    with pytest.raises(ArgumentError, match="turns must be"):
        fold_dialogue(PHONE, turns=turns)


def test_the_exchanges_of_a_past_dialogue():
    dialogue = [
        Turn("my phone is broken", "user"),
        Turn("which part?", "agent"),
        "the screen",
        Turn("come in", "agent"),
    ]
    first, second, third = exchanges_of(dialogue, id_="t7")
    assert (first.id, first.title, first.text) == ("t7:1", "my phone is broken", "which part?")
    assert (second.id, second.title, second.metadata["role"]) == ("t7:2", "which part?", "")
    assert third.metadata == {"dialogue": "t7", "turn": 3, "role": "agent"}
    by_agent = exchanges_of(dialogue, id_="t7", role="agent", turns=2)
    assert [exchange.title for exchange in by_agent] == ["my phone is broken", "the screen\nwhich part?"]
    assert exchanges_of(["hello"], id_="t8") == []
    with pytest.raises(DocumentError, match="the document has an empty id"):
        exchanges_of(dialogue, id_="")
    with pytest.raises(ArgumentError, match="role must be a str, not 5"):
        exchanges_of(dialogue, id_="t7", role=5)


def test_fits_is_a_function():
    with pytest.raises(ArgumentError, match=r"fits must be a function, not 100 \(int\)"):
        fold_dialogue(PHONE, fits=100)
