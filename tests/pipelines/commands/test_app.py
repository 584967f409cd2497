import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from bicross.errors import ModelError
from bicross.index import Document, Index
from bicross.pipelines import build_index
from bicross.pipelines.commands import index as changes
from bicross.pipelines.commands import main
from bicross.pipelines.commands.app import COMMANDS, FORMER_NAMES, GROUPS
from bicross.pipelines.search import QUERIES_AT_ONCE
from helpers.commands import run
from helpers.fakes import HashEncoder, OverlapReranker

ENCODER = HashEncoder()


@pytest.fixture(autouse=True)
def no_real_models(monkeypatch):
    """Commands name their models; here every name is a fake, but for one that does not exist."""

    def fake_encoder(name="hash-encoder", device=None, dtype="float32"):
        if name == "missing":
            raise ModelError("the model 'missing' is not on this machine")
        return ENCODER

    monkeypatch.setattr(changes, "load_encoder", fake_encoder)
    monkeypatch.setattr(changes, "open_encoder", lambda index, encoder, device, dtype: ENCODER)
    monkeypatch.setattr("bicross.pipelines.models.open_encoder", lambda index, encoder, device, dtype: ENCODER)
    monkeypatch.setattr(
        "bicross.pipelines.search.opening.open_reranker",
        lambda name, device, dtype: OverlapReranker() if name else None,
    )


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "animals.jsonl"
    rows = [
        {"id": "cat", "title": "Cats", "text": "The cat sleeps all day", "legs": 4},
        {"id": "dog", "title": "Dogs", "text": "The dog sleeps at night"},
        {"id": "owl", "title": "", "text": "An owl hunts at night \x1b[31m[bold]in[/bold] the field"},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def index(source, tmp_path, capsys):
    assert main(["index", str(source), "-o", str(tmp_path / "index")]) == 0
    capsys.readouterr()
    return str(tmp_path / "index")


def test_index_says_what_it_did(source, tmp_path, capsys):
    code, out, err = run(capsys, "index", str(source), "-o", str(tmp_path / "new"))
    assert (code, err) == (0, "")
    assert f"Indexed 3 documents as 3 passages in {tmp_path / 'new'}" in out
    code, out, _ = run(capsys, "index", str(source), "-o", str(tmp_path / "json"), "--json")
    assert json.loads(out) == {
        "path": str(tmp_path / "json"),
        "documents": 3,
        "passages": 3,
        "read": 3,
        "written": 3,
        "unchanged": 0,
        "skipped": 0,
        "source": {"files": 1, "found": 3, "documents": 3, "ids_made": 0, "left_out": [], "notes": []},
    }


def test_search_as_json_gives_documents_scores_and_ranks(index, capsys):
    code, out, _ = run(capsys, "search", index, "cat at night", "--json", "--top-k", "2")
    assert code == 0
    answer = json.loads(out)
    assert answer["query"] == "cat at night"
    assert [result["rank"] for result in answer["results"]] == [1, 2]
    first = answer["results"][0]
    assert set(first) == {
        "rank", "score", "relevance", "logit", "retrieval_score", "retrieval_rank", "document", "passage",
        "dense_score", "lexical_score", "exit_layer", "generation"
    }  # fmt: skip
    assert set(first["document"]) == {"id", "title", "text", "metadata"}
    assert first["passage"]["text"] == first["document"]["text"]
    assert 0 < first["relevance"] < 1


def test_search_explains_the_stages_of_each_result(index, capsys):
    code, out, _ = run(capsys, "search", index, "owl hunts", "--feedback", "--explain", "--json")
    stages = json.loads(out)["results"][0]["stages"]
    assert (code, [stage["stage"] for stage in stages][:4]) == (0, ["vectors", "words", "fused", "feedback"])
    assert all(stage["rank"] >= 1 for stage in stages)
    _, out, _ = run(capsys, "search", index, "owl hunts", "--feedback", "--explain")
    assert "feedback 1 (" in out
    _, out, _ = run(capsys, "search", index, "owl hunts", "--json")
    assert "stages" not in json.loads(out)["results"][0]


def test_search_as_a_table(index, capsys):
    code, out, _ = run(capsys, "search", index, "owl hunts")
    assert code == 0
    assert "relevance" in out
    words = " ".join(out.replace("│", " ").split())  # lines may break anywhere in a cell
    assert "[bold]in[/bold] the field" in words, "what looks like markup in a document is text"
    assert "\x1b" not in out, "control characters never reach the terminal"
    code, out, _ = run(capsys, "search", index, "owl hunts", "--no-rerank", "--first-stage", "dense")
    assert "cosine" in out
    assert "relevance" not in out


def test_no_rerank_gives_the_order_of_stage_one(index, capsys):
    _, out, _ = run(capsys, "search", index, "sleeps at night", "--no-rerank", "--json")
    for result in json.loads(out)["results"]:
        assert result["rank"] == result["retrieval_rank"]
        assert result["score"] == result["retrieval_score"]
        assert result["logit"] is None


def test_each_k_reaches_the_pipeline(index, capsys):
    _, out, _ = run(
        capsys, "search", index, "sleeps at night", "--json", "--retrieve-k", "2", "--rerank-k", "1", "--top-k", "2"
    )
    assert [result["logit"] is not None for result in json.loads(out)["results"]] == [True, False]


def test_a_deadline_says_how_many_candidates_were_read(index, capsys):
    _, out, _ = run(capsys, "search", index, "sleeps at night", "owl", "--json")
    assert [(a["reranked"], a["candidates"]) for a in map(json.loads, out.splitlines())] == [(3, 3), (3, 3)]
    _, out, _ = run(capsys, "search", index, "sleeps at night", "--json", "--deadline-ms", "0")
    answer = json.loads(out)
    assert (answer["reranked"], answer["candidates"]) == (0, 3)
    assert [result["rank"] for result in answer["results"]] == [r["retrieval_rank"] for r in answer["results"]]
    _, out, _ = run(capsys, "search", index, "owl", "--deadline-ms", "0")
    assert "0 of 3 candidates were reranked" in out
    for enough in (["--deadline-ms", "1e7"], ["--no-rerank", "--deadline-ms", "0"]):
        _, out, _ = run(capsys, "search", index, "owl", *enough)
        assert "candidates were reranked" not in out


def test_many_queries_from_arguments_a_file_and_standard_input(index, tmp_path, capsys, monkeypatch):
    def asked(*arguments):
        code, out, _ = run(capsys, "search", index, "--json", *arguments)
        assert code == 0
        return [json.loads(line)["query"] for line in out.splitlines()]

    assert asked("cat", "dog") == ["cat", "dog"]
    queries = [f"cat {i}" for i in range(QUERIES_AT_ONCE + 3)]
    (tmp_path / "queries.txt").write_text("\n\n".join(queries), encoding="utf-8-sig")
    assert asked("--file", str(tmp_path / "queries.txt")) == queries
    monkeypatch.setattr(sys, "stdin", io.StringIO("owl\n \ndog\n"))
    assert asked("--file", "-") == ["owl", "dog"]


@pytest.mark.parametrize("option", ["--first-stage", "--stage-one"])
def test_the_option_of_the_first_stage_has_its_old_name_too(tmp_path, capsys, option):
    index = tmp_path / "dense"
    build_index([Document("a", "cats")], index, encoder=ENCODER, reranker=None, lexical=False)
    code, _, err = run(capsys, "search", index, "cats", option, "lexical")
    assert (code, "--first-stage 'lexical' searches for words" in err) == (2, True)
    code, out, _ = run(capsys, "search", "--help")
    assert "--first-stage" in out
    assert "--stage-one" not in out


def test_info(index, capsys):
    code, out, _ = run(capsys, "info", index)
    assert code == 0
    assert "hash-encoder" in out
    _, out, _ = run(capsys, "info", index, "--json")
    info = json.loads(out)
    assert (info["documents"], info["generation"], info["vectors"]["factory"]) == (3, 1, "Flat")
    assert info["model"]["id"] == "hash-encoder"


def test_info_shows_the_fields_of_metadata(tmp_path, capsys):
    documents = [
        Document("1", "cats", metadata={"year": 2020, "m": float("nan")}),
        Document("2", "dogs", metadata={"year": "n/a"}),
        Document("3", "pigs", metadata={"year": 1999}),
    ]
    build_index(documents, tmp_path / "i", encoder=ENCODER)
    code, out, _ = run(capsys, "info", str(tmp_path / "i"))
    assert code == 0
    assert "year" in out
    assert "2 integers, 1 texts" in " ".join(out.split())
    [year] = json.loads(run(capsys, "info", str(tmp_path / "i"), "--json")[1])["fields"]
    assert (year["kinds"], year["off"], year["minimum"]) == ({"integers": 2, "texts": 1}, 1, 1999)


def test_arguments_that_are_not_utf_8_are_refused(index, capsys):
    for command in (["delete", index, "\udcff"], ["info", "\udcff"], ["delete", index, "--where", "a == '\udcff'"]):
        code, _, err = run(capsys, *command)
        assert code == 2
        assert "UTF-8" in err or "Unicode" in err or "not understood" in err


@pytest.mark.slow
def test_demo_shows_both_stages_and_how_to_go_on(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("bicross.pipelines.commands.demo.demo.BiEncoder", lambda **_: ENCODER)
    path = tmp_path / "demo"
    code, out, err = run(capsys, "demo", "round a number", "-o", str(path), "--limit", "60")
    assert code == 0
    for part in (
        "Indexed 60 documents",
        "round a number",
        "first stage",
        "after reranking",
        "1st-stage",
        "Settings: first stage hybrid (default), feedback 0.2, smoothing 0.2 (default), 100 retrieved (default), 100 ",
        f"search {path}",
    ):
        assert " ".join(part.split()) in " ".join(out.split())
    assert "60 documents" in err, "the progress bar is drawn on standard error"
    code, out, _ = run(capsys, "demo", "round a number", "sort a list", "-o", str(path), "--limit", "60", "--json")
    records = [json.loads(line) for line in out.splitlines()]
    assert [record["query"] for record in records] == ["round a number", "sort a list"]
    assert all(record["settings"]["top_k"] == {"value": 10, "from": "default"} for record in records)


def test_skip_errors(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.jsonl").write_text('{"id": "a", "text": "fine"}\nnonsense\n{"id": "a", "text": "again"}\n')
    code, out, err = run(capsys, "index", "rows.jsonl", "-o", "index")
    assert (code, out) == (1, "")
    assert "rows.jsonl, line 2: not JSON" in err
    assert not (tmp_path / "index").exists()
    code, out, _ = run(capsys, "index", "rows.jsonl", "-o", "index", "--skip-errors")
    assert code == 0
    assert out.splitlines()[1:] == [
        "Found 3 rows and files: 1 read, 1 written, 2 left out",
        "Left out 2 bad rows: rows.jsonl, line 2, rows.jsonl, line 3",
        "What is bad is listed in errors.jsonl",
    ]
    assert [json.loads(line)["line"] for line in (tmp_path / "errors.jsonl").read_text().splitlines()] == [2, 3]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["index", "nowhere.jsonl", "-o", "out"], 1, "there is no nowhere.jsonl: check its name, and the folder"),
        (["index", "empty.jsonl", "-o", "out"], 1, "empty.jsonl is empty"),
        (["index", "folder", "-o", "out"], 1, "the folder folder holds no documents"),
        (["index", "animals.jsonl", "-o", "index"], 1, "index already holds an index; choose another path, or replace"),
        (["index", "animals.jsonl", "-o", "folder"], 1, "folder is a folder with other files in it, and not an index"),
        (["index", "animals.jsonl", "-o", "animals.jsonl"], 1, "animals.jsonl is a file; an index is a folder"),
        (["index", "animals.jsonl", "-o", "out", "--encoder", "missing"], 1, "'missing' is not on this machine"),
        (["index", "animals.jsonl", "-o", "out", "--passage-tokens", "0"], 2, "max_tokens must be at least 1, not 0"),
        (
            ["index", "animals.jsonl", "-o", "out", "--text-column", "body"],
            1,
            "animals.jsonl has no row with 'body', only id, title, text, legs: name the right one with --text-column",
        ),
        (["index", "animals.jsonl"], 2, "Missing option '-o'"),
        (["search", "nowhere", "cat"], 1, "nowhere does not exist; build one with `bicross index"),
        (["search", "folder", "cat"], 1, "folder is not an index: it has no MANIFEST"),
        (["search", "index", ""], 2, "the query is blank; give it words to search for"),
        (["search", "index", "x" * 100_000], 2, "8,192 are allowed: shorten it, or give --long-queries cut or"),
        (["search", "index", "cat", "x" * 9000], 2, "query 2 ('xxx"),
        (["search", "index", "cat", " "], 2, "query 2 is blank; give it words"),
        (["search", "index", "a\0b"], 2, "query 0 has a NUL character at character 1; take it out"),
        (["search", "index", "a\udc80"], 2, "query 0 has a lone surrogate U+DC80 at character 1; take it out"),
        (["search", "index", "cat", "--top-k", "0"], 2, "--top-k must be a whole number of at least 1, not 0"),
        (["search", "index", "cat", "--rerank-k", "-1"], 2, "--rerank-k must be a whole number of at least 1, not -1"),
        (["search", "index", "cat", "--top-k", "101", "--retrieve-k", "100"], 2, "--top-k 101 is larger"),
        (["search", "index", "cat", "--deadline-ms", "-1"], 2, "--deadline-ms must be a number of milliseconds from 0"),
        (["search", "index", "cat", "--top-k", "many"], 2, "Invalid value for '--top-k'"),
        (["search", "index"], 2, "give a query, as in: bicross search"),
        (["search", "index", "cat", "--file", "queries.txt"], 2, "give queries as arguments or with --file, not both"),
        (["search", "index", "--file", "nowhere.txt"], 2, "--file names nowhere.txt, and there is no such file"),
        (["search", "index", "cat", "--where", "legs >"], 2, "legs >"),
        (["search", "index", "cat", "--where", "wings == 2"], 2, "there is no field 'wings' to filter by; there are"),
        (["search", "index", "cat", "--where", "legs == 'four'"], 2, "cannot be compared (==) with 'four'"),
        (["info", "nowhere"], 1, "nowhere does not exist"),
        (["index", "animals.jsonl", "-o", "out", "--index-type", "LSD4"], 2, "the index type 'LSD4' is not one for"),
        (["index", "animals.jsonl", "-o", "out", "--target-recall", "1.5"], 2, "the target recall is 1.5"),
        (["add", "nowhere", "animals.jsonl"], 1, "nowhere does not exist"),
        (["add", "index", "nowhere.jsonl"], 1, "there is no nowhere.jsonl"),
        (["add", "index", "animals.jsonl"], 1, "the id 'cat' is there already"),
        (["add", "index"], 2, "Missing argument 'SOURCE'"),
        (["delete", "index"], 2, "say which documents to delete: their ids, or --where"),
        (["delete", "nowhere", "cat"], 1, "nowhere does not exist"),
        (["delete", "index", "--where", "legs === 4"], 2, "legs === 4"),
        (["delete", "index", "--where", "wings == 2"], 2, "there is no field 'wings' to filter by; there are: 'legs'"),
        (["compact", "nowhere"], 1, "nowhere does not exist"),
        (["compact", "index", "--grace", "-1"], 2, "Invalid value for '--grace'"),
        (["rollback", "index", "--to-generation", "9"], 2, "has no generation 9; there are 1"),
        (["rollback", "index"], 2, "Missing option '--to-generation'"),
        (["verify", "nowhere"], 1, "nowhere does not exist"),
        (["explode"], 2, "No such command 'explode'"),
    ],
)
def test_what_goes_wrong_is_said_in_one_line(index, source, tmp_path, monkeypatch, capsys, arguments, code, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "picture.png").touch()
    assert run(capsys, *arguments)[0] == code
    main(arguments)
    output = capsys.readouterr()
    assert message in output.err
    assert output.out == ""
    assert not (tmp_path / "out").exists()


