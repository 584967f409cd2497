"""A folder of messy files is read, and the report accounts for every file and every row of it."""

import codecs
import gzip
import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bicross.errors import BicrossError, DocumentError, SourceError
from bicross.index import LeftOut, read_documents
from helpers.file_facts import without_facts


def table(*ids, text="some text"):
    return pa.table({"id": list(ids), "text": [text] * len(ids)})


def jsonl(*rows):
    return "".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows)


GOOD = {
    "01 notes.txt": "Plain text.",
    "02 README.MD": "# Read me\n\nText.",
    "03 guide.markdown": "---\ntitle: A guide\nyear: 2020\n---\nText.",
    "04 manual.rst": "Manual\n======\n\nText.",
    "05 page.html": "<title>Page</title><p>Text.",
    "06 page.xhtml": "<p>Text.</p>",
    "07 latin.html": '<meta charset="iso-8859-1"><p>caf\xe9'.encode("latin-1"),
    "08 chinese.htm": '<meta charset="gbk"><p>疫苗如何工作'.encode("gbk"),
    "09 marked.txt": codecs.BOM_UTF16_LE + "Text.".encode("utf-16-le"),
    "10 rows.jsonl": jsonl({"id": "j1", "text": "a"}, {"id": "j2", "text": "b"}),
    "11 rows.jsonl.gz": gzip.compress(jsonl({"id": "g1", "text": "a"}).encode()),
    "12 rows.csv": "id,text\nc1,a\nc2,b\n",
    "13 rows.TSV": "id\ttext\nt1\ta\n",
    "14 rows.csv": "title,text\nOne,a\nTwo,b\nOne,a\n",  # without ids, and with a row that is there twice
    "sub/15 deep.txt": "Text.",
    "19 rows.json": json.dumps([{"id": "o1", "text": "a"}, {"id": "o2", "text": "b"}], indent=2),
}
BAD = {
    "20 blank.txt": " \n",
    "21 empty.md": "",
    "22 latin.txt": "caf\xe9".encode("latin-1"),
    "23 wrong.html": '<meta charset="no-such"><p>Text.',
    "24 rows.jsonl": jsonl({"id": "r1", "text": "a"}, "nonsense\n", {"id": "r2"}, {"id": "j1", "text": "again"}),
    "25 rows.csv": "id,text\nx1,a\nx2\nx3,b\n",
    "26 nocolumn.csv": "id,content\n1,a\n",
    "27 damaged.parquet": b"no table at all",
    "28 empty.csv": "",
    "29 half.jsonl.gz": gzip.compress(os.urandom(5000))[:2000],
}
NOT_READ = {
    "30 report.pdf": "x",
    "31 letter.docx": "x",
    "32 settings.json": '{"a": 1}',
    "README": "x",
    "main.o": "x",
    ".DS_Store": "x",
    ".git/config.txt": "x",
    "old index/MANIFEST": "{}",
    "old index/segments/s/documents.arrow": "x",
    "errors.jsonl": jsonl({"source": "a", "line": 1, "reason": "b"}),
}


