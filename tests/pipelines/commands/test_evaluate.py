import json
import subprocess
import sys

import pytest
from bicross.pipelines import build_index, read_run
from helpers import commands
from helpers.fakes import HashEncoder
from helpers.random_judgments import DOCUMENTS, QRELS, QUERIES

ENCODER = HashEncoder()


@pytest.fixture(autouse=True)
def no_real_models(monkeypatch):
    commands.replace_models(monkeypatch, ENCODER)


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    folder = tmp_path_factory.mktemp("words")
    (folder / "qrels").mkdir()
    lines = [json.dumps({"_id": id_, "text": text}) for id_, text in QUERIES.items()]
    (folder / "queries.jsonl").write_text("\n".join(lines) + "\n")
    rows = [(query, document, grade) for query, grades in QRELS.items() for document, grade in grades.items()]
    (folder / "qrels" / "test.tsv").write_text(
        "query-id\tcorpus-id\tscore\n" + "".join(f"{q}\t{d}\t{g}\n" for q, d, g in rows)
    )
    (folder / "test.qrels").write_text("".join(f"{q} 0 {d} {g}\n" for q, d, g in rows))
    (folder / "topics.tsv").write_text("".join(f"{id_}\t{text}\n" for id_, text in QUERIES.items()))
    build_index(DOCUMENTS, folder / "index", encoder=ENCODER)
    return folder


def run(capsys, *arguments):
    return commands.run(capsys, "evaluate", *arguments)


def means(system):
    return {name: mean["mean"] for name, mean in system["means"].items()}


def ir_measures(qrels, saved, measures):
    command = [sys.executable, "-m", "ir_measures", "--places", "12", str(qrels), str(saved), " ".join(measures)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return {name: float(value) for name, value in (line.split("\t") for line in done.stdout.splitlines())}


@pytest.mark.skipif(
    sys.version_info >= (3, 14), reason="its command reads names by parts of ast that Python 3.14 lacks"
)
def test_the_command_of_ir_measures_gives_the_same_numbers_for_saved_runs(collection, tmp_path, capsys):
    final, first_stage = tmp_path / "final.txt", tmp_path / "one.txt"
    code, out, err = run(
        capsys, collection / "index", collection, "--json", "--save-run", final, "--save-first-stage-run", first_stage
    )
    assert (code, err) == (0, "")
    report = json.loads(out)
    assert [system["name"] for system in report["systems"]] == ["first stage", "reranked"]
    for system, saved in zip(report["systems"], (first_stage, final), strict=True):
        assert means(system) == pytest.approx(
            ir_measures(collection / "test.qrels", saved, report["measures"]), abs=1e-9
        )
    _, out, _ = run(capsys, "--run", first_stage, "--run", final, "--qrels", collection / "test.qrels", "--json")
    alone = json.loads(out)
    assert [means(system) for system in alone["systems"]] == [means(system) for system in report["systems"]]
    assert [system["name"] for system in alone["systems"]] == ["one.txt", "final.txt"]


def test_the_table_shows_both_stages_and_what_changed(collection, capsys):
    code, out, err = run(capsys, collection / "index", collection, "--measure", "nDCG@10", "--measure", "MRR@10")
    assert (code, err) == (0, "")
    for words in ("first stage", "reranked", "difference", "won/tied/lost", "RR@10"):
        assert words in out
    assert "Most improved in nDCG@10 by reranked" in out
    assert "Most hurt in nDCG@10 by reranked" in out
    assert "16 queries have judgments and are measured; 4 have none." in out
    assert max(map(len, out.splitlines())) <= 80


def test_topics_and_qrels_in_place_of_a_folder(collection, capsys):
    _, expected, _ = run(capsys, collection / "index", collection, "--json")
    files = ["--topics", collection / "topics.tsv", "--qrels", collection / "test.qrels"]
    code, out, _ = run(capsys, collection / "index", *files, "--json")
    assert code == 0
    assert json.loads(out)["systems"] == json.loads(expected)["systems"]


def test_settings_reach_the_pipeline(collection, tmp_path, capsys):
    saved = tmp_path / "run.txt"
    code, out, _ = run(
        capsys, collection / "index", collection, "--json", "--no-rerank", "--retrieve-k", 5, "--queries", 3,
        "--save-run", saved,
    )  # fmt: skip
    assert code == 0
    report = json.loads(out)
    assert [system["name"] for system in report["systems"]] == ["first stage"]
    assert (report["counts"]["judged"], report["counts"]["retrieve_k"]) == (3, 5)
    assert {id_: len(results) for id_, results in read_run(saved).items()} == dict.fromkeys([*QRELS][:3], 5)


def test_another_run_is_a_further_comparison(collection, tmp_path, capsys):
    saved = tmp_path / "run.txt"
    assert run(capsys, collection / "index", collection, "--no-rerank", "--save-run", saved)[0] == 0
    _, out, _ = run(capsys, collection / "index", collection, "--run", saved, "--json")
    stage_one, other = json.loads(out)["comparisons"]
    assert other["baseline"] == "run.txt"
    assert other["differences"] == stage_one["differences"], "it is the same order, from a file"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["{index}", "{words}", "--split", "dev"], 1, "has no split 'dev'; it has test"),
        (["{index}", "{words}", "--measure", "nDGC"], 2, "no measure 'nDGC'"),
        (["{index}"], 2, "name a BEIR folder, or topics and qrels"),
        ([], 2, "name an index, or --run and --qrels to measure a run alone"),
        (
            ["--run", "{bad}", "--qrels", "{words}/test.qrels"],
            1,
            "bad.txt, line 1: the score 'nan' is not a finite number",
        ),
        (
            ["--run", "{good}", "--qrels", "{words}/test.qrels", "--save-run", "x"],
            2,
            "--save-run needs an index",
        ),
        (["{index}", "{words}", "--save-run", "{words}"], 2, "it is a folder; name a file"),
        (["{index}", "{words}", "--save-run", "{words}/no/run.txt"], 2, "there is no folder "),
        (["{words}/none", "{words}"], 1, "does not exist; build one with"),
    ],
)
def test_a_wrong_use_is_named_and_writes_nothing(collection, tmp_path, capsys, arguments, code, message):
    (tmp_path / "bad.txt").write_text("q1 Q0 d1 1 nan x\n")
    (tmp_path / "good.txt").write_text("q1 Q0 d1 1 1 x\n")
    names = {name: tmp_path / f"{name}.txt" for name in ("bad", "good")}
    names |= {"index": collection / "index", "words": collection}
    before = sorted(collection.rglob("*"))
    outcome = run(capsys, *(argument.format(**names) for argument in arguments))
    assert (outcome[0], outcome[1]) == (code, "")
    assert message in outcome[2].replace("\n", " ")
    assert sorted(collection.rglob("*")) == before
