import codecs
import csv
import datetime
import json
import os
import struct
import tracemalloc
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bicross.errors import ArgumentError, DocumentError, SourceError
from bicross.index import Document, read_documents
from bicross.index.sources import lines
from helpers.file_facts import without_facts
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.fixture(autouse=True)
def work_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(name, content):
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def write_lines(name, *rows):
    return write(name, "".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows))


def write_csv(name, *rows, delimiter=","):
    with Path(name).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return Path(name)


def write_table(name, table, batch_rows=None):
    """Write Parquet, an IPC stream (.ipc) or an IPC file."""
    if name.endswith(".parquet"):
        pq.write_table(table, name)
    else:
        new = pa.ipc.new_stream if name.endswith(".ipc") else pa.ipc.new_file
        with pa.OSFile(name, "wb") as file, new(file, table.schema) as writer:
            writer.write_table(table, batch_rows)
    return Path(name)


def ids(reader):
    return [document.id for document in reader]


# What is written is read back

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
words = text.filter(str.strip)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)


def documents(metadata):
    document = st.builds(Document, id=words, text=words, title=text, metadata=metadata)
    return st.lists(document, min_size=1, max_size=8, unique_by=lambda d: d.id)


any_metadata = documents(st.dictionaries(text, json_values, max_size=3))
filled = text.filter(str.strip)
columns = documents(
    st.fixed_dictionaries(
        {"source": st.none() | filled.map("~{}".format), "Jahr": st.none() | st.integers(0, 2**63 - 1)}
    )
)
typed_columns = documents(
    st.fixed_dictionaries(
        {
            "year": st.none() | st.integers(-(2**63), 2**63 - 1),
            "tags": st.lists(text, max_size=2),
            "place": st.fixed_dictionaries({"city": text, "north": st.floats(-90, 90)}),
        }
    )
)


@given(any_metadata, st.sampled_from(["id", "_id"]), st.booleans())
def test_json_lines_round_trip(written, id_key, ascii_only):
    with TemporaryDirectory() as folder:
        path = Path(folder, "corpus.jsonl")
        rows = [{id_key: d.id, "title": d.title, "text": d.text, "metadata": d.metadata} for d in written]
        path.write_text("\n".join(json.dumps(row, ensure_ascii=ascii_only) for row in rows), "utf-8", newline="\n")
        assert list(read_documents(path)) == written
        assert list(read_documents(folder)) == written  # as a BEIR folder


@given(columns, st.sampled_from(["a.csv", "a.TSV"]), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
def test_csv_round_trip(written, name, quoting):
    with TemporaryDirectory() as folder:
        path = Path(folder, name)
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter="\t" if name == "a.TSV" else ",", quoting=quoting)
            writer.writerow(["Jahr", "id", "title", "text", "source"])
            writer.writerows([d.metadata["Jahr"], d.id, d.title, d.text, d.metadata["source"]] for d in written)
        assert list(read_documents(path)) == written


@settings(deadline=None)
@given(typed_columns, st.sampled_from(["a.parquet", "a.arrow", "a.feather", "a.ipc"]), st.integers(1, 4))
def test_parquet_and_arrow_round_trip(written, name, batch_rows):
    schema = pa.schema(
        {
            "text": pa.large_string(),
            "_id": pa.string(),
            "title": pa.string(),
            "year": pa.int64(),
            "tags": pa.list_(pa.string()),
            "metadata": pa.struct({"place": pa.struct({"city": pa.string(), "north": pa.float64()})}),
        }
    )
    rows = [
        {"_id": d.id, "text": d.text, "title": d.title, "year": d.metadata["year"], "tags": d.metadata["tags"]}
        | {"metadata": {"place": d.metadata["place"]}}
        for d in written
    ]
    with TemporaryDirectory() as folder:
        path = write_table(f"{folder}/{name}", pa.Table.from_pylist(rows, schema), batch_rows)
        assert list(read_documents(path)) == written


@pytest.mark.parametrize("suffix", ["parquet", "arrow", "ipc"])
def test_values_of_tables_become_json_values(suffix):
    day = datetime.datetime(2024, 2, 29, 12, 30, tzinfo=datetime.UTC)
    columns = {
        "id": pa.array([2**63 - 1]),
        "title": pa.array([None], pa.string()),
        "text": pa.array(["t"]).dictionary_encode(),
        "date": pa.array([day.date()]),
        "at": pa.array([day]),
        "nanoseconds": pa.array([1_234_567_890], pa.timestamp("ns")),
        "took": pa.array([datetime.timedelta(seconds=90)]),
        "price": pa.array([Decimal("1.10")]),
        "missing": pa.array([float("nan")]),
        "map": pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int8())),
    }
    [document] = read_documents(write_table(f"a.{suffix}", pa.table(columns)))
    assert document.id == "9223372036854775807"
    assert document.title == ""
    assert document.metadata == {
        "date": "2024-02-29",
        "at": "2024-02-29T12:30:00+00:00",
        "nanoseconds": "1970-01-01T00:00:01.234567",
        "took": 90.0,
        "price": 1.1,
        "missing": None,
        "map": {"a": 1},
    }
    json.dumps(document.metadata)