def test_overwrite_replaces_and_nothing_else_does(index, tmp_path, capsys):
    (tmp_path / "one.jsonl").write_text('{"id": "only", "text": "one"}\n')
    assert run(capsys, "index", str(tmp_path / "one.jsonl"), "-o", index, "--overwrite")[0] == 0
    assert json.loads(run(capsys, "info", index, "--json")[1])["documents"] == 1


def test_a_source_without_a_good_row_replaces_no_index(index, tmp_path, capsys):
    (tmp_path / "latin.jsonl").write_bytes('{"id": "1", "text": "é"}\n'.encode("latin-1"))
    options = ["--overwrite", "--skip-errors", "--errors", str(tmp_path / "bad.jsonl")]
    code, _, err = run(capsys, "index", str(tmp_path / "latin.jsonl"), "-o", index, *options)
    assert (code, "holds no documents: all 1 rows and files are left out" in err) == (1, True)
    assert json.loads(run(capsys, "info", index, "--json")[1])["documents"] == 3


@pytest.fixture
def more(tmp_path):
    path = tmp_path / "more.jsonl"
    path.write_text(
        '{"id": "cat", "title": "Cats", "text": "The cat is awake", "legs": 4}\n'
        '{"id": "dog", "title": "Dogs", "text": "The dog sleeps at night"}\n'
        '{"id": "ant", "text": "Ants carry leaves", "legs": 6}\n'
    )
    return str(path)


