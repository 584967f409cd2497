"""The benchmark of answers: its measures, the passages without an answer, and that the script runs to its end."""

import json

import numpy as np
import pytest
from answers import ANOTHER, CUT, SAME, gold, unanswerable
from bicross.rerank.readers import Span
from helpers.tiny_readers import CapitalReader, save_reader
from hypothesis import given
from hypothesis import strategies as st
from parts.answers.measures import auroc, exact_match, f1
from parts.answers.questions import (
    LEAST_WORDS,
    Question,
    read_paragraphs,
    read_questions,
    without_answers,
    wrong_passage,
)
from parts.answers.reading import RememberedReader
from parts.tables.answers import gold_table, unanswerable_table

FILLER = "these are many words about nothing in particular that fill a whole long sentence of a paragraph and never end"
ARTICLES, EACH = 10, 3


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Ten articles of three paragraphs, each with a question; the name that answers stands in the middle sentence."""
    folder = tmp_path_factory.mktemp("answers") / "squad-dev"
    (folder / "qrels").mkdir(parents=True)
    corpus, queries, judged = [], [], []
    for number in range(ARTICLES * EACH):
        name = f"Name{chr(97 + number)}"
        text = f"{number} {FILLER}. the cat is called {name}. {FILLER} {number}."
        corpus.append({"_id": f"p{number}", "title": f"article {number // EACH}", "text": text})
        answers = [{"answer_start": text.index(name), "text": name}]
        queries.append({"_id": f"q{number}", "text": f"what is cat {number} called?", "answers": answers})
        judged.append(f"q{number}\tp{number}\t1\n")
    for file, rows in (("corpus", corpus), ("queries", queries)):
        (folder / f"{file}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(judged))
    return folder.parent


@pytest.mark.parametrize(
    ("answer", "right", "exact", "share"),
    [
        ("The Normans!", ["normans"], 1, 1),
        ("10th century", ["in the 10th century", "9th"], 0, 0.8),
        ("a", ["the"], 1, 1),
        ("", ["x"], 0, 0),
        ("x x y", ["x y y"], 0, 2 / 3),
    ],
)
def test_exact_match_and_f1_of_known_answers(answer: str, right: list[str], exact: float, share: float):
    assert exact_match(answer, right) == exact
    assert f1(answer, right) == pytest.approx(share)


@given(st.lists(st.integers(0, 5), min_size=1), st.lists(st.integers(0, 5), min_size=1))
def test_auroc_counts_the_pairs_in_the_right_order(right: list[int], wrong: list[int]):
    won = sum((score > other) + (score == other) / 2 for score in right for other in wrong)
    assert auroc(np.array(right, float), np.array(wrong, float)) == pytest.approx(won / len(right) / len(wrong))


def test_the_questions_are_those_about_the_last_eight_articles(data):
    questions = read_questions(data, read_paragraphs(data))
    assert {question.title for question in questions} == {f"article {number}" for number in range(2, ARTICLES)}
    assert len(questions) == 8 * EACH
    assert all(text.startswith("Name") for question in questions for text in question.texts)
    assert questions == read_questions(data, read_paragraphs(data))


def test_a_paragraph_without_its_answers_has_no_sentence_with_one():
    text = f"{FILLER}. They live in Rome. rome is old. {FILLER}."
    start = text.index("Rome")
    question = Question("where?", "t", "p", text, ((start, start + 4),))
    assert without_answers(question) == f"{FILLER}. {FILLER}."
    short = "They live in Rome. It is old."
    assert len(short.split()) < LEAST_WORDS
    assert without_answers(Question("where?", "t", "p", short, ((13, 17),))) is None


def test_a_wrong_passage_has_no_answer_by_chance():
    question = Question("where?", "t", "p", "in Rome", ((3, 7),))
    assert wrong_passage(question, ["ROME again", "Paris", "in Rome"], "0") == "Paris"
    assert wrong_passage(question, ["ROME again"], "0") is None
    texts = [f"text {number}" for number in range(50)]
    assert wrong_passage(question, texts, "1") == wrong_passage(question, texts, "1")
    assert len({wrong_passage(question, texts, str(seed)) for seed in range(9)}) > 1


def test_a_passage_is_read_once():
    fake = CapitalReader()
    reader = RememberedReader(fake)
    pairs = [("q", "Some text"), ("q", "no name"), ("q", "Some text")]
    assert reader.read(pairs) == [[Span("Some", 0, 4, 0.0)], [], [Span("Some", 0, 4, 0.0)]]
    assert reader.best(pairs, "again")[1].score == -np.inf
    assert [len(call) for call in fake.calls if call] == [2]
    assert reader.read_for == {"q": {"Some text", "no name"}}


def test_the_reader_with_and_without_an_answer(data):
    paragraphs = read_paragraphs(data)
    questions = read_questions(data, paragraphs)
    reader = RememberedReader(CapitalReader())
    report = gold(reader, questions)
    for measure in ("exact_match", "f1", "kept", "exact_match_of_kept"):
        assert report[measure] == {"mean": 1.0, "low": 1.0, "high": 1.0}
    assert "| exact match | 1.000 (1.000 to 1.000) | 0.55: met |" in gold_table(report)
    rows = {row["passage"]: row for row in unanswerable(reader, questions, paragraphs)}
    assert list(rows) == [ANOTHER, SAME, CUT]
    for kind, row in rows.items():
        assert row["questions"] == len(questions)
        # the fake does not look at the question: only without names it finds nothing
        assert row["auroc"] == (1.0 if kind == CUT else 0.5)
        assert row["rejected"]["mean"] == float(kind == CUT)
        assert row["accuracy"]["mean"] == (1.0 if kind == CUT else 0.5)
    assert unanswerable_table(list(rows.values())).count("\n") == 4


@pytest.mark.slow
def test_the_script_measures_every_part(data, small, run_script, tmp_path):
    models = ["--encoder", small.encoder, "--reranker", small.reranker, "--reader", save_reader(tmp_path / "reader")]
    output = tmp_path / "out.json"
    sizes = ["--gold", 4, "--unanswerable", 3, "--open", 3]
    process = run_script("answers.py", data, *models, *sizes, "--scratch", tmp_path / "kept", "--output", output)
    assert process.returncode == 0, process.stderr
    report = json.loads(output.read_text())
    assert report["paragraphs"] == ARTICLES * EACH
    assert report["gold"]["questions"] == 4
    assert [row["questions"] for row in report["unanswerable"]] == [3, 3, 3]
    for row in report["open"]["systems"]:
        assert row["exact_match"]["mean"] <= row["exact_match_of_5"]["mean"]
        assert row["f1"]["mean"] <= row["f1_of_5"]["mean"]
    assert 0 <= report["open"]["absent"]["auroc"] <= 1
    assert (tmp_path / "kept" / "others" / "MANIFEST").exists()
