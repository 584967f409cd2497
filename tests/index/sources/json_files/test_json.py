"""JSON Lines and JSON files."""

import gzip
import json
import tracemalloc
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from bicross.errors import DocumentError, SourceError
from bicross.index import Document, read_documents
from bicross.index.sources.json_files import elements
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.fixture(autouse=True)
def work_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(content, name="a.json"):
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return name


def skipping(content, name="a.json"):
    reader = read_documents(write(content, name), on_error="skip")
    read = {document.id: document.text for document in reader}
    log = Path("errors.jsonl").read_text("utf-8").splitlines() if reader.skipped else []
    return read, [(row.get("line", row.get("element")), row["reason"]) for row in map(json.loads, log)]


ROWS = [
    {"id": "1", "title": "Öl", "text": 'a "quoted" \\ {[', "n": 1},
    {"id": "2", "text": "b]},\n", "list": [[1], {}]},
]
DOCUMENTS = [
    Document("1", 'a "quoted" \\ {[', "Öl", {"n": 1}),
    Document("2", "b]},\n", "", {"list": [[1], {}]}),
]


@pytest.mark.parametrize("name", ["a.json", "a.JSON", "a.jsonl", "a.json.gz", "a.ndjson.gz"])
@pytest.mark.parametrize("indent", [None, 0, 2, "\t"])
@pytest.mark.parametrize("blank", ["", " \r\n\n"])
def test_an_array_is_read_however_it_is_written(name, indent, blank):
    content = (blank + json.dumps(ROWS, indent=indent) + blank).encode()
    assert list(read_documents(write(gzip.compress(content) if name.endswith(".gz") else content, name))) == DOCUMENTS


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("between", ["\n", " ", "", "\n\n"])
def test_a_json_file_may_hold_objects_after_each_other(indent, between):
    assert list(read_documents(write(between.join(json.dumps(row, indent=indent) for row in ROWS)))) == DOCUMENTS


def test_json_lines_in_a_file_of_the_other_name():
    assert list(read_documents(write("\n".join(map(json.dumps, ROWS)), "a.json"))) == DOCUMENTS


def test_indented_objects_in_json_lines_are_refused_with_the_reason():
    name = write("".join(json.dumps(row, indent=2) for row in ROWS), "a.jsonl")
    with pytest.raises(
        SourceError, match=r"line 1: not JSON: .* an object of several lines is read from a file that ends in \.json"
    ):
        list(read_documents(name))


def test_an_array_as_a_row_of_json_lines_is_a_bad_row():
    content = '[1]\n{"id": "1", "text": "a"}\n'
    assert skipping(content, "a.jsonl") == ({"1": "a"}, [(1, "not a JSON object, but [1]")])


@pytest.mark.parametrize(
    ("content", "expected", "left_out"),
    [
        (
            '[{"id": "1", "text": "a"}, 5, {"id": "2", "text": "b"}]',
            {"1": "a", "2": "b"},
            [(2, "not a JSON object, but 5")],
        ),
        (
            '[{"id": "1", "text": "a"}, {bad}, {"id": "2", "text": "b"}]',
            {"1": "a", "2": "b"},
            [(2, "not JSON: Expecting")],
        ),
        (
            '[{"id": "1", "text": "a"},,{"id": "2", "text": "b"}]',
            {"1": "a", "2": "b"},
            [(2, "not JSON: Expecting value")],
        ),
        ('[{"id": "1", "text": "a"},]', {"1": "a"}, [(2, "not JSON: a comma stands before the end of the array")]),
        ('[{"id": "1", "text": "a"}', {"1": "a"}, [(2, "not JSON: the file ends inside of its array; write or copy")]),
        (
            '[{"id": "1", "text": "a"}, {"id": ',
            {"1": "a"},
            [(2, "not JSON: Expecting value"), (3, "not JSON: the file ends")],
        ),
        ('[{"id": "1", "text": "a"}] {}', {"1": "a"}, [(2, "not JSON: the file goes on after the end of its array")]),
        (
            '[{"id": "1", "text": "a"},\n{"id": "2", "text": "open},\n{"id": "3", "text": "c"}]',
            {"1": "a"},
            [(2, "not JSON: "), (3, "not JSON: ")],
        ),
        (
            '{"id": "1", "text": "a"}\n,\n{"id": "2", "text": "b"}',
            {"1": "a", "2": "b"},
            [(2, "not JSON: Expecting value")],
        ),
        ('{"id": "1", "text": "a"}\n{"id": "1", "text": "b"}', {"1": "a"}, [(2, "duplicate id '1'")]),
    ],
)
def test_what_is_wrong_in_a_file_is_left_out(content, expected, left_out):
    read, log = skipping(content)
    assert read == expected
    assert [line for line, _ in log] == [line for line, _ in left_out]
    assert all(reason.startswith(start) for (_, reason), (_, start) in zip(log, left_out, strict=True))