def info_of(capsys, index):
    return json.loads(run(capsys, "info", index, "--json")[1])


def ids(index):
    return sorted(document.id for document in Index.open(index).documents())


def changed(out):
    return {name: value for name, value in json.loads(out).items() if name != "source"}


def test_add(index, tmp_path, capsys):
    (tmp_path / "new.jsonl").write_text('{"id": "ant", "text": "Ants carry leaves"}\n{"id": "fly", "text": "Flies"}\n')
    code, out, err = run(capsys, "add", index, str(tmp_path / "new.jsonl"))
    assert (code, err) == (0, "")
    assert f"Wrote 2 documents to {index}" in out
    assert ids(index) == ["ant", "cat", "dog", "fly", "owl"]
    (tmp_path / "newer.jsonl").write_text('{"id": "bat", "text": "Bats"}\n')
    code, out, _ = run(capsys, "add", index, str(tmp_path / "newer.jsonl"), "--json")
    assert (code, changed(out)) == (
        0,
        {"path": index, "new": 1, "replaced": 0} | {"read": 1, "written": 1, "unchanged": 0, "skipped": 0},
    )


@pytest.mark.slow
def test_add_with_replace_writes_what_is_new_or_changed(index, more, capsys):
    code, _, err = run(capsys, "add", index, more)
    assert (code, "the id 'cat' is there already" in err) == (1, True)
    assert ids(index) == ["cat", "dog", "owl"]
    code, out, _ = run(capsys, "add", index, more, "--replace", "--json")
    assert (code, changed(out)) == (
        0,
        {"path": index, "new": 1, "replaced": 1} | {"read": 3, "written": 2, "unchanged": 1, "skipped": 0},
    )
    assert Index.open(index).get(["cat"])[0].text == "The cat is awake"
    assert ids(index) == ["ant", "cat", "dog", "owl"]
    code, out, _ = run(capsys, "add", index, more, "--replace")
    assert f"Wrote 0 documents to {index}" in out