def test_keys_without_a_role_become_metadata():
    path = write_lines("a.jsonl", {"id": 7, "text": "t", "title": None, "year": 2020, "metadata": {"tag": "x"}})
    assert list(read_documents(path)) == [Document("7", "t", "", {"year": 2020, "tag": "x"})]


def test_columns_can_be_named():
    path = write_csv("a.csv", ["id", "url", "head", "body", "text"], ["1", "u", "h", "b", "t"])
    [document] = read_documents(path, id_column="url", title_column="head", text_column="body")
    assert document == Document("u", "b", "h", {"id": 1, "text": "t"})


def test_a_column_named_for_the_text_is_not_the_title_as_well():
    path = write_csv("a.csv", ["id", "title"], ["1", "only a title"])
    assert list(read_documents(path, text_column="title")) == [Document("1", "only a title")]


def test_the_empty_name_of_a_column_can_be_used():
    path = write_csv("a.csv", ["", "text"], ["0", "as pandas writes it"])
    assert ids(read_documents(path, id_column="")) == ["0"]


@pytest.mark.parametrize(
    ("name", "content", "position"),
    [
        ("a.jsonl", '{"id": 0, "text": "t"}\n{"id": 1, "text": "t", "text": "u"}\n', "line 2: the key 'text'"),
        (
            "a.json",
            '[{"id": 0, "text": "t"},\n{"id": 1, "text": "t", "author": {"n": 1, "n": 1}}]',
            "element 2: the key 'n'",
        ),
        ("a.json", '{"id": 0, "text": "t"}\n\n{"id": 1, "text": "t", "id": 2}', "line 3: the key 'id'"),
    ],
)
def test_a_key_that_is_there_twice_makes_a_row_bad(name, content, position):
    path = write(name, content)
    with pytest.raises(DocumentError, match=f"{name}, {position} is there twice in one object; keep one of them"):
        list(read_documents(path))
    assert ids(read_documents(path, on_error="skip")) == ["0"]


def test_nul_characters_become_spaces():
    [document] = read_documents(write_lines("a.jsonl", {"id": "1", "title": "a\0b", "text": "c\0"}))
    assert (document.title, document.text) == ("a b", "c ")


@pytest.mark.parametrize("value", ["x" * 200_000, 'a "quoted"\r\nsecond line, with\ta tab'])
def test_long_and_quoted_fields_of_csv(value):
    path = write_csv("a.tsv", ["id", "text"], ["1", value], [], ["2", "after a blank line"], delimiter="\t")
    assert list(read_documents(path)) == [Document("1", value), Document("2", "after a blank line")]


# Encodings and line ends

BOMS = {
    "utf-8": b"",
    "utf-8-sig": b"",
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}


@pytest.mark.parametrize("encoding", BOMS)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_encodings(encoding, end):
    rows = [json.dumps({"id": f"ü{i}", "text": "žluťoučký 🐎 ਊ"}, ensure_ascii=False) for i in range(3)]
    lines = BOMS[encoding] + end.join(["", *rows[:2], "  ", rows[2]]).encode(encoding)
    table = BOMS[encoding] + end.join(["id,text", *(f"ü{i},žluťoučký 🐎 ਊ" for i in range(3))]).encode(encoding)
    page = BOMS[encoding] + f"# Ü{end}žluťoučký".encode(encoding)
    expected = [Document(f"ü{i}", "žluťoučký 🐎 ਊ") for i in range(3)]
    assert list(read_documents(write("a.jsonl", lines))) == expected
    assert list(read_documents(write("a.csv", table))) == expected
    [document] = read_documents(write("a.md", page))
    assert without_facts(document, "a.md") == Document("a.md", "# Ü\nžluťoučký", "Ü", {"path": "a.md"})


