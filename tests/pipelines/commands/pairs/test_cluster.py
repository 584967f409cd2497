import json

import pytest
from bicross.index import read_documents
from bicross.pipelines import build_index
from helpers.commands import run
from helpers.fakes import HashEncoder

ENCODER = HashEncoder(256)
ROWS = [
    {"id": "a", "text": "bake the bread", "year": 1},
    {"id": "b", "text": "a late bus", "year": 2},
    {"id": "c", "text": "bread is baked", "year": 3},
    {"id": "d", "text": "seven stars", "year": 4},
    {"id": "e", "text": "bake  the bread", "year": 5},
    {"id": "f", "text": "late bus again", "year": 6},
]
NAMED = ["--threshold", "0.25"]


@pytest.fixture(autouse=True)
def fake_encoder(monkeypatch):
    monkeypatch.setattr("bicross.pipelines.pairs.sources.load_encoder", lambda *_, **__: ENCODER)


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, ROWS)))
    return path


def test_clusters_are_printed_with_labels_and_their_most_typical_document(rows, tmp_path, capsys):
    code, out, err = run(capsys, "cluster", rows, *NAMED)
    assert code == 0, err
    lines = out.splitlines()
    assert lines[0].startswith("     3  bake, bread") or lines[0].startswith("     3  bread, bake")
    assert lines[1] == "        a  bake the bread"
    assert lines[2].startswith("     2  ")
    assert set(lines[2].split(maxsplit=1)[1].split(", ")) >= {"bus", "late"}
    assert "6 documents, 2 clusters; 1 in none" in err
    code, with_members, _ = run(capsys, "cluster", rows, *NAMED, "--members")
    assert code == 0
    assert with_members.splitlines()[2:4] == ["        1.0000  a", "        1.0000  e"]
    code, out, err = run(capsys, "cluster", rows, *NAMED, "--json")
    assert (code, err) == (0, "")
    first, second, summary = map(json.loads, out.splitlines())
    assert (first["size"], first["medoid"]) == (3, {"id": "a", "title": "", "text": "bake the bread"})
    assert [document["id"] for document in first["documents"]] == ["a", "e", "c"]
    assert (first["label"], second["size"]) == (", ".join(first["terms"]), 2)
    assert summary == {"documents": 6, "clusters": 2, "unclustered": ["d"]}
    build_index(read_documents(rows), tmp_path / "index", encoder=ENCODER, reranker=None)
    assert run(capsys, "cluster", tmp_path / "index", *NAMED, "--json")[1] == out
    code, out, _ = run(
        capsys, "cluster", tmp_path / "index", *NAMED, "--json", "--where", "year < 4", "--min-size", "2"
    )
    assert code == 0
    assert [document["id"] for document in json.loads(out.splitlines()[0])["documents"]] == ["a", "c"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("cluster rows.jsonl --threshold 1.5", "--threshold must be a number from 0 to 1, not 1.5"),
        ("cluster missing.jsonl", "missing.jsonl"),
        ("cluster rows.jsonl --min-size 0", "--min-size"),
        ("cluster rows.jsonl --language xx", "there is no analyzer for 'xx'"),
        ("cluster rows.jsonl --where 'year > 3'", "is for an index: build one with `bicross index`"),
        ("cluster rows.jsonl --text-column content", "has no row with 'content'"),
    ],
)
def test_mistakes_are_found_before_a_model_is_loaded(rows, tmp_path, capsys, monkeypatch, line, message):
    import shlex

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("bicross.pipelines.pairs.sources.load_encoder", None)
    code, out, err = run(capsys, *shlex.split(line))
    assert code in (1, 2)
    assert out == ""
    assert message in err
