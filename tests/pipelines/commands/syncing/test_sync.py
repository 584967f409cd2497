"""``bicross sync``: its table, its JSON and its exit codes."""

import json

import pytest
from bicross.index import Index
from helpers.commands import run
from helpers.fakes import HashEncoder


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("load_encoder", "open_encoder"):
        monkeypatch.setattr(f"bicross.pipelines.indexing.sync.{name}", lambda *_, **__: HashEncoder())
    monkeypatch.setenv("COLUMNS", "100")
    notes = tmp_path / "notes"
    notes.mkdir()
    for name in ("bees", "moon", "tea"):
        (notes / f"{name}.md").write_text(f"# About {name}\n\nText.")
    return notes


def ids():
    return {document.id for document in Index.open("i").documents()}


def test_a_folder_stays_in_step(folder, capsys):
    code, out, err = run(capsys, "sync", "notes", "i")
    assert (code, err) == (0, "")
    assert "i: built" in out
    assert "3 │ added │ bees.md, moon.md, tea.md" in out

    assert "i: nothing to do" in run(capsys, "sync", "notes", "i")[1]

    (folder / "tea.md").unlink()
    (folder / "moon.md").write_text("# Another moon")
    (folder / "new.txt").write_text("New.")
    for options, said in ((["--dry-run"], "i: this would be done"), ([], "i: brought up to date")):
        code, out, _ = run(capsys, "sync", "notes", "i", *options)
        assert code == 0
        assert said in out
        lines = [" ".join(line.split()) for line in out.splitlines()]
        for line in ("1 │ added │ new.txt", "1 │ replaced: title or text changed │ moon.md", "1 │ deleted │ tea.md"):
            assert any(line in shown for shown in lines), out
    assert ids() == {"bees.md", "moon.md", "new.txt"}


def test_json(folder, capsys):
    run(capsys, "sync", "notes", "i")
    (folder / "tea.md").unlink()
    (folder / "empty.txt").write_text("")
    code, out, _ = run(capsys, "sync", "notes", "i", "--skip-errors", "--json")
    assert code == 0
    record = json.loads(out)
    counts = {"added": 0, "changed": 0, "metadata": 0, "deleted": 1, "kept": 0, "unchanged": 2, "read": 2, "skipped": 1}
    assert record.items() >= counts.items()
    assert record["examples"] == {"deleted": ["tea.md"]}
    assert (record["path"], record["dry_run"], record["created"]) == ("i", False, False)


def test_what_stops_it(folder, capsys):
    run(capsys, "sync", "notes", "i")
    for name in ("bees", "moon"):
        (folder / f"{name}.md").unlink()
    code, out, err = run(capsys, "sync", "notes", "i")
    assert (code, out) == (1, "")
    assert "2 of the 3 documents of i are not in the source" in err
    assert err.endswith("delete them with --allow-deletes\n")
    assert len(ids()) == 3
    assert run(capsys, "sync", "notes", "i", "--allow-deletes")[0] == 0
    assert ids() == {"tea.md"}

    (folder / "tea.md").unlink()
    code, _, err = run(capsys, "sync", "notes", "i", "--allow-deletes")
    assert (code, ids()) == (1, {"tea.md"})
    assert "holds no documents" in err
    assert run(capsys, "sync", "notes")[0] == 2