def test_the_elements_of_an_array_are_counted_and_not_its_lines():
    name = write('[\n{"id": "1", "text": "a"},\n\n5,\n{"id": "1", "text": "b"}]')
    with pytest.raises(DocumentError, match=r"a\.json, element 2: not a JSON object, but 5") as caught:
        list(read_documents(name))
    assert caught.value.line == 2
    reader = read_documents(name, on_error="skip")
    assert len(list(reader)) == 1
    assert reader.report.left_out[0].examples == ("a.json, element 2", "a.json, element 3")
    log = [json.loads(line) for line in Path("errors.jsonl").read_text().splitlines()]
    assert [(list(row), row["element"]) for row in log] == [(["source", "element", "reason"], n) for n in (2, 3)]
    assert log[1]["reason"] == "duplicate id '1', which a.json, element 1 has too"
    assert len(list(read_documents(name, on_error="skip"))) == 1, "the list of before is known as one"


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_an_array_without_elements_holds_nothing(name):
    with pytest.raises(SourceError, match="holds no documents"):
        list(read_documents(write("[ ]", name)))


def test_bytes_that_cannot_be_decoded_spoil_one_element():
    content = b'[{"id": "1", "text": "\xe9"}, {"id": "2", "text": "b"}]'
    read, [(line, reason)] = skipping(content)
    assert (read, line) == ({"2": "b"}, 1)
    assert reason.startswith("the byte 0xe9 at character 22 cannot be decoded as utf-8; name the encoding")


def test_one_element_that_is_too_large_is_left_out_and_never_held(monkeypatch):
    monkeypatch.setattr(elements, "MAX_ROW_BYTES", 2**16)
    content = b'[{"id": "1", "text": "a"}, {"id": "2", "text": "' + b"x" * 2**24 + b'"}, {"id": "3", "text": "c"}]'
    name = write(content)
    tracemalloc.start()
    try:
        read = [document.id for document in read_documents(name, on_error="skip")]
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()
    assert read == ["1", "3"]