@pytest.mark.parametrize(
    ("encoding", "bad"),
    [
        ("utf-8", b"\xff"),
        ("utf-8", b"\xe2\x82"),
        ("utf-8", b"\xed\xa0\x80"),
        ("utf-16-le", b"\x00\xd8"),
        ("utf-16-be", b"\xdc\x00"),
        ("utf-32-le", b"\x00\xd8\x00\x00"),
        ("utf-32-be", b"\x7f\xff\xff\xff"),
    ],
)
def test_bytes_that_cannot_be_decoded_spoil_only_their_own_row(encoding, bad):
    before, middle, after = (
        part.encode(encoding) for part in ('{"id": 1, "text": "', '"}\n', '{"id": 2, "text": "b"}')
    )
    path = write("a.jsonl", BOMS[encoding] + before + bad + middle + after)
    with pytest.raises(
        DocumentError, match=r"a\.jsonl, line 1: the byte 0x[0-9a-f]{2} at character 20 cannot be decoded as"
    ):
        list(read_documents(path))
    assert ids(read_documents(path, on_error="skip")) == ["2"]


def test_half_a_character_at_the_end():
    path = write("a.jsonl", codecs.BOM_UTF16_LE + '{"id": 1, "text": "a"}\n'.encode("utf-16-le") + b"{")
    assert ids(reader := read_documents(path, on_error="skip")) == ["1"]
    assert reader.skipped == 1


def test_bytes_that_cannot_be_decoded_inside_quoted_lines_of_csv():
    path = write("a.csv", b'id,text\n1,"one\n\xff\n3,three"\n2,two\n')
    assert ids(read_documents(path, on_error="skip")) == ["2"]
    [error] = read_log()
    assert error == {
        "source": "a.csv",
        "line": 2,
        "reason": "in line 3, the byte 0xff at character 1 cannot be decoded as utf-8; name the encoding of the file"
        " with encoding (--encoding), as in cp1252, or save it as UTF-8",
    }


# Bad rows

TOO_DEEP = '{"id": 1, "text": "t", "a": ' + "[" * 100_000 + "]" * 100_000 + "}"
TOO_LARGE = '{"id": ' + "9" * 5000 + ', "text": "t"}'


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"text": "t", "n": 1}, "no id: the row has no 'id', only text, n"),
        ({"id": "", "text": "t"}, "no id: 'id' is empty"),
        ({"id": " \n", "text": "t"}, "no id: 'id' is empty"),
        ({"id": None, "text": "t"}, "no id: 'id' must be a string or an integer, not None"),
        ({"_id": True, "text": "t"}, "no id: '_id' must be a string or an integer, not True"),
        ({"id": 1.0, "text": "t"}, "no id: 'id' must be a string or an integer, not 1.0"),
        ({"id": "a\0", "text": "t"}, r"the id 'a\x00' has a NUL character"),
        ({"id": "ok", "text": "t"}, "duplicate id 'ok'"),
        ({"id": "1"}, "no text: 'text' and 'title' are both missing or blank"),
        ({"id": "1", "text": " ", "title": None}, "no text: 'text' and 'title' are both missing or blank"),
        ({"id": "1", "text": "\0"}, "no text: 'text' and 'title' are both missing or blank"),
        ({"id": "1", "text": 5}, "text must be a string, not int: 5"),
        ({"id": "1", "text": "t", "title": ["t"]}, "title must be a string, not list: ['t']"),
        ({"id": "1", "text": "t", "metadata": "x"}, "metadata must be an object, not 'x'"),
        ({"id": "1", "text": "t", "metadata": []}, "metadata must be an object, not []"),
        ({"id": "1", "text": "t", "a": 1, "metadata": {"a": 2}}, "'a' is both in metadata and beside it"),
        ({"id": "\ud800", "text": "t"}, "id has a lone surrogate U+D800 at character 0"),
        ({"id": "1", "text": "t\udfff"}, "text has a lone surrogate U+DFFF at character 1"),
        ({"id": "1", "text": "t", "a": ["\ud800"]}, "document '1': the metadata field 'a' has a lone surrogate U+D800"),
        ("{'id': 1}", "not JSON: Expecting property name enclosed in double quotes at column 2"),
        ('{"id": 1, "text": "t"} {}', "not JSON: Extra data at column 24"),
        ("[1]", "not a JSON object, but [1]"),
        (TOO_DEEP, "not JSON that can be read: it is nested too deeply"),
        (TOO_LARGE, "Exceeds the limit (4300 digits) for integer string conversion"),
        ("x" * 1000 + "y" * 4_000_000, "the row is longer than 4000000 characters, or has too many values"),
    ],
    ids=range(25),
)
def test_bad_rows_of_json_lines(row, reason, monkeypatch):
    monkeypatch.setattr(lines, "MAX_ROW_BYTES", 4_000_000)
    line = row if isinstance(row, str) else json.dumps(row)
    path = write_lines("a.jsonl", {"id": "ok", "text": "t"}, "\n", f"{line}\n", {"id": "next", "text": "t"})
    with pytest.raises(DocumentError) as caught:
        list(read_documents(path))
    assert (caught.value.source, caught.value.line) == ("a.jsonl", 3)
    assert str(caught.value).startswith(f"a.jsonl, line 3: {reason}")

    reader = read_documents(path, on_error="skip")
    assert ids(reader) == ["ok", "next"]
    assert reader.skipped == 1
    assert read_log() == [{"source": "a.jsonl", "line": 3, "reason": caught.value.reason}]


