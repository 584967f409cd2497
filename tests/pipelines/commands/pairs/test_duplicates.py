import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bicross.index import read_documents
from bicross.pipelines import build_index
from helpers.commands import run
from helpers.fakes import HashEncoder

ENCODER = HashEncoder()
ROWS = [
    {"id": "a", "text": "tea milk bread"},
    {"id": "b", "text": "soup"},
    {"id": "c", "text": "tea  milk bread"},
    {"id": "d", "text": 'rice and\nsalt, "much"'},
    {"id": "e", "text": "milk tea bread fish tea milk bread"},
    {"id": "d2", "text": 'rice and salt, "much"'},
]
KEPT = ["a", "b", "d"]


@pytest.fixture(autouse=True)
def fake_encoder(monkeypatch):
    monkeypatch.setattr("bicross.pipelines.pairs.sources.load_encoder", lambda *_, **__: ENCODER)


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, ROWS[:2])) + "\n\n" + "\n".join(map(json.dumps, ROWS[2:])))
    return path


def records(out):
    return [json.loads(line) for line in out.splitlines()]


def test_groups_are_printed_with_what_is_like_them(rows, tmp_path, capsys):
    code, out, err = run(capsys, "duplicates", rows, "--threshold", "0.8")
    assert code == 0
    assert out.splitlines()[:3] == [
        "a  tea milk bread",
        "  equal  c  tea milk bread",
        f"  {out.splitlines()[2].split()[0]} e  milk tea bread fish tea milk bread",
    ]
    assert "6 documents, 2 groups of duplicates; 3 can be dropped" in err
    code, out, _ = run(capsys, "duplicates", rows, "--threshold", "0.8", "--json")
    *groups, summary = records(out)
    assert [(group["representative"], [document["id"] for document in group["documents"]]) for group in groups] == [
        ("a", ["a", "c", "e"]),
        ("d", ["d", "d2"]),
    ]
    assert summary == {"documents": 6, "groups": 2, "extra": 3}
    assert [document["is_equal"] for document in records(out)[0]["documents"]] == [True, True, False]
    build_index(read_documents(rows), tmp_path / "index", encoder=ENCODER, reranker=None)
    assert run(capsys, "duplicates", tmp_path / "index", "--threshold", "0.8", "--json")[1] == out
    code, out, _ = run(capsys, "duplicates", rows, "--threshold", "0.8", "--pairs", "--json")
    *pairs, summary = records(out)
    assert [(pair["first"], pair["second"], pair["verified"]) for pair in pairs] == [("a", "e", None)]
    assert summary == {"documents": 6, "pairs": 1}
    code, out, _ = run(capsys, "duplicates", rows, "--threshold", "0.8", "--pairs")
    assert out.endswith("  a | e\n")


@pytest.mark.parametrize(("options", "counted"), [((), "groups"), (("--pairs",), "pairs")])
def test_a_collection_without_duplicates_says_so_as_json_too(options, counted, tmp_path, capsys):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"id": "a", "text": "tea"}\n{"id": "b", "text": "fish"}\n')
    code, out, _ = run(capsys, "duplicates", path, "--json", *options)
    assert (code, [record[counted] for record in records(out)]) == (0, [0])


