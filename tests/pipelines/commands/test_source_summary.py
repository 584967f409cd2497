"""What commands say of their sources: read, written, unchanged, left out and why, in text and as JSON."""

import json
from pathlib import Path
from typing import get_args

import pytest
from bicross.index import Index, LeftOut, LeftOutKind, SourceReport
from bicross.pipelines.commands import index as changes
from bicross.pipelines.commands.source_summary import SourceSummary
from helpers.commands import run
from helpers.fakes import HashEncoder


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(changes, "load_encoder", lambda *_, **__: HashEncoder())
    monkeypatch.setattr(changes, "open_encoder", lambda *_, **__: HashEncoder())
    for name, content in {
        "docs/a.md": "# A\n\nAbout a.",
        "docs/b.txt": "About b.",
        "docs/report.odt": "x",
        "docs/settings.json": '{"a": 1}',
        "docs/.hidden": "x",
        "rows.csv": "title,text\nOne,about one\nTwo,about two\nOne,about one\n",
    }.items():
        path = Path(name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)


def index(*sources):
    return ["index", *sources, "-o", "new", "--no-tokens"]


def test_every_kind_has_words():
    for kind in get_args(LeftOutKind):
        report = SourceReport(1, 3, 1, left_out=(LeftOut(kind, 2, ("x",)),))
        assert any(line.endswith(": x, ...") for line in SourceSummary(report, 1, None).lines())


def test_several_sources_in_text_and_as_json(capsys):
    code, out, err = run(capsys, *index("docs", "rows.csv"))
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "Indexed 4 documents as 4 passages in new",
        "Found 8 rows and files: 4 read, 4 written, 4 left out",
        "Made 2 ids from title and text, for lack of a column of ids (--id-column)",
        "Left out 1 JSON file without texts: docs/settings.json",
        "Left out 1 document with the title, text and metadata of another: rows.csv, line 4",
        "Left out 1 file of a kind that is not read: docs/report.odt",
        "Left out 1 hidden file or folder: docs/.hidden",
    ]
    Path("docs/c.txt").write_text("About c.")
    code, out, err = run(capsys, "add", "new", "docs", "rows.csv", "--replace", "--json")
    record = json.loads(out)
    assert (code, err) == (0, "")
    assert {name: record[name] for name in ("read", "written", "unchanged", "skipped")} == {
        "read": 5,
        "written": 1,
        "unchanged": 4,
        "skipped": 0,
    }
    assert record["source"]["found"] == 5 + sum(left_out["count"] for left_out in record["source"]["left_out"]) == 9
    assert record["source"]["left_out"][0] == {"kind": "json", "count": 1, "examples": ["docs/settings.json"]}
    code, out, _ = run(capsys, "add", "new", "docs", "--replace")
    assert out.splitlines()[:2] == [
        "Wrote 0 documents to new",
        "Found 6 rows and files: 3 read, 0 written, 3 unchanged, 3 left out",
    ]


def test_standard_input(capsys, monkeypatch):
    Path("input").write_text('{"id": 1, "text": "t"}\n')
    with Path("input").open() as file:
        monkeypatch.setattr("sys.stdin", file)
        code, out, err = run(capsys, *index("-", "rows.csv"), "--format", "csv")
        assert (code, out) == (1, "")
        assert "standard input has no " in err
        file.seek(0)
        code, out, err = run(capsys, *index("-"), "--format", "jsonl")
    assert (code, err) == (0, "")
    assert [document.id for document in Index.open("new").documents()] == ["1"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b" ", "bicross: docs/b.txt: no text: the file is blank; --skip-errors leaves out what is bad, and lists it"),
        (
            b"caf\xe9",
            "docs/b.txt: byte 4 (0xe9) is not UTF-8; save the file as UTF-8, or name its encoding",
        ),
    ],
)
def test_one_bad_file_is_named_with_the_option_that_helps(capsys, content, message):
    Path("docs/b.txt").write_bytes(content)
    code, out, err = run(capsys, *index("docs"))
    assert (code, out) == (1, "")
    assert message in err
    assert "on_error" not in err
    code, out, err = run(capsys, *index("docs"), "--skip-errors")
    assert (code, err) == (0, "")
    assert "What is bad is listed in errors.jsonl" in out
    if content.strip():
        code, _, err = run(capsys, *index("docs"), "--encoding", "cp1252", "--overwrite")
        assert (code, err) == (0, "")


def test_the_list_of_bad_rows_is_refused_before_anything_slow(capsys, monkeypatch):
    monkeypatch.setattr(changes, "load_encoder", None)
    code, _, err = run(capsys, *index("docs"), "--skip-errors", "--errors", "no-folder/list.jsonl")
    assert code == 2
    assert "the list of bad rows cannot be written to no-folder/list.jsonl" in err
    assert "with --errors" in err