@pytest.mark.parametrize(
    ("row", "line", "reason"),
    [
        ("1,a", 3, "the row has 2 fields, but the header names 3"),
        ("1,a,b,c", 3, "the row has 4 fields, but the header names 3"),
        ("1,,", 3, "no text: 'text' and 'title' are both missing or blank"),
        (",a,b", 3, "no id: 'id' is empty"),
        ('"0","a\n",b', 3, "duplicate id '0'"),
        ('1,"a"b,c', 3, "not CSV: ',' expected after '\"'"),
        ("1,a," + "b" * 3000, 3, "the row is longer than 2000 characters, or has too many values"),
    ],
)
def test_bad_rows_of_csv(row, line, reason, monkeypatch):
    monkeypatch.setattr(lines, "MAX_ROW_BYTES", 2000)
    path = write("a.csv", f"id,title,text\n0,a,b\n{row}\n2,c,d\n")
    with pytest.raises(DocumentError) as caught:
        list(read_documents(path))
    assert str(caught.value).startswith(f"a.csv, line {line}: {reason}")
    assert ids(read_documents(path, on_error="skip")) == ["0", "2"]


def test_a_quote_that_is_never_closed_is_an_error():
    path = write("a.csv", 'id,text\n0,a\n1,"b\n2,c\n')
    with pytest.raises(DocumentError, match=r"a\.csv, line 3: not CSV: unexpected end of data in line 4: a quote that"):
        list(read_documents(path))


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow", "a.ipc"])
@pytest.mark.parametrize(
    ("column", "reason"),
    [
        ({"id": ["0", None, "2"]}, "no id: 'id' must be a string or an integer, not None"),
        ({"id": ["0", "0", "2"]}, "duplicate id '0'"),
        ({"text": ["a", None, "c"]}, "no text: 'text' and 'title' are both missing or blank"),
    ],
)
def test_bad_rows_of_tables(name, column, reason):
    path = write_table(name, pa.table({"id": ["0", "1", "2"], "text": ["a", "b", "c"]} | column))
    with pytest.raises(DocumentError) as caught:
        list(read_documents(path))
    assert str(caught.value).startswith(f"{name}, row 2: {reason}")
    assert ids(read_documents(path, on_error="skip")) == ["0", "2"]


def test_text_that_is_not_utf_8_in_parquet():
    texts = pa.array([b"a", b"\xff", b"c"]).view(pa.string())
    path = write_table("a.parquet", pa.table({"id": ["0", "1", "2"], "text": texts}))
    with pytest.raises(DocumentError, match=r"a\.parquet, row 2: a value cannot be read: 'utf-8' codec"):
        list(read_documents(path))
    assert ids(read_documents(path, on_error="skip")) == ["0", "2"]


# Skipping


EARLIER_LOG = '{"source": "another.jsonl", "line": 1, "reason": "from an earlier run"}\n'


def read_log(path="errors.jsonl"):
    return [json.loads(line) for line in Path(path).read_text("utf-8").splitlines()]


def test_the_log_holds_every_bad_row_of_the_latest_iteration():
    path = write_lines("a.jsonl", {"id": 1}, {"id": 2, "text": "t"}, "{\n", "[]\n")
    write("log.jsonl", EARLIER_LOG * 9)
    reader = read_documents(path, on_error="skip", errors_path="log.jsonl")
    for _ in range(2):
        assert ids(reader) == ["2"]
        assert reader.skipped == 3
        assert [error["line"] for error in read_log("log.jsonl")] == [1, 3, 4]
    assert not Path("errors.jsonl").exists()


def test_no_log_without_a_bad_row():
    """The list of an earlier run would be taken for that of this one."""
    write("errors.jsonl", EARLIER_LOG)
    reader = read_documents(write_lines("a.jsonl", {"id": 1, "text": "t"}), on_error="skip")
    assert ids(reader) == ["1"]
    assert reader.skipped == 0
    assert not Path("errors.jsonl").exists()


