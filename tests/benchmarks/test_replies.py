"""The benchmark of replies: how its dialogues and candidates are made, and that the script runs to its end."""

import json
import random

import pytest
from replies import CANDIDATES, beginning, case_of, questions_about_a_paragraph, questions_about_an_illness

OTHERS = [f"sentence number {number}." for number in range(12)]


def write(folder, corpus, queries, judged):
    (folder / "qrels").mkdir(parents=True)
    for name, rows in (("corpus", corpus), ("queries", queries)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    lines = "".join(f"{query}\t{document}\t1\n" for query, document in judged)
    (folder / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{lines}")


@pytest.fixture
def data(tmp_path):
    text = " ".join(f"The first{number} word. The second{number} word." for number in range(6))
    corpus = [{"_id": "p", "title": "cats", "text": text}]
    starts = [text.index(word) for word in ("first0", "second3", "first5")]
    queries = [
        {"_id": f"q{number}", "text": f"what is {number}?", "answers": [{"answer_start": start, "text": "x"}]}
        for number, start in enumerate(starts)
    ]
    write(tmp_path / "squad-dev", corpus, queries, [(f"q{number}", "p") for number in range(3)])
    corpus, queries = [], []
    for number in range(11):
        for kind in ("information", "treatment"):
            id_ = f"{kind}{number}"
            corpus.append({"_id": id_, "title": f"Pain {number}x", "text": f"{kind} {number}. More {number}."})
            text = f"What is the {kind} of Pain {number}x ?"
            queries.append({"_id": f"q{id_}", "text": text, "metadata": {"qtype": kind}})
    write(tmp_path / "medquad-qa", corpus, queries, [(f"q{row['_id']}", row["_id"]) for row in corpus])
    return tmp_path


def test_candidates_are_distinct_and_no_reply_was_said_before():
    case = case_of(["q"], "right", [*OTHERS, *OTHERS, "right", "q"], random.Random(0))
    assert len(set(case.candidates)) == CANDIDATES
    assert case.candidates[case.right] == "right"
    assert "q" not in case.candidates
    assert case_of(["q", "right"], "right", OTHERS, random.Random(0)) is None
    assert case_of(["q"], "right", OTHERS[:8], random.Random(0)) is None


def test_the_beginning_of_an_answer_ends_after_a_sentence():
    assert beginning("One. Two.") == "One. Two."
    assert beginning("One. " + "x" * 500 + ".") == "One."
    assert beginning("x" * 500) == "x" * 400


def test_dialogues_about_a_paragraph(data):
    [case] = questions_about_a_paragraph(data / "squad-dev", random.Random(0))
    assert case.dialogue == ["what is 0?", "The first0 word.", "what is 1?", "The second3 word.", "what is 2?"]
    assert case.candidates[case.right] == "The first5 word."
    assert not set(case.dialogue) & set(case.candidates)


def test_dialogues_about_an_illness_name_it_once(data):
    cases = questions_about_an_illness(data / "medquad-qa", random.Random(0))
    assert len(cases) == 11
    assert list(cases[3].dialogue) == [
        "What is the information of Pain 3x ?",
        "information 3.",
        "What is the treatment of it ?",
    ]
    assert cases[3].candidates[cases[3].right] == "treatment 3. More 3."
    assert all(text.startswith("treatment") for text in cases[3].candidates)


@pytest.mark.slow
def test_the_script_measures_with_and_without_earlier_turns(data, small, run_script, tmp_path):
    models = ["--encoder", small.encoder, "--reranker", small.reranker, "--threads", 1]
    output = tmp_path / "out.json"
    process = run_script("replies.py", data, *models, "--dialogues", 2, "--output", output)
    assert process.returncode == 0, process.stderr
    tasks = json.loads(output.read_text())["tasks"]
    assert [(task["collection"], task["dialogues"]) for task in tasks] == [("squad-dev", 1), ("medquad-qa", 2)]
    assert [(row["gain"] is None) for row in tasks[0]["rows"]] == [True, False] * 3
