import io
import json

import pytest
from bicross.index import Document
from bicross.pipelines import build_index
from bicross.pipelines.commands.answers.answer import in_sentence
from helpers.commands import replace_models, run
from helpers.fakes import HashEncoder
from helpers.tiny_readers import CapitalReader

ENCODER = HashEncoder()
DOCUMENTS = [
    Document("emma", "it is long. this novel is by Austen.\nit was printed.", "Emma", {"year": 1815}),
    Document("pride", "this novel is by AUSTEN \x1b[31m too.", "", {"year": 1813}),
    Document("bread", "bread is baked of flour and water.", "Bread", {"year": 1900}),
]


@pytest.fixture(autouse=True)
def no_real_models(monkeypatch):
    replace_models(monkeypatch, ENCODER)
    monkeypatch.setattr(
        "bicross.pipelines.answers.answer_pipeline.ExtractiveReader", lambda name, device, dtype: CapitalReader()
    )


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    path = tmp_path_factory.mktemp("answer") / "index"
    build_index(DOCUMENTS, path, encoder=ENCODER, reranker=None, lexical=True)
    return path


def test_an_answer_is_shown_in_its_sentence_with_its_sources(index, capsys):
    code, out, err = run(capsys, "answer", index, "who is the novel by?")
    assert (code, ", 100 retrieved (default), 100 reranked (default), " in err) == (0, True)
    question, sentence, sources = out.splitlines()
    assert question == "who is the novel by?"
    assert sentence.startswith("1. (0.88) this novel is by A")
    assert sorted(sources.strip().split("; ")) == ["Emma (emma)", "pride"]


def test_without_an_answer_it_says_so(index, capsys):
    code, out, _ = run(capsys, "answer", index, "what is bread made of?", "--where", "year == 1900")
    assert (code, out.splitlines()[1]) == (0, "No answer: the reader is sure of none.")
    code, out, _ = run(capsys, "answer", index, "who is the novel by?", "--where", "year == 1")
    assert (code, out.splitlines()[1]) == (0, "No answer: there are no documents to read.")


def test_as_json_one_line_a_question(index, capsys):
    questions = ["who is the novel by?", "what is bread made of?", "who is the novel by?"]
    code, out, err = run(capsys, "answer", index, *questions, "--json", "--read-k", 2, "--no-rerank")
    records = [json.loads(line) for line in out.splitlines()]
    assert (code, err, [record["question"] for record in records]) == (0, "", questions)
    assert records[0] == records[2]
    assert records[0]["settings"]["rerank_k"]["value"] == 0
    [answer] = records[0]["answers"]
    texts = {document.id: document.text for document in DOCUMENTS}
    for source in answer["sources"]:
        assert texts[source["document"]["id"]][source["start"] : source["end"]] == source["text"]


def test_a_terminal_shows_the_answer_highlighted_and_no_control_characters(index, capsys, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert run(capsys, "answer", index, "who is the novel by?", "--where", "year == 1813")[0] == 0
    assert "\x1b[1;7mAUSTEN\x1b[0m" in terminal.getvalue()
    assert "\x1b[31m" not in terminal.getvalue()


@pytest.mark.parametrize(
    ("text", "answer", "before", "after"),
    [
        ("One. Two is Here now. Three.", "Here", "Two is ", " now."),
        ("Here", "Here", "", ""),
        ("首先。這裡 Here 好。然後", "Here", "這裡 ", " 好。"),
        ("a 3.5 kg stone is Here", "Here", "a 3.5 kg stone is ", ""),
        ("x" * 300 + " Here " + "y" * 300, "Here", "... " + "x" * 199 + " ", " " + "y" * 199 + " ..."),
    ],
)
def test_the_sentence_of_an_answer(text, answer, before, after):
    start = text.index(answer)
    assert in_sentence(text, start, start + len(answer)) == (before, after)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([" "], 2, "query 0 is blank; give it words to search for"),
        (["who?", "--top-k", 0], 2, "--top-k must be"),
        (["who?", "--read-k", 200], 2, "--read-k 200 is larger than --retrieve-k 100"),
        (["who?", "--min-confidence", 2], 2, "--min-confidence must be a number from 0 to 1"),
        (["who?", "--where", "year >"], 2, "year >"),
    ],
)
def test_what_goes_wrong_is_said_in_one_line(index, capsys, arguments, code, message):
    got, out, err = run(capsys, "answer", index, *arguments)
    assert (got, out) == (code, "")
    assert message in err
