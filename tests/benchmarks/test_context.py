"""The benchmark of contexts: what counts as contained, what the chunks are, and that the script runs to its end."""

import json
from argparse import Namespace

import numpy as np
import pytest
from context import Articles, covered, has_answer, shown, words_of
from parts.report_file import header, measured_before, write
from parts.shares import difference, share

ROWS = [
    {"_id": f"p{number}", "title": f"article {number // 3}", "text": f"one two{number} three. four five{number}"}
    for number in range(6)
]


def test_a_part_is_covered_by_one_span_or_by_several_that_touch():
    spans = [("a", 0, 10), ("a", 10, 20), ("a", 25, 30), ("b", 20, 25)]
    for part, expected in [(("a", 3, 17), True), (("a", 0, 20), True), (("a", 19, 26), False), (("b", 19, 21), False)]:
        assert covered(spans, part) is expected
    assert not covered([], ("a", 0, 1))


def test_articles_and_their_chunks_have_the_places_of_their_texts():
    articles = Articles.of(ROWS)
    for row in ROWS:
        title, start = articles.starts[row["_id"]]
        assert articles.texts[title][start:].startswith(row["text"])
    documents, starts = articles.chunks(4)
    assert [len(document.text.split()) for document in documents] == [4, 4, 4, 3] * 2
    for document in documents:
        title, start = starts[document.id]
        assert title == document.title
        assert articles.texts[title][start : start + len(document.text)] == document.text


def test_an_answer_is_there_as_whole_words_in_one_span():
    class Context:
        citations = ()

        def __init__(self, *texts):
            self.citations = [type("Span", (), {"text": text, "id": "p1", "start": 2, "end": 5}) for text in texts]

    assert has_answer(Context("In May 1998, it rained"), ["nothing", "may 1998"])
    assert not has_answer(Context("In May", "1998 it rained"), ["may 1998"])
    assert not has_answer(Context("in 19987"), ["1998", "!"])
    assert words_of("A-b") == " a b "
    assert shown(Context("x"), {"p1": ("article", 100)}) == [("article", 102, 105)]


def test_a_share_has_an_interval_around_it():
    values = np.random.default_rng(1).integers(2, size=200).astype(float).tolist()
    figure = share(values)
    assert figure["mean"] == pytest.approx(np.mean(values))
    assert figure["high"] - figure["low"] == pytest.approx(2 * 1.96 * np.std(values) / np.sqrt(200), rel=0.1)
    assert difference(values, values) == {"mean": 0.0, "low": 0.0, "high": 0.0}


def test_a_collection_is_taken_from_a_report_with_the_same_settings_only(tmp_path):
    path, settings = tmp_path / "out.json", Namespace(device="cpu", queries=80, output=tmp_path)
    head = header(settings, how="so")
    assert measured_before(None, head) == measured_before(path, head) == []
    write(path, head | {"collections": [{"collection": "a"}]})
    assert measured_before(path, head) == [{"collection": "a"}]
    assert measured_before(path, header(Namespace(device="cpu", queries=81), how="so")) == []
    assert measured_before(path, header(settings, how="otherwise")) == []


@pytest.mark.slow
def test_the_script_measures_every_system(small, run_script, tmp_path):
    folder = tmp_path / "data" / "squad-dev"
    (folder / "qrels").mkdir(parents=True)
    texts = {row["_id"]: row for row in ROWS}
    queries = [
        {"_id": f"q{id_}", "text": row["text"], "answers": [{"answer_start": 4, "text": row["text"][4:8]}]}
        for id_, row in texts.items()
    ]
    for name, rows in (("corpus", ROWS), ("queries", queries)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    judged = "".join(f"q{id_}\t{id_}\t1\n" for id_ in texts)
    (folder / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judged}")
    models = ["--encoder", small.encoder, "--reranker", small.reranker, "--threads", 1]
    output = tmp_path / "out.json"
    process = run_script("context.py", tmp_path / "data", *models, "--budgets", "500,40", "--output", output)
    assert process.returncode == 0, process.stderr
    [collection] = json.loads(output.read_text())["collections"]
    assert collection["queries"] == 6
    assert len(collection["systems"]) == 12
    for system in collection["systems"]:
        assert system["tokens"] <= system["budget"]
    [chunks] = [system for system in collection["systems"] if "chunks" in system["system"] and system["budget"] == 500]
    assert chunks["shares"]["in its own paragraph"]["mean"] == 1.0  # both articles fit
    assert f"difference in {collection['measures'][0]}" in process.stdout