def test_an_array_is_never_held_as_a_whole():
    name = write(json.dumps([{"id": str(i), "text": f"{i} " * 700} for i in range(1500)]))
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_documents(name)) == 1500
        assert tracemalloc.get_traced_memory()[1] < Path(name).stat().st_size / 4
    finally:
        tracemalloc.stop()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text('"\\{}[],\n\t é', max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('"\\{}[]: k', max_size=3), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(
    st.lists(
        st.dictionaries(st.sampled_from(["a", "b", '"', "\\", "]"]), json_values, max_size=3), min_size=1, max_size=6
    ),
    st.sampled_from([None, 0, 3]),
    st.booleans(),
    st.sampled_from([1, 2, 3, 7, 2**16]),
)
def test_any_array_is_read_in_parts_of_any_size(metadata, indent, ascii_only, characters):
    rows = [{"id": str(i), "text": "t", "metadata": row} for i, row in enumerate(metadata)]
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(elements, "_CHARACTERS", characters)
        path = Path(folder, "a.json")
        path.write_text(json.dumps(rows, indent=indent, ensure_ascii=ascii_only), "utf-8")
        assert [document.metadata for document in read_documents(path)] == metadata


@settings(deadline=None)
@given(st.text('{}[]",: \n\\1a', max_size=40), st.sampled_from(["a.json", "a.jsonl"]), st.sampled_from([1, 2**16]))
def test_any_text_is_read_or_refused(content, name, characters):
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(elements, "_CHARACTERS", characters)
        path = Path(folder, name)
        path.write_text('{"id": "1", "text": "t"}\n' + content, "utf-8")
        reader = read_documents(path, on_error="skip", errors_path=Path(folder, "errors.jsonl"))
        assert next(document.id for document in reader) == "1"


@pytest.mark.parametrize("piece", ['"', "\\", '"\\', "[", "{", "]", "}", ",", '"\n', "[{"])
def test_every_character_is_looked_at_once(piece, monkeypatch):
    counts = Counter()

    class Counted:
        def __init__(self, pattern):
            self.pattern = pattern

        def search(self, text, start):
            match = self.pattern.search(text, start)
            counts["characters"] += (match.end() if match else len(text)) - start
            return match

    for name in ("_OUTSIDE", "_NESTED", "_INSIDE"):
        monkeypatch.setattr(elements, name, Counted(getattr(elements, name)))
    content = '[{"id": "1", "text": "t"},' + piece * 2000
    list(read_documents(write(content), on_error="skip"))
    assert counts["characters"] <= 2 * len(content)  # a little is looked at for the keys


# Keys


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (
            [
                {"id": "1", "title": "Vaccines", "body": "Vaccines train."},
                {"id": "2", "title": "Antibodies", "body": "B"},
            ],
            {},
            r"has no row with 'text', only id, title, body: name the right one with text_column \(--text-column\)",
        ),
        (
            [{"id": "1", "title": "a", "content": "b"}],
            {"text_column": "contnet"},
            "has no row with 'contnet', only id, title, content: name",
        ),
        (
            [{"id": "1", "text": "b", "headline": "a"}],
            {"title_column": "heading"},
            r"has no row with 'heading', only id, text, headline: name the right one with title_column \(--title",
        ),
        ([{"id": "1", "contents": "b"}], {}, "has no row with 'text', only id, contents"),
        ([{"_source": {"text": "b"}}], {}, "has no row with 'text', only _source"),
        ([{"data": [{"id": "1", "text": "t"}]}], {}, "Its 'data' is a list of objects: if those are the documents"),
    ],
)
@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_texts_under_another_key_are_no_index_of_titles(name, rows, options, message, on_error):
    write("".join(json.dumps(row) + "\n" for row in rows), name)
    with pytest.raises(SourceError, match=message):
        list(read_documents(name, on_error=on_error, **options))


def test_titles_alone_can_be_asked_for():
    write('{"id": "1", "title": "a"}\n', "a.jsonl")
    assert list(read_documents("a.jsonl", text_column="title")) == [Document("1", "a")]


def test_some_rows_may_have_a_title_alone():
    write('{"id": "1", "title": "a"}\n{"id": "2", "text": "b"}\n{"id": "3", "title": "c", "text": null}\n', "a.jsonl")
    assert list(read_documents("a.jsonl")) == [Document("1", "", "a"), Document("2", "b"), Document("3", "", "c")]


def test_keys_in_capitals():
    write('{"ID": 1, "Title": "a", "Text": "b", "Year": 5}\n', "a.jsonl")
    assert list(read_documents("a.jsonl")) == [Document("1", "b", "a", {"Year": 5})]


def test_nan_is_null():
    write('{"id": 1, "text": "t", "a": NaN, "b": [-Infinity], "c": 1e999}\n', "a.jsonl")
    assert next(iter(read_documents("a.jsonl"))).metadata == {"a": None, "b": [None], "c": None}


def test_settings_of_programs_in_a_folder_are_no_documents_and_no_error():
    Path("docs").mkdir()
    write('{"name": "x", "version": "1.0"}', "docs/package.json")
    write('[{"id": "1", "text": "t"}]', "docs/data.json")
    write("# Title\ntext", "docs/page.md")
    reader = read_documents("docs")
    assert {document.id for document in reader} == {"1", "page.md"}
    [left_out] = reader.report.left_out
    assert (left_out.kind, left_out.count) == ("json", 1)
    assert left_out.examples[0].endswith("package.json")