def test_a_log_that_cannot_be_written_is_an_error_at_once():
    path = write_lines("a.jsonl", {"id": 1, "text": "t"})
    Path("folder").mkdir()
    for name, reason in {"missing/log.jsonl": "No such file or directory", "a.jsonl/log": "Not a directory"}.items():
        with pytest.raises(ArgumentError, match=rf"cannot be written to {name}: {reason}; .* \(--errors\)"):
            read_documents(path, on_error="skip", errors_path=name)


@pytest.mark.parametrize("content", ["notes of mine", '{"id": 1}\n', "[]\n", "\xff"])
def test_a_log_never_replaces_another_file(content):
    path = write_lines("a.jsonl", {"id": 1, "text": "t"})
    write("notes.txt", content)
    with pytest.raises(ArgumentError, match=r"notes\.txt is there and is not a list of bad rows: name another file"):
        read_documents(path, on_error="skip", errors_path="notes.txt")
    assert Path("notes.txt").read_text("utf-8") == content


def test_the_log_never_overwrites_the_source():
    path = write_lines("corpus.jsonl", {"id": 1})
    for source in (path, Path.cwd()):
        with pytest.raises(ArgumentError, match="errors_path is the source itself"):
            read_documents(source, on_error="skip", errors_path="./corpus.jsonl")
    assert read_documents(path, errors_path=path).skipped == 0  # unused


def test_a_source_without_a_good_row_is_an_error():
    reader = read_documents(write_lines("a.jsonl", {"id": 1, "text": ""}, {"id": 2}), on_error="skip")
    with pytest.raises(SourceError, match=r"all 2 rows and files are left out, the first of them a\.jsonl, line 1: "):
        list(reader)
    assert reader.skipped == 2
    assert len(read_log()) == 2


@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_paths_that_are_none(on_error):
    for path, message in {"": "a path is empty", "a\0b": "a path has a NUL"}.items():
        with pytest.raises(ArgumentError, match=message):
            read_documents([path], on_error=on_error)
    with pytest.raises(SourceError, match=r"'a{150,} cannot be looked for: File name too long"):
        read_documents("a" * 5000, on_error=on_error)


def test_arguments_of_the_wrong_type():
    with pytest.raises(ArgumentError, match="columns must be a list of names of columns, not 5"):
        read_documents("a.csv", columns=5)
    with pytest.raises(ArgumentError, match="leave_out must be a list of names of columns, not 5"):
        read_documents("a.csv", leave_out=5)
    with pytest.raises(ArgumentError, match="there is no format 5"):
        read_documents("a.csv", format=5)


@pytest.mark.parametrize("on_error", ["ignore", "", None, True, ["skip"]])
def test_unknown_on_error(on_error):
    with pytest.raises(ArgumentError, match="on_error must be 'raise' or 'skip', not "):
        read_documents("missing.jsonl", on_error=on_error)


# Iterating


