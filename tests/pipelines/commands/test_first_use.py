"""What a new user does first: a folder of mixed documentation and the export of a spreadsheet, in three commands."""

import json
from pathlib import Path

import pytest
from bicross.pipelines.commands import index as changes
from helpers.commands import run
from helpers.fakes import HashEncoder, OverlapReranker

FILES = {
    "docs/install.md": "---\ntitle: Installation\ndate: 2024-05-01\n---\n# Setup\n\nUnpack the archive and run setup.",
    "docs/guide.html": '<meta charset="iso-8859-1"><title>Guide</title><nav>Home</nav><p>Keys of the caf\xe9 edition.',
    "docs/questions.rst": "Questions\n=========\n\nWhere are backups kept? In the folder of the user.",
    "docs/notes.txt": "Release notes: printing is faster.",
    "docs/manual.odt": "x",
    "prices.csv": (
        "Nr;Artikel;Beschreibung;Preis;Datum\n"
        "1;Lampe;A lamp for the desk;29,90;01.03.2024\n"
        "2;Regal;A shelf of oak;1.045,00;12.11.2023\n"
        "3;Stuhl;A chair with arms;89,50;24.12.2024\n"
    ),
}
BUILD = ("index", "docs", "prices.csv", "-o", "new", "--no-tokens")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(changes, "load_encoder", lambda *_, **__: HashEncoder())
    monkeypatch.setattr("bicross.pipelines.models.open_encoder", lambda *_, **__: HashEncoder())
    monkeypatch.setattr("bicross.pipelines.search.opening.open_reranker", lambda *_, **__: OverlapReranker())
    for name, content in FILES.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(content.encode("latin-1"))


@pytest.mark.usefixtures("folder")
def test_documentation_and_prices_are_found_and_filtered_in_three_commands(capsys):
    code, out, err = run(capsys, *BUILD)
    assert (code, out) == (1, "")
    assert "prices.csv has no column 'text', only Nr, Artikel, Beschreibung, Preis, Datum: name those to read" in err
    assert "--id-column, --title-column and --text-column" in err

    columns = ("--id-column", "Nr", "--title-column", "Artikel", "--text-column", "Beschreibung")
    code, out, err = run(capsys, *BUILD, *columns)
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "Indexed 7 documents as 7 passages in new",
        "Found 8 rows and files: 7 read, 7 written, 1 left out",
        "Left out 1 file of a kind that is not read: docs/manual.odt",
    ]

    def ids_for(query, *options):
        code, out, err = run(capsys, "search", "new", query, *options, "--json")
        assert (code, err) == (0, "")
        return [result["document"]["id"] for result in json.loads(out)["results"]]

    assert ids_for("how do I run setup")[0] == "install.md"
    assert ids_for("café keys")[0] == "guide.html"
    assert ids_for("where are backups")[0] == "questions.rst"
    assert ids_for("a chair")[0] == "3"
    for where, ids in {
        "Preis < 100": ["1", "3"],
        "Preis >= 1045": ["2"],
        "Datum >= '2024-01-01'": ["1", "3"],
        "Datum < '2024-06' and Preis < 50": ["1"],
        "Datum < '2024'": ["2"],
        "date == '2024-05-01'": ["install.md"],
    }.items():
        assert sorted(ids_for("lamp", "--where", where)) == ids, where