@pytest.fixture
def messy(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, content in (GOOD | BAD | NOT_READ).items():
        path = Path("messy", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    pq.write_table(table("p1", "p2"), "messy/16 rows.parquet")
    for name, new in {"17 rows.arrow": pa.ipc.new_file, "18 rows.ipc": pa.ipc.new_stream}.items():
        with pa.OSFile(f"messy/{name}", "wb") as file, new(file, table("a").schema) as writer:
            writer.write_table(table(name))
    try:
        Path("outside.txt").write_text("secret")
        Path("messy/outside.txt").symlink_to(Path("outside.txt").resolve())
        Path("messy/broken.txt").symlink_to("nowhere.txt")
        Path("messy/loop").symlink_to(".", target_is_directory=True)
        os.mkfifo("messy/pipe.txt")
        Path(os.fsdecode(b"messy/caf\xe9.txt")).write_text("Text.")
    except (OSError, AttributeError):
        pytest.skip("this system has no links or pipes, or refuses the name of a file")
    return Path("messy")


def test_every_file_and_every_row_is_accounted_for(messy):
    reader = read_documents(messy, on_error="skip", errors_path="list.jsonl")
    documents = list(reader)
    report = reader.report
    assert {left_out.kind: (left_out.count, left_out.examples) for left_out in report.left_out} == {
        "row": (
            4,
            (
                "messy/24 rows.jsonl, line 2",
                "messy/24 rows.jsonl, line 3",
                "messy/24 rows.jsonl, line 4",
                "messy/25 rows.csv, line 3",
            ),
        ),
        "empty": (2, ("messy/20 blank.txt", "messy/21 empty.md")),
        "encoding": (2, ("messy/22 latin.txt", "messy/23 wrong.html")),
        "file": (
            4,
            (
                "messy/26 nocolumn.csv",
                "messy/27 damaged.parquet",
                "messy/28 empty.csv",
                "messy/29 half.jsonl.gz",
            ),
        ),
        "json": (1, ("messy/32 settings.json",)),
        "name": (1, ("messy/caf\\xe9.txt",)),
        "duplicate": (1, ("messy/14 rows.csv, line 4",)),
        "damaged": (2, ("messy/30 report.pdf", "messy/31 letter.docx")),
        "ending": (2, ("messy/README", "messy/main.o")),
        "hidden": (2, ("messy/.DS_Store", "messy/.git/")),
        "link": (3, ("messy/broken.txt", "messy/loop/", "messy/outside.txt")),
        "special": (1, ("messy/pipe.txt",)),
        "own": (2, ("messy/errors.jsonl", "messy/old index/")),
    }
    read = 10 + 2 + 1 + 2 + 1 + 2 + 2 + 1 + 1 + 2 + 1 + 2  # the texts, then the rows in the order of the files
    assert len(documents) == report.documents == read
    assert report.found == read + sum(left_out.count for left_out in report.left_out) == read + 27
    assert report.ids_made == 2
    assert reader.skipped == len(Path("list.jsonl").read_text().splitlines()) == 4 + 2 + 2 + 4 + 1 + 2
    assert reader.fraction == 1.0


def test_what_is_good_is_read_as_it_should_be(messy):
    documents = {d.id: d for d in read_documents(messy, on_error="skip", errors_path="list.jsonl")}
    assert [documents[name].title for name in list(GOOD)[:6]] == [
        *("01 notes", "Read me", "A guide", "Manual", "Page", "06 page")
    ]
    guide = without_facts(documents["03 guide.markdown"], messy / "03 guide.markdown")
    assert guide.metadata == {"path": "03 guide.markdown", "year": 2020}
    assert [documents[name].text for name in list(GOOD)[6:9]] == ["café", "疫苗如何工作", "Text."]
    assert {"j1", "j2", "g1", "c1", "c2", "t1", "p1", "p2", "o1", "o2", "r1", "x1", "x3", "sub/15 deep.txt"} <= set(
        documents
    )


def test_without_skipping_the_first_bad_file_stops_and_the_message_says_what_to_do(messy):
    with pytest.raises(DocumentError, match=r"^messy/20 blank\.txt: no text: .*; on_error='skip' \(--skip-errors\)"):
        list(read_documents(messy))


@pytest.mark.parametrize("name", BAD)
def test_each_bad_file_is_named_alone_and_beside_a_good_one(messy, name):
    """Alone it is an error with skipping as well, unless a row of it is good."""
    has_good_rows = name in ("24 rows.jsonl", "25 rows.csv")
    options = {"on_error": "skip", "errors_path": "list.jsonl"}
    with pytest.raises(BicrossError, match=name.replace(".", r"\.")):
        list(read_documents(messy / name))
    if has_good_rows:
        assert list(read_documents(messy / name, **options))
    else:
        with pytest.raises(SourceError, match=name.replace(".", r"\.")):
            list(read_documents(messy / name, **options))
    Path("few").mkdir()
    (messy / name).rename(Path("few", name))
    Path("few/good.txt").write_text("Text.")
    with pytest.raises(DocumentError, match=rf"few/{name}.*--skip-errors".replace(".", r"\.").replace(r"\.*", ".*")):
        list(read_documents("few"))
    assert "good.txt" in [document.id for document in read_documents("few", **options)]


def test_several_sources(messy):
    reader = read_documents([messy / "10 rows.jsonl", messy / "12 rows.csv", messy / "sub"])
    assert [document.id for document in reader] == ["j1", "j2", "c1", "c2", "15 deep.txt"]
    assert (reader.report.files, reader.report.found) == (3, 5)


def test_ids_are_unique_over_all_sources(messy):
    Path("more.csv").write_text("id,text\nnew,a\nj2,b\n")
    with pytest.raises(
        DocumentError, match=r"^more\.csv, line 3: duplicate id 'j2', which messy/10 rows\.jsonl, line 2 has too; "
    ):
        list(read_documents([messy / "10 rows.jsonl", "more.csv"]))
    with pytest.raises(DocumentError, match=r"duplicate id 'j1', which messy/10 rows\.jsonl, line 1 has too"):
        list(read_documents([messy / "10 rows.jsonl", messy / "10 rows.jsonl"]))


def test_a_source_of_several_without_a_good_row_is_an_error(messy):
    sources = [messy / "10 rows.jsonl", messy / "22 latin.txt"]
    with pytest.raises(SourceError, match=r"22 latin\.txt holds no documents: all 1 rows and files are left out, "):
        list(read_documents(sources, on_error="skip", errors_path="list.jsonl"))


def test_a_folder_of_shards(tmp_path):
    for number in range(3):
        pq.write_table(table(f"{number}a", f"{number}b"), tmp_path / f"part-{number}.parquet")
    (tmp_path / "_SUCCESS").touch()
    reader = read_documents(tmp_path)
    assert [document.id for document in reader] == ["0a", "0b", "1a", "1b", "2a", "2b"]
    assert reader.report.left_out == (LeftOut("ending", 1, (f"{tmp_path}/_SUCCESS",)),)


def test_what_stands_beside_the_corpus_of_a_beir_folder_is_said(tmp_path):
    for name in ("corpus.jsonl", "queries.jsonl", "qrels/test.tsv", "README.md", ".hidden", "qrels/.hidden"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(jsonl({"_id": "a", "text": "t"}))
    reader = read_documents(tmp_path)
    assert [document.id for document in reader] == ["a"]
    assert reader.report.left_out == (
        LeftOut("hidden", 1, (f"{tmp_path}/.hidden",)),
        LeftOut("beside", 1, (f"{tmp_path}/README.md",)),
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.ODT", r"a\.ODT is a document of a word processor, which bicross does not read: save it as \.docx, or conv"),
        ("a.xls", r"a\.xls is a spreadsheet, .*: save it as CSV or \.xlsx first"),
        ("a.zip", r"a\.zip is an archive, .*: unpack it first"),
        ("README", r"README is of an unknown kind; .*; format \(--format\) names that of a file with another ending"),
    ],
)
def test_a_file_that_is_not_read_is_refused_with_the_remedy(tmp_path, name, message):
    (tmp_path / name).write_text("x")
    with pytest.raises(SourceError, match=message):
        read_documents(tmp_path / name)


def test_a_format_can_be_named(tmp_path):
    (tmp_path / "data.dat").write_text('{"id": 1, "text": "t"}\n')
    [document] = read_documents(tmp_path / "data.dat", format="jsonl")
    assert document.id == "1"
    with pytest.raises(BicrossError, match=r"there is no format 'xml' \(--format\); the formats are jsonl, "):
        read_documents(tmp_path / "data.dat", format="xml")
    with pytest.raises(BicrossError, match=r"is a folder: the format \(--format\) of its files follows from their nam"):
        read_documents(tmp_path, format="jsonl")


@pytest.mark.parametrize("path", [None, 7, b"a.jsonl", [], [None], {"a.jsonl": 1}, ["a.jsonl", 7]])
def test_what_is_no_path_is_an_error(path):
    with pytest.raises(BicrossError, match=r"takes the path of a file or folder|the list of paths is empty"):
        read_documents(path)


@pytest.mark.parametrize(("name", "content"), [("jsonl", '{"id": "s", "text": "t"}\n'), ("csv", "id,text\ns,t\n")])
def test_standard_input(monkeypatch, tmp_path, name, content):
    (tmp_path / "input").write_text(content)
    with (tmp_path / "input").open() as file:
        monkeypatch.setattr("sys.stdin", file)
        reader = read_documents("-", format=name)
    assert [d.id for d in reader] == [d.id for d in reader] == ["s"]


def test_errors_of_standard_input(monkeypatch, tmp_path):
    (tmp_path / "input").write_text('{"id": "s", "text": "t"}\nnonsense\n')
    (tmp_path / "empty").touch()
    with (tmp_path / "input").open() as file:
        monkeypatch.setattr("sys.stdin", file)
        with pytest.raises(BicrossError, match="name it, as in --format jsonl"):
            read_documents("-")
        reader = read_documents("-", format="jsonl")
    with pytest.raises(DocumentError, match=r"^standard input, line 2: not JSON"):
        list(reader)
    with (tmp_path / "empty").open() as file:
        monkeypatch.setattr("sys.stdin", file)
        with pytest.raises(SourceError, match="standard input is empty"):
            read_documents("-", format="jsonl")