def test_every_iteration_starts_anew():
    reader = read_documents(write_lines("a.jsonl", *({"id": i, "text": "t"} for i in range(5))))
    iterator = iter(reader)
    next(iterator)
    iterator.close()
    assert ids(reader) == ids(reader) == list("01234")


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.parquet", "a.arrow", "a.ipc", "folder"])
def test_the_fraction_grows_to_one(name):
    rows = [{"id": str(i), "text": "word " * 50} for i in range(1000)]
    match name.rpartition(".")[2]:
        case "jsonl":
            write_lines(name, *rows)
        case "csv":
            write_csv(name, ["id", "text"], *(row.values() for row in rows))
        case "folder":
            for row in rows[:40]:
                write(f"folder/{row['id']}.txt", row["text"])
        case _:
            write_table(name, pa.Table.from_pylist(rows), 300)
    reader = read_documents(name)
    assert reader.fraction == 0.0
    fractions = [reader.fraction for _ in reader]
    assert fractions == sorted(fractions)
    assert 0.0 < fractions[0] < 0.1
    assert 0.3 < fractions[len(fractions) // 2] < 0.7
    assert fractions[-1] <= 1.0 == reader.fraction


# Streaming


def measured(path):
    """Peak memory while reading, in Python and in Arrow, and the number of documents."""
    arrow_before, arrow_peak, count = pa.total_allocated_bytes(), 0, 0
    tracemalloc.start()
    try:
        for _ in read_documents(path):
            count += 1
            arrow_peak = max(arrow_peak, pa.total_allocated_bytes() - arrow_before)
        return tracemalloc.get_traced_memory()[1], arrow_peak, count
    finally:
        tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.parquet", "a.arrow"])
def test_memory_stays_far_below_the_size_of_the_file(name):
    rows = 3000
    values = ((str(i), os.urandom(5000).hex()) for i in range(rows))
    if name == "a.csv":
        write_csv(name, ["id", "text"], *values)
    elif name == "a.jsonl":
        with Path(name).open("w") as file:
            file.writelines(json.dumps({"id": i, "text": text}) + "\n" for i, text in values)
    else:
        table = pa.table(dict(zip(["id", "text"], zip(*values, strict=True), strict=True)))
        pq.write_table(table, name, use_dictionary=False) if name == "a.parquet" else write_table(name, table)
        del table
    size = Path(name).stat().st_size
    assert size > 2**24
    python_peak, arrow_peak, count = measured(name)
    assert count == rows
    assert python_peak < size / 8
    assert arrow_peak < size / 2


def test_a_line_that_is_too_long_is_never_held(monkeypatch):
    monkeypatch.setattr(lines, "MAX_ROW_BYTES", 2**16)
    path = write("a.jsonl", b"x" * 2**25 + b'\n{"id": 1, "text": "t"}\n')
    tracemalloc.start()
    try:
        assert ids(read_documents(path, on_error="skip")) == ["1"]
        assert tracemalloc.get_traced_memory()[1] < 2**23
    finally:
        tracemalloc.stop()


# Text files


def test_a_folder_of_text_files():
    write("notes/b.txt", "Plain text.\r\nSecond line.")
    write("notes/B/z.md", "```sh\n# a comment\n```\n\n#no heading\n## Second level\n# The *title* of C# ##\nBody.")
    write("notes/a.rst", "....\n\n==========\nThe manual\n==========\n\nBody.\n\nNext\n----\n")
    write("notes/plain.md", "    # code\n\nNo heading.")
    write("notes/page.HTML", "<p>Hi")
    write("notes/.hidden.txt", "hidden")
    write("notes/.git/x.txt", "hidden")
    write("notes/data.csv", "id,text,n\n1,t,x")
    documents = [without_facts(d, f"notes/{d.id}") if d.id != "1" else d for d in read_documents("notes")]
    assert [(d.id, d.title, d.metadata) for d in documents] == [
        ("B/z.md", "The *title* of C#", {"path": "B/z.md"}),
        ("a.rst", "The manual", {"path": "a.rst"}),
        ("b.txt", "b", {"path": "b.txt"}),
        ("1", "", {"n": "x"}),
        ("page.HTML", "page", {"path": "page.HTML"}),
        ("plain.md", "plain", {"path": "plain.md"}),
    ]
    assert next(d for d in read_documents("notes") if d.id == "b.txt").text == "Plain text.\nSecond line."


@pytest.mark.parametrize(
    ("content", "title"),
    [
        ("# One\n# Two", "One"),
        ("   #\tTab", "Tab"),
        ("# C# #\n# x", "C#"),
        ("# #", "a"),
        ("#\n", "a"),
        ("~~~\n# x\n~~~", "a"),
    ],
)
def test_titles_of_markdown(content, title):
    [document] = read_documents(write("a.md", content))
    assert (document.title, document.text) == (title, content)


@pytest.mark.parametrize(
    ("content", "title"),
    [("Title\n=====\nx", "Title"), ("Title\n===\nx", "a"), ("x\n\n-----\n\ny", "a"), ("Über\n~~~~\n", "Über")],
)
def test_titles_of_rst(content, title):
    [document] = read_documents(write("a.rst", content))
    assert document.title == title


PAGE = """<!DOCTYPE html><html><head><title>
 Caf&eacute; &amp; more</title><style>p { color: red }</style>
<script>if (a < b) { document.write("<p>no</p>") }</script></head>
<body><!-- no --><h1>Head<b>ing</b></h1><p>One
two <a href="x">three</a>.<br>Four &lt;five&gt;</p><ul><li>a<li>b</ul>
<table><tr><td>c</td><td>d</td></tr></table><svg><title>Icon</title></svg>last</body></html>"""


def test_html():
    [document] = read_documents(write("a.htm", PAGE))
    assert document.title == "Café & more"
    assert document.text == "Heading\nOne two three.\nFour <five>\na\nb\nc\nd\nlast"


@settings(deadline=None)
@given(st.text("<>!-/=&;[]\"'a \n#pbstyle", max_size=40))
def test_html_of_any_kind_is_read_or_refused(content):
    with TemporaryDirectory() as folder:
        path = Path(folder, "a.html")
        path.write_text(f"<p>start</p>{content}", "utf-8")
        reader = read_documents(path, on_error="skip", errors_path=Path(folder, "errors.jsonl"))
        read = list(reader)
        assert len(read) + reader.skipped == 1
        assert all(document.text.startswith("start") for document in read)


def test_a_file_of_its_own():
    write("folder/a.txt", "text")
    [document] = read_documents("folder/a.txt")
    assert without_facts(document, "folder/a.txt") == Document("a.txt", "text", "a", {"path": "a.txt"})


def test_links_out_of_the_folder_are_not_followed():
    write("outside/secret.txt", "secret")
    write("folder/a.txt", "a")
    for name, target in {"secret.txt": "../outside/secret.txt", "out": "../outside", "inside.txt": "a.txt"}.items():
        try:
            Path("folder", name).symlink_to(target)
        except OSError:
            pytest.skip("this system or account cannot make links")
    Path("folder/broken.txt").symlink_to("missing.txt")
    Path("folder/loop").symlink_to(".", target_is_directory=True)
    assert ids(read_documents("folder")) == ["a.txt", "inside.txt"]


def test_bad_text_files(monkeypatch):
    monkeypatch.setattr("bicross.index.sources.texts.reading.MAX_ROW_BYTES", 100)
    write("folder/a.txt", "good")
    write("folder/blank.md", " \n")
    write("folder/bytes.txt", b"a\xff")
    write("folder/large.txt", "x" * 101)
    write("folder/vanishes.txt", "good")
    reader = read_documents("folder", on_error="skip")
    documents = iter(reader)
    next(documents)
    Path("folder/vanishes.txt").unlink()
    assert list(documents) == []
    assert {Path(error["source"]).name: error["reason"] for error in read_log()} == {
        "blank.md": "no text: the file is blank",
        "bytes.txt": "byte 2 (0xff) is not UTF-8; save the file as UTF-8, or name its encoding (--encoding, as in"
        " --encoding cp1252)",
        "large.txt": "the file has 101 bytes, more than the 100 that are read as one document",
        "vanishes.txt": "the file cannot be read: No such file or directory",
    }
    assert {left_out.kind for left_out in reader.report.left_out} == {"empty", "encoding", "size", "file"}
    with pytest.raises(DocumentError, match=r"blank\.md: no text") as caught:
        list(read_documents("folder"))
    assert caught.value.line is None


# Sources that cannot be read

KINDS = r"bicross reads JSONL, JSON, .* and HTML; folders of such files; and a folder with a corpus\.jsonl, "


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.jsonl", None, "there is no missing.jsonl: check its name, and the folder that you are in"),
        ("missing", None, "there is no missing: check its name, and the folder that you are in"),
        ("a.xyz", "x", f"a.xyz is of an unknown kind; {KINDS}"),
        ("a", "x", f"a is of an unknown kind; {KINDS}"),
        ("a.jsonl", "", "a.jsonl is empty: write or copy it again"),
        ("a.parquet", "", "a.parquet is empty: write or copy it again"),
        ("a.txt", "", "a.txt is empty: write or copy it again"),
    ],
)
def test_source_errors_at_once(name, content, message):
    if content is not None:
        write(name, content)
    with pytest.raises(SourceError, match=message):
        read_documents(name)


