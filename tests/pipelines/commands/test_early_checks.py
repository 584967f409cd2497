"""Mistakes are found before a model is loaded: no library of models is imported then."""

import json
import subprocess
import sys

import pytest
from bicross.index import Document
from bicross.pipelines import build_index
from helpers.fakes import HashEncoder

MODEL_LIBRARIES = {"torch", "transformers", "sentence_transformers"}


MISTAKES = {
    "index rows.jsonl -o index": "already holds an index; choose another path, or replace it with --overwrite",
    "index rows.csv -o new": "has no column 'text'",
    "index rows.jsonl rows.csv -o new": "has no column 'text', only id, content: name those to read with --id-column",
    "index rows.jsonl semicolons.csv -o new": "only id, content, price: name those to read with --id-column, "
    "--title-column and --text-column. Its",
    "index rows.jsonl other.jsonl -o new": "other.jsonl has no row with 'text', only content",
    "index broken.jsonl -o new": "not JSON",
    "index missing.jsonl -o new": "missing.jsonl",
    "index rows.jsonl -o new --overlap -1": "overlap",
    "add index rows.csv": "has no column 'text'",
    "add nowhere rows.jsonl": "nowhere does not exist",
    "search index query --where year>": "year>",
    "search index query --where months>3": "'months'",
    "search index --file missing.txt": "--file names missing.txt, and there is no such file",
    "search index query --deadline-ms -1": "--deadline-ms must be",
    "search index query --cascade x": "LAYER:CANDIDATES",
    "search index query --rerank-k many": "--rerank-k takes",
    "search index query --first-stage lexical": "keeps none",
    "index rows.jsonl -o new --types year=integer": "is for CSV and TSV files",
    "evaluate index missing": "missing",
    "index rows.jsonl -o rows.csv/new": "rows.csv is a file; name another folder",
    "index rows.jsonl -o new --skip-errors --errors nowhere/list": "cannot be written to nowhere/list",
    "demo -o rows.csv/new": "rows.csv is a file; name another folder",
    "evaluate index missing --save-run nowhere/run": "cannot write a run to nowhere/run",
    "evaluate odd judged --save-run run": "the document id 'a b' is empty or has white space",
    "evaluate odd judged --save-first-stage-run run": "the document id 'a b' is empty or has white space",
    "evaluate index spaced --save-run run": "the query id 'q 1' is empty or has white space",
    "evaluate index spaced --save-first-stage-run run": "the query id 'q 1' is empty or has white space",
    "tune index missing --scores nowhere/scores": "cannot write scores to nowhere/scores",
    "tune index missing --scores rows.csv/scores": "cannot write scores to rows.csv/scores",
    "retokenize nowhere": "nowhere does not exist",
}
"""What each command line says."""

PROGRAM = """
import contextlib, io, json, sys
from bicross.pipelines.commands.app import main
before = set()
for line in json.load(sys.stdin):
    with contextlib.redirect_stderr(io.StringIO()) as said:
        code = main(line.split())
    print(json.dumps([code, said.getvalue(), sorted(sys.modules.keys() - before)]))
    before |= sys.modules.keys()
"""
"""Runs command lines one after the other, and prints of each its exit code, what it said and what it imported."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("early")
    without = {"encoder": HashEncoder(), "reranker": None, "lexical": False}
    build_index([Document("a", "a text", "", {"year": 1})], path / "index", **without)
    build_index([Document("a b", "a text")], path / "odd", **without)
    (path / "rows.jsonl").write_text(json.dumps({"id": "b", "text": "another"}) + "\n")
    (path / "rows.csv").write_text("id,content\n1,a text\n")
    (path / "semicolons.csv").write_text("id;content;price\n1;a text;3,50\n")
    (path / "other.jsonl").write_text('{"content": "a text"}\n')
    (path / "spaced" / "qrels").mkdir(parents=True)
    (path / "spaced" / "queries.jsonl").write_text('{"_id": "q 1", "text": "a query"}\n')
    (path / "spaced" / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq 1\ta\t1\n")
    (path / "judged" / "qrels").mkdir(parents=True)
    (path / "judged" / "queries.jsonl").write_text('{"_id": "q", "text": "a query"}\n')
    (path / "judged" / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq\ta\t1\n")
    (path / "broken.jsonl").write_text("{\n")
    return path


@pytest.fixture(scope="module")
def outcomes(folder):
    """Of all command lines, in one process: to start one takes two seconds."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], input=json.dumps([*MISTAKES]), capture_output=True, text=True, cwd=folder
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return dict(zip(MISTAKES, lines, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize(("command", "message"), MISTAKES.items())
def test_a_mistake_is_said_before_any_model_library_is_imported(folder, outcomes, command, message):
    code, stderr, imported = outcomes[command]
    assert code in (1, 2)
    assert message in stderr
    assert not MODEL_LIBRARIES & set(imported)
    assert not (folder / "new").exists()
