import json

import pytest
from bicross.pipelines import build_index, exchanges_of
from helpers.commands import replace_models, run
from helpers.fakes import HashEncoder

ENCODER = HashEncoder(256)
PAST = {
    "phone": ["my phone got wet", "put the phone into rice"],
    "hours": ["when do you open", "at nine"],
    "again": ["when do you open on sunday", "at nine"],
}


@pytest.fixture(autouse=True)
def no_real_models(monkeypatch):
    replace_models(monkeypatch, ENCODER)


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    path = tmp_path_factory.mktemp("reply") / "index"
    exchanges = [exchange for id_, turns in PAST.items() for exchange in exchanges_of(turns, id_=id_)]
    build_index(exchanges, path, encoder=ENCODER, reranker=None)
    return path


def test_replies_stand_with_what_they_replied_to(index, capsys):
    code, out, err = run(capsys, "reply", index, "hello", "my phone is wet")
    assert code == 0
    assert ", 50 retrieved (default of this task), 50 reranked (default), " in err
    first, second, *others = out.splitlines()
    assert first.startswith("1. (") and first.endswith(") put the phone into rice")
    assert second.startswith("   my phone got wet (phone")
    assert len(others) == 2  # of equal replies one
    code, out, _ = run(capsys, "reply", index, "my phone is wet", "--top-k", "1", "--turns", "1", "--json")
    [reply] = map(json.loads, out.splitlines())
    assert (code, reply["text"], reply["rank"]) == (0, "put the phone into rice", 1)


def test_without_a_reply_it_says_so(index, capsys):
    code, out, err = run(capsys, "reply", index, "hello", "--where", "turn > 99")
    assert (code, out) == (0, "")
    assert "No reply: the index has no exchange that matches." in err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["reply", "{}", "hello", " "], 2, "turn"),
        (["reply", "{}"], 2, "TURN"),
        (["reply", "nowhere", "hello"], 1, "nowhere"),
        (["reply", "{}", "hello", "--top-k", "0"], 2, "--top-k must be at least 1, not 0"),
        (["reply", "{}", "hello", "--turns", "0"], 2, "--turns must be at least 1, not 0"),
        (["reply", "{}", "hello", "--where", "turn >"], 2, "turn >"),
        (["reply", "{}", "hello", "--first-stage", "psychic"], 2, "psychic"),
    ],
)
def test_what_goes_wrong_is_said_in_one_line(index, capsys, arguments, code, message):
    got, out, err = run(capsys, *[argument.format(index) for argument in arguments])
    assert (got, out) == (code, "")
    assert message in err
