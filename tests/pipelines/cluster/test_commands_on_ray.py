"""``bicross index --ray`` and ``bicross add --ray``, with a real encoder of a few kilobytes."""

import json

import pytest
from bicross.index import Index
from bicross.pipelines.commands import main
from helpers.tiny_models import save_bi_encoder

pytestmark = pytest.mark.slow

ROWS = [{"id": f"d{n}", "text": f"the cat sleeps {n}"} for n in range(30)]


def test_an_index_is_built_and_extended_on_ray(ray_address, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, rows in {"a.jsonl": [*ROWS[:20], {"id": "bad"}], "b.jsonl": ROWS[20:]}.items():
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    save_bi_encoder(tmp_path / "encoder")
    on_ray = ["--ray", ray_address, "--workers", "1", "--json"]
    built = ["index", "a.jsonl", "-o", "many", "--encoder", "encoder", "--no-tokens", "--skip-errors"]
    assert main([*built, *on_ray]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["documents"], record["skipped"]) == (20, 1)
    assert json.loads((tmp_path / "errors.jsonl").read_text())["line"] == 21
    assert main(["add", "many", "b.jsonl", "--encoder", "encoder", *on_ray]) == 0
    assert main([*built[:3], "one", *built[4:], "--json"]) == 0
    assert main(["add", "one", "b.jsonl", "--encoder", "encoder", "--json"]) == 0
    many, one = Index.open("many"), Index.open("one")
    assert [d.id for d in many.documents()] == [d.id for d in one.documents()] == [r["id"] for r in ROWS]
    many_vectors, one_vectors = many.vectors(["d3", "d25"]), one.vectors(["d3", "d25"])
    assert all((first == second).all() for first, second in zip(many_vectors, one_vectors, strict=True))


def test_options_that_do_not_fit_are_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["index", "a.jsonl", "-o", "x", "--workers", "3"]) == 2
    assert "--workers 3 is for --ray: give it too" in capsys.readouterr().err
    assert main(["add", "x", "a.jsonl", "--ray", "local", "--replace"]) == 2
    assert "--replace takes the place of old ones: give one" in capsys.readouterr().err