def test_folders_without_documents():
    write("folder/data.xyz", "id,text\n1,t")
    write("folder/.hidden/a.txt", "x")
    contents = r"only 1 left out \(hidden: \.hidden/\); 1 left out \(ending: data\.xyz\)"
    with pytest.raises(SourceError, match=f"the folder folder holds no documents, {contents}; {KINDS}"):
        read_documents("folder")
    write("folder/corpus.jsonl", "")
    with pytest.raises(SourceError, match=r"corpus\.jsonl is empty"):
        read_documents("folder")


@pytest.mark.parametrize(("name", "content"), [("a.jsonl", "\n \r\n\n"), ("a.csv", "id,text\n"), ("a.csv", "\n")])
def test_files_without_rows(name, content):
    reader = read_documents(write(name, content))
    with pytest.raises(SourceError, match=f"{name} holds no documents: is it the right file, and is it complete"):
        list(reader)


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow", "a.ipc"])
def test_tables_without_rows(name):
    reader = read_documents(write_table(name, pa.table({"id": pa.array([], pa.string())})))
    with pytest.raises(SourceError, match=f"{name} holds no documents"):
        list(reader)


@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.arrow"])
@pytest.mark.parametrize(
    ("named", "missing"),
    [
        ({"text_column": "body"}, "no column 'body'"),
        ({"id_column": "key", "text_column": "body"}, "no column 'key' and no column 'body'"),
        ({"id_column": "nr"}, "no column 'text'"),
        ({"id_column": "nr", "text_column": "words", "title_column": "title"}, "no column 'title'"),
    ],
)
@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_columns_that_are_not_there(name, named, missing, on_error):
    if name == "a.csv":
        write_csv(name, ["nr", "words"], ["1", "t"])
    else:
        write_table(name, pa.table({"nr": ["1"], "words": ["t"]}))
    with pytest.raises(SourceError, match=f"{name} has {missing}, only nr, words: name those to read with id_column"):
        list(read_documents(name, on_error=on_error, **named))


