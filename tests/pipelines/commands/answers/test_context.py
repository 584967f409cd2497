import io
import json

import pytest
from bicross.index import Document
from bicross.pipelines import build_index
from bicross.rerank import DEFAULT_RERANKER
from helpers.commands import replace_models, run
from helpers.fakes import HashEncoder, words

ENCODER = HashEncoder()
TEXTS = {
    "cat": "The cat sleeps all day. The cat hunts mice at night.",
    "owl": "An owl hunts mice at night. \x1b[31mOwls see well.",
    "owl, copied": "An owl hunts mice at night. \x1b[31mOwls see well.",
    "bee": "Bees make honey.",
}


@pytest.fixture(autouse=True)
def no_real_models(monkeypatch):
    replace_models(monkeypatch, ENCODER)


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    documents = [Document(id_, text, metadata={"legs": len(id_)}) for id_, text in TEXTS.items()]
    path = tmp_path_factory.mktemp("context") / "index"
    build_index(documents, path, encoder=ENCODER, reranker=None)
    return path


QUESTION = "who hunts mice at night"


def test_the_text_is_on_standard_output_and_what_it_takes_on_standard_error(index, capsys):
    code, out, err = run(capsys, "context", index, QUESTION, "--tokens", 30, "--order", "relevance")
    assert code == 0
    [first, second] = out.removesuffix("\n").split("\n\n")
    assert first == f"[1] owl (characters 0-{len(TEXTS['owl'])})\n{TEXTS['owl']}"
    assert second.startswith("[2] cat (characters 0-")
    assert len(words(out)) <= 30
    summary, settings = err.splitlines()
    assert (
        summary == f"bicross: 2 passages, {len(words(out))} of 30 tokens, 1 near-duplicate left out, 1 more did not fit"
    )
    assert settings.startswith("Settings: first stage hybrid (default), ")
    assert ", 50 retrieved (default of this task), 50 reranked (default), " in settings


def test_as_json_and_as_messages(index, capsys):
    for arguments in (["--json"], ["--format", "json"]):
        code, out, err = run(capsys, "context", index, QUESTION, "--characters", 100, *arguments)
        record = json.loads(out)
        assert (code, err, record["unit"], record["budget"]) == (0, "", "characters", 100)
        assert record["size"] == len(record["text"]) <= 100
        assert [citation["number"] for citation in record["citations"]] == [1]
    code, out, err = run(capsys, "context", index, QUESTION, "--top-k", 1, "--format", "messages")
    system, user = json.loads(out)
    assert (code, system["role"], user["role"]) == (0, "system", "user")
    assert err.startswith("Settings: ")
    assert user["content"].endswith(f"\n\nQuestion: {QUESTION}")


def test_a_terminal_gets_no_control_characters(index, capsys, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    assert run(capsys, "context", index, QUESTION)[0] == 0
    assert "\x1b" not in terminal.getvalue()
    assert "Owls see well." in terminal.getvalue()


def test_other_options_reach_the_search(index, capsys):
    _, out, _ = run(capsys, "context", index, QUESTION, "--where", "legs == 3", "--no-rerank", "--json")
    assert {citation["id"] for citation in json.loads(out)["citations"]} == {"cat", "owl", "bee"}
    _, out, err = run(capsys, "context", index, QUESTION, "--min-relevance", 1)
    assert (out, err.splitlines()[0]) == ("", "bicross: no passage was found")
    _, out, err = run(capsys, "context", index, QUESTION, "--tokens", 12, "--oversized", "cut")
    assert out == "[1] owl (characters 0-27)\nAn owl hunts mice at night.\n"
    assert ", 11 of 12 tokens, 3 more did not fit, the passage was cut after a sentence\n" in err
    _, out, _ = run(capsys, "context", index, QUESTION, "--tokens", 40, "--tokenizer", DEFAULT_RERANKER, "--json")
    assert json.loads(out)["size"] <= 40


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ["--tokens", 4],
            2,
            "4 tokens is smaller than the best passage, of document 'owl', which takes 14",
        ),
        (["--tokens", 4], 2, "give a larger budget, or set --oversized 'cut'"),
        (["--tokens", 4, "--oversized", "cut"], 2, "smaller than the first sentence of the best passage"),
        (["--tokens", 0], 2, "--tokens"),
        (["--tokens", 4, "--characters", 4], 2, "give --tokens or --characters, not both"),
        (["--characters", 4, "--tokenizer", "x"], 2, "--tokenizer counts tokens, and --characters counts none"),
        (["--json", "--format", "messages"], 2, "--json is --format json; leave out --format messages"),
        (["--near-duplicates", 2], 2, "--near-duplicates must be a number from 0 to 1"),
        (["--min-relevance", 2], 2, "--min-relevance must be a number from 0 to 1"),
        (["--tokenizer", "./nowhere"], 1, "there is no tokenizer.json at './nowhere'"),
    ],
)
def test_what_goes_wrong_is_said_in_one_line(index, capsys, arguments, code, message):
    got, out, err = run(capsys, "context", index, QUESTION, *arguments)
    assert (got, out) == (code, "")
    assert message in err