def test_add_leaves_bad_rows_out_when_asked(index, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.jsonl").write_text('{"id": "ant", "text": "Ants"}\nnonsense\n')
    assert run(capsys, "add", index, "bad.jsonl")[0] == 1
    assert ids(index) == ["cat", "dog", "owl"]
    code, out, _ = run(capsys, "add", index, "bad.jsonl", "--skip-errors")
    assert (code, "Left out 1 bad row: bad.jsonl, line 2" in out) == (0, True)
    assert ids(index) == ["ant", "cat", "dog", "owl"]


def test_delete_by_id_and_by_what_metadata_say(index, capsys):
    code, out, err = run(capsys, "delete", index, "owl", "nobody")
    assert (code, err) == (0, "")
    assert f"Deleted 1 document from {index}" in out
    assert f"{index} has no documents with these ids: 'nobody'" in out
    code, out, _ = run(capsys, "delete", index, "--where", "legs == 4", "--json")
    assert (code, json.loads(out)) == (0, {"path": index, "deleted": 1, "missing": []})
    assert ids(index) == ["dog"]


def test_delete_names_ids_that_are_not_there_and_fails_where_it_deletes_nothing(index, capsys):
    code, out, err = run(capsys, "delete", index, *(f"no{n}" for n in range(7)), "no0")
    assert (code, out) == (1, "")
    assert "nothing was deleted: " in err
    assert "has no documents with these ids: 'no0', 'no1', 'no2', 'no3', 'no4' and 2 more\n" in err
    code, out, err = run(capsys, "delete", index, "nope", "--json")
    assert (code, json.loads(out)) == (1, {"path": index, "deleted": 0, "missing": ["nope"]})
    assert "nothing was deleted" in err
    code, out, _ = run(capsys, "delete", index, "--where", "legs == 77")
    assert (code, "Deleted 0 documents" in out) == (0, True)
    code, out, _ = run(capsys, "delete", index, "owl", "nope", "owl", "--json")
    assert (code, json.loads(out)) == (0, {"path": index, "deleted": 1, "missing": ["nope"]})
    code, out, _ = run(capsys, "delete", index, "nope", "--where", "legs == 4")
    assert (code, "Deleted 1 document" in out, "'nope'" in out) == (0, True, True)


def test_compact(index, more, capsys):
    run(capsys, "add", index, more, "--replace")
    code, out, err = run(capsys, "compact", index, "--grace", "0")
    assert (code, err) == (0, "")
    assert f"{index} has 4 documents in 1 segment" in out
    assert info_of(capsys, index)["older_generations"] == []
    code, out, _ = run(capsys, "compact", index, "--json")
    record = json.loads(out)
    assert record == {
        "path": index, "generation": record["generation"], "segments": 1, "bytes": info_of(capsys, index)["bytes"]
    }  # fmt: skip


def test_rollback(index, capsys):
    run(capsys, "delete", index, "owl")
    code, out, err = run(capsys, "rollback", index, "--to-generation", "1")
    assert (code, err) == (0, "")
    assert f"Generation 4 of {index} is what 1 was: 3 documents" in out  # 3 is a compaction
    code, out, _ = run(capsys, "rollback", index, "--to-generation", "2", "--json")
    assert (code, json.loads(out)) == (0, {"path": index, "generation": 5, "documents": 2})
    assert ids(index) == ["cat", "dog"]


def test_verify(index, more, capsys):
    run(capsys, "add", index, more, "--replace")
    code, out, err = run(capsys, "verify", index)
    assert (code, err) == (0, "")
    assert f"{index}: 4 documents, " in out
    assert "generations 1, 2" in out
    code, out, _ = run(capsys, "verify", index, "--json")
    report = json.loads(out)
    assert (code, report["documents"], report["problems"]) == (0, 4, [])

    path = next(Path(index).glob("segments/*/passages.arrow"))
    path.write_bytes(path.read_bytes()[:-1])
    code, out, err = run(capsys, "verify", index)
    assert code == 1
    assert str(path) in err
    code, out, err = run(capsys, "verify", index, "--json")
    assert code == 1
    assert str(path) in json.loads(out)["problems"][0]


@pytest.mark.slow
def test_index_resume_continues_what_broke_off(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("bicross.index.writing.builder.IndexBuilder.segment_passages", 2)
    monkeypatch.setattr("bicross.pipelines.indexing.embedding.BATCH_DOCUMENTS", 2)
    source, index = tmp_path / "rows.jsonl", str(tmp_path / "new")
    rows = [json.dumps({"id": f"d{i}", "text": f"text {i}"}) for i in range(6)]
    source.write_text("\n".join([*rows[:4], "nonsense", rows[5]]))
    code, _, err = run(capsys, "index", str(source), "-o", index)
    assert (code, "line 5: not JSON" in err) == (1, True)
    assert f"{index} keeps 2 documents of this build. To go on, run the same command with --resume; with" in err
    for command in (["search", index, "text"], ["info", index], ["add", index, str(source)]):
        code, _, err = run(capsys, *command)
        assert (code, "holds a build that was not finished, with 2 documents; continue it with" in err) == (1, True)
    source.write_text("\n".join(rows))
    code, _, err = run(capsys, "index", str(source), "-o", index)
    assert (code, "continue it with --resume, or start again with --overwrite" in err) == (1, True)
    ENCODER.encoded.clear()
    code, out, _ = run(capsys, "index", str(source), "-o", index, "--resume", "--json")
    assert (code, json.loads(out)["documents"]) == (0, 6)
    assert 0 < len(ENCODER.encoded) < 6
    assert ids(index) == [f"d{i}" for i in range(6)]


def test_index_type_and_recall_are_shown_by_info(tmp_path, capsys):
    source, index = tmp_path / "rows.jsonl", str(tmp_path / "new")
    source.write_text("\n".join(json.dumps({"id": f"d{i}", "text": f"text number {i}"}) for i in range(50)))
    arguments = ("index", str(source), "-o", index, "--index-type", "IVF4,Flat", "--target-recall", "0.9")
    code, out, err = run(capsys, *arguments)
    assert (code, err) == (0, "")
    run(capsys, "delete", index, "d0")
    vectors = info_of(capsys, index)["vectors"]
    assert (vectors["factory"], vectors["target_recall"]) == ("IVF4,Flat", 0.9)
    assert vectors["recall_at_100"] >= 0.9
    _, out, _ = run(capsys, "info", index)
    shown = {name.strip(): value for name, _, value in (line.partition("  ") for line in out.splitlines())}
    for name, value in [
        ("generation", "2"),
        ("older generations", "1"),
        ("documents", "49"),
        ("deleted", "1"),
        ("vectors factory", "IVF4,Flat"),
        ("vectors recall at 100", str(vectors["recall_at_100"])),
        ("model id", "hash-encoder"),
        ("model normalised", "True"),
    ]:
        assert shown[name].strip() == value, name


def test_search_where(index, capsys):
    code, out, _ = run(capsys, "search", index, "sleeps", "night", "--where", "legs >= 4", "--json")
    assert code == 0
    for line in out.splitlines():
        assert [result["document"]["id"] for result in json.loads(line)["results"]] == ["cat"]
    code, out, _ = run(capsys, "search", index, "sleeps", "--where", "legs is None")
    assert (code, "Dogs" in out, "Cats" in out) == (0, True, False)


@pytest.mark.parametrize(
    ("command", "mentioned"),
    [
        ("index", ["--resume", "--overwrite", "--index-type", "--target-recall", "--memory-bytes", "-o"]),
        ("add", ["--replace", "--skip-errors", "Example: bicross add"]),
        ("delete", ["--where", "[ID]...", "Example: bicross delete"]),
        ("compact", ["--grace"]),
        ("rollback", ["--to-generation"]),
        ("verify", ["exit code 1"]),
        ("search", ["--where", "--top-k", "--deadline-ms", "Example: bicross search"]),
        ("info", ["INDEX"]),
        ("demo", ["--limit"]),
    ],
)
def test_the_help_of_each_command_names_its_options(capsys, command, mentioned):
    code, out, err = run(capsys, command, "--help")
    assert (code, err) == (0, "")
    for part in [*mentioned, "--json"]:
        assert part in out


@pytest.mark.slow
def test_help_names_every_command_and_loads_no_library():
    code = (
        "import sys\nfrom bicross.pipelines.commands.app import main\nassert main(['--help']) == 0\n"
        "assert not {'torch', 'numpy', 'pyarrow', 'faiss', 'rich', 'yaml'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for command in ("index", "add", "delete", "compact", "rollback", "verify", "search", "info", "evaluate", "demo"):
        assert f"  {command} " in done.stdout


def test_an_index_built_in_python_is_searched_by_the_command(tmp_path, capsys):
    from bicross.index import Document

    build_index([Document("a", "the only text")], tmp_path / "i", encoder=ENCODER)
    code, out, _ = run(capsys, "search", str(tmp_path / "i"), "text", "--json")
    assert code == 0
    assert json.loads(out)["results"][0]["document"]["id"] == "a"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "unneeded"),
    [
        (["search", "--help"], ["numpy.f2py", "pyarrow", "rich", "huggingface_hub", "bicross.pipelines.search"]),
        (["search", "nowhere", "a query"], ["bm25s", "rich"]),
    ],
)
def test_a_search_loads_only_what_it_needs(arguments, unneeded):
    code = f"import sys\nfrom bicross.pipelines.commands.app import main\nmain({arguments})\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "bicross.pipelines.commands.search" in loaded
    others = [f"bicross.pipelines.{room}" for room in ("evaluation", "tuning", "training", "indexing")]
    assert not loaded & {*others, "bicross.training", "torch", *unneeded}


def test_results_show_where_a_document_stands(tmp_path, capsys):
    rows = [
        {"id": "guide/a.md", "title": "Guide", "text": "the cat", "heading": "Pets", "page": 3, "line": 14},
        {"id": "b", "text": "the cat too", "page": None, "line": True},
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    index = str(tmp_path / "i")
    assert run(capsys, "index", str(tmp_path / "rows.jsonl"), "-o", index, "--no-tokens")[0] == 0
    _, out, _ = run(capsys, "search", index, "cat")
    assert "guide/a.md, heading Pets, page 3, line 14" in out
    assert "line True" not in out


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--where", "legs > 100"], "no document matches --where 'legs > 100'; `bicross info"),
        (["--stage-one", "lexical"], "no document has a word of the query; --first-stage dense searches by meaning"),
        (["--min-relevance", "1"], "none is as relevant as --min-relevance 1.0 asks for"),
    ],
)
def test_a_query_without_results_says_why_and_what_to_do(index, capsys, options, expected):
    assert run(capsys, "index-terms", index)[0] == 0
    code, out, _ = run(capsys, "search", index, "zebra", *options)
    assert (code, "No results for 'zebra': " in out, expected in " ".join(out.split())) == (0, True, True)


def test_an_empty_index_says_how_to_fill_it(index, capsys):
    run(capsys, "delete", index, "cat", "dog", "owl")
    code, out, _ = run(capsys, "search", index, "zebra")
    assert (code, f"the index has no documents; add some with `bicross add {index} SOURCE`" in out) == (0, True)


def test_a_terminal_that_lacks_a_character_gets_a_question_mark(tmp_path, monkeypatch):
    (tmp_path / "rows.jsonl").write_text(json.dumps({"id": "zh", "text": "疫苗 cat"}) + "\n")
    assert main(["index", str(tmp_path / "rows.jsonl"), "-o", str(tmp_path / "i"), "--no-tokens"]) == 0
    shown = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(shown, encoding="cp1252", errors="strict"))
    assert main(["search", str(tmp_path / "i"), "cat"]) == 0
    sys.stdout.flush()
    assert b"?? cat" in shown.getvalue()


def test_the_version_and_the_short_help(capsys):
    from bicross import __version__

    assert run(capsys, "--version") == (0, f"bicross {__version__}\n", "")
    for words in ([], ["index"], ["train"], ["train", "reranker"]):
        assert run(capsys, *words, "-h") == run(capsys, *words, "--help")


def test_every_command_is_in_one_group_of_the_help_with_a_whole_summary(capsys):
    grouped = [name for names in GROUPS.values() for name in names]
    assert sorted([*grouped, *FORMER_NAMES]) == sorted(COMMANDS)
    _, out, _ = run(capsys, "--help")
    assert all(f"{heading}:\n" in out for heading in GROUPS)
    assert "..." not in out.partition("\n")[2]
    for name, summary in [item for summaries in GROUPS.values() for item in summaries.items()]:
        assert summary in " ".join(run(capsys, name, "--help")[1].split())


def test_add_says_what_is_new_and_what_is_replaced(index, source, tmp_path, capsys):
    rows = [{"id": "cat", "text": "other"}, {"id": "dog", "title": "Dogs", "text": "The dog sleeps at night"}]
    more = tmp_path / "more.jsonl"
    more.write_text("".join(json.dumps(row) + "\n" for row in [*rows, {"id": "elk", "text": "new"}]))
    code, out, _ = run(capsys, "add", index, more, "--replace")
    assert (code, f"Wrote 2 documents to {index}: 1 new, 1 replaced" in out.replace("\n", "")) == (0, True)
    assert "2 written, 1 unchanged" in out
    code, out, _ = run(capsys, "add", index, more, "--replace", "--json")
    written = json.loads(out)
    assert [written[name] for name in ("new", "replaced", "unchanged")] == [0, 0, 3]