def test_a_column_named_twice():
    write_csv("a.csv", ["id", "text", "text"], ["1", "a", "b"])
    write_table("a.arrow", pa.table([["1"], ["a"], ["b"]], names=["id", "text", "text"]))
    for name in ("a.csv", "a.arrow"):
        with pytest.raises(SourceError, match=f"{name} has more than one column named 'text'; rename"):
            list(read_documents(name))


@pytest.mark.parametrize("content", [b"id,te\xffxt\n1,t\n", b'"id"x,text\n'])
def test_a_header_that_cannot_be_read(content):
    with pytest.raises(SourceError, match=r"a\.csv has no readable header: .*; its first line must name the columns"):
        list(read_documents(write("a.csv", content)))


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow", "a.ipc"])
def test_damaged_tables(name):
    table = pa.table({"id": [str(i) for i in range(2000)], "text": ["some text"] * 2000})
    content = write_table(name, table).read_bytes()
    offsets, wild = struct.pack("<3i", 9, 18, 27), struct.pack("<3i", 9, 2**30, 27)
    for damaged in (b"no table", content[: len(content) // 2], content.replace(offsets, wild)):
        if damaged != content:  # Parquet has no such offsets
            with pytest.raises(
                SourceError, match=f"{name} is damaged, or not what its name says: .*; write or copy it"
            ):
                list(read_documents(write(name, damaged)))


@pytest.mark.parametrize(
    "options", [{"delimiter": ";"}, {"columns": ["id", "text"]}, {"types": {"year": "integer"}}, {"quotes": False}]
)
def test_options_of_csv_files_are_refused_where_there_is_none(options):
    write_lines("some.jsonl", {"id": "a", "text": "x", "year": "1"})
    Path("folder").mkdir()
    write("folder/note.txt", "a text")
    for paths in ("some.jsonl", "folder", ["some.jsonl", "folder"]):
        with pytest.raises(ArgumentError, match=f"{next(iter(options))} is for CSV and TSV files, and there is none"):
            read_documents(paths, **options)


@pytest.mark.parametrize("argument", ["leave_out", "metadata_columns"])
def test_a_misspelt_key_of_json_is_noted(argument):
    write_lines("some.jsonl", {"id": "a", "text": "x", "year": 1}, {"id": "b", "text": "y", "author": "z"})
    reader = read_documents("some.jsonl", **{argument: ["year", "autor"]})
    assert ids(reader) == ["a", "b"]
    assert "no row has 'autor'" in reader.report.notes[0]
    reader = read_documents("some.jsonl", **{argument: ["year", "author"]})
    assert (ids(reader), reader.report.notes) == (["a", "b"], ())


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".arrow"])
@pytest.mark.parametrize("argument", ["leave_out", "metadata_columns"])
def test_columns_of_tables_that_are_there_are_not_noted(argument, suffix):
    table = pa.table({"id": ["a"], "text": ["x"], "year": [1]})
    if suffix == ".csv":
        write_csv("some.csv", ["id", "text", "year"], ["a", "x", "1"])
    else:
        write_table(f"some{suffix}", table)
    reader = read_documents(f"some{suffix}", **{argument: ["year"]})
    assert (ids(reader), reader.report.notes) == (["a"], ())


@pytest.mark.parametrize("encoding", ["idna", "punycode", "base64", "none-such", "utf-8\0"])
def test_what_is_no_encoding_of_files_is_refused(encoding):
    write_lines("some.jsonl", {"id": "a", "text": "x"})
    with pytest.raises(ArgumentError, match="there is no text encoding"):
        read_documents("some.jsonl", encoding=encoding)


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.html"])
def test_a_binary_file_is_no_text(name):
    write(f"folder/{name}", b"\0\1\2binary")
    write("folder/good.txt", "a text")
    reader = read_documents("folder", on_error="skip")
    assert ids(reader) == ["good.txt"]
    assert [(left.kind, left.count) for left in reader.report.left_out] == [("encoding", 1)]