def test_lines_that_stay_are_copied_as_they_are(rows, tmp_path, capsys):
    target = tmp_path / "distinct.jsonl"
    code, out, _ = run(capsys, "dedupe", rows, target, "--threshold", "0.8")
    assert code == 0
    lines = rows.read_text().split("\n")
    assert target.read_text() == "".join(f"{lines[number]}\n" for number in (0, 1, 2, 4))
    assert out.splitlines()[0] == "left out c (row at 4): equal to a"
    assert out.splitlines()[1].startswith("left out e (row at 6): 0.")
    assert out.splitlines()[-1] == f"Wrote 3 of 6 documents to {target}; left out 3 duplicates"
    code, out, err = run(capsys, "dedupe", rows, target)
    assert (code, out) == (2, "")
    assert "exists already: choose another name, or replace it with --overwrite" in err
    code, out, _ = run(capsys, "dedupe", rows, rows, "--overwrite", "--json", "--threshold", "0.8")
    assert code == 0
    *dropped, summary = records(out)
    assert [(row["id"], row["kept"], row["is_equal"]) for row in dropped] == [
        ("c", "a", True),
        ("e", "a", False),
        ("d2", "d", True),
    ]
    assert summary == {"documents": 6, "kept": 3, "dropped": 3, "path": str(rows)}
    assert rows.read_text() == target.read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["distinct.jsonl", "rows.jsonl"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(("name", "comma"), [("rows.csv", ","), ("rows.tsv", "\t"), ("rows.csv.gz", ",")])
def test_columns_keep_their_header_and_rows_of_several_lines(tmp_path, capsys, name, comma, end):
    def quoted(text):
        return '"' + text.replace('"', '""') + '"'

    parts = {row["id"]: (comma.join((row["id"], quoted(row["text"]))) + "\n").replace("\n", end) for row in ROWS}
    header = f"\ufeffid{comma}text{end}"
    source, target = tmp_path / name, tmp_path / f"new-{name}"
    content = (header + "".join(parts.values())).encode()
    source.write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    code, _, err = run(capsys, "dedupe", source, target, "--threshold", "0.8")
    assert code == 0, err
    written = target.read_bytes()
    written = gzip.decompress(written) if name.endswith("gz") else written
    assert written.decode() == header + "".join(parts[id_] for id_ in KEPT)


def test_the_first_row_of_a_multi_line_group_goes_as_a_whole(tmp_path, capsys):
    source, target = tmp_path / "rows.csv", tmp_path / "new.csv"
    source.write_text('id,text\nz,"one\ntwo\nthree"\na,"one\ntwo\nthree"\nb,four\n')
    assert run(capsys, "dedupe", source, target)[0] == 0
    assert target.read_text() == 'id,text\nz,"one\ntwo\nthree"\nb,four\n'


@pytest.mark.parametrize("compression", ["zstd", "none"])
def test_tables_keep_their_schema(tmp_path, capsys, compression):
    table = pa.table(
        {
            "id": [row["id"] for row in ROWS],
            "text": [row["text"] for row in ROWS],
            "n": pa.array(range(6), pa.int8()),
            "tags": [["x"]] * 6,
        }
    ).replace_schema_metadata({"made by": "someone"})
    source, target = tmp_path / "rows.parquet", tmp_path / "new.parquet"
    pq.write_table(table, source, compression=compression, row_group_size=4)
    assert run(capsys, "dedupe", source, target, "--threshold", "0.8")[0] == 0
    written = pq.read_table(target)
    assert written.equals(pq.read_table(source).take([0, 1, 3]), check_metadata=True)
    column = pq.ParquetFile(target).metadata.row_group(0).column(0)
    assert column.compression == pq.ParquetFile(source).metadata.row_group(0).column(0).compression


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("duplicates rows.jsonl --threshold 1.5", "threshold must be a number from 0 to 1, not 1.5"),
        ("duplicates missing.jsonl", "missing.jsonl"),
        ("duplicates other.csv", "has no column 'text'"),
        ("dedupe rows.jsonl new.jsonl --threshold -1", "threshold must be a number from 0 to 1, not -1"),
        ("dedupe rows.jsonl new.jsonl --reranker-threshold 2", "must be a number from 0 to 1, not 2"),
        ("dedupe rows.jsonl new.csv", "new.csv must end in .jsonl: rows.jsonl is jsonl"),
        ("dedupe rows.jsonl nowhere/new.jsonl", "cannot write rows to nowhere/new.jsonl: there is no folder "),
        ("dedupe rows.jsonl rows.jsonl", "rows.jsonl exists already"),
        ("dedupe page.md new.md", "only JSONL, CSV, TSV and Parquet are"),
        ("dedupe array.jsonl new.jsonl", "is one JSON array, which is not copied by lines"),
        ("dedupe wide.csv new.csv", "is UTF-16 or UTF-32"),
        ("dedupe rows.jsonl new.jsonl --encoding UTF-16", "lines of UTF-16 and UTF-32 are not copied"),
        ("dedupe . new.jsonl", "is not a file"),
        ("dedupe other.csv new.csv", "has no column 'text'"),
        ("dedupe broken.jsonl new.jsonl", "broken.jsonl, line 2"),
    ],
)
def test_mistakes_are_found_before_a_model_is_loaded(rows, tmp_path, capsys, monkeypatch, line, message):
    (tmp_path / "other.csv").write_text("id,content\na,b\n")
    (tmp_path / "page.md").write_text("# title\ntext\n")
    (tmp_path / "array.jsonl").write_text(json.dumps(ROWS))
    (tmp_path / "wide.csv").write_text("id,text\na,b\n", encoding="utf-16")
    (tmp_path / "broken.jsonl").write_text('{"id": "a", "text": "b"}\n{"id": \n')
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    if "broken" not in line:
        monkeypatch.setattr("bicross.pipelines.pairs.sources.load_encoder", None)
    code, out, err = run(capsys, *line.split())
    assert code in (1, 2)
    assert out == ""
    assert message in err
    assert sorted(tmp_path.iterdir()) == before


def test_a_file_that_changes_meanwhile_is_not_written(rows, tmp_path, capsys, monkeypatch):
    def slow(*_, **__):
        with rows.open("a") as file:
            file.write("\n" + json.dumps({"id": "new", "text": "late"}) + "\n")
        return ENCODER

    monkeypatch.setattr("bicross.pipelines.pairs.sources.load_encoder", slow)
    code, _, err = run(capsys, "dedupe", rows, tmp_path / "new.jsonl")
    assert code == 1
    assert "was changed while its duplicates were looked for, so nothing is written" in err
    assert [path.name for path in tmp_path.iterdir()] == ["rows.jsonl"]


@pytest.mark.parametrize("command", ["duplicates", "cluster"])
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_what_a_folder_holds_and_is_not_read_is_said(tmp_path, capsys, command, options):
    for name, text in {"a.txt": "tea milk", "b.txt": "tea milk", "photo.png": "x", "song.mp3": "x"}.items():
        (tmp_path / name).write_text(text)
    code, out, err = run(capsys, command, tmp_path, "--threshold", "0.3", *options)
    assert (code, "a.txt" in out) == (0, True)
    unread = f"{tmp_path}/photo.png, {tmp_path}/song.mp3"
    assert f"bicross: Left out 2 files of a kind that is not read: {unread}\n" in err
    assert err.count("Left out") == 1
