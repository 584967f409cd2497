"""What quotes mean in CSV and TSV files, and that no row is lost where they are wrong."""

import csv
import json
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from bicross.errors import DocumentError
from bicross.index import read_documents
from bicross.index.sources.separated.records import Records
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.fixture(autouse=True)
def work_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def texts(content, name="a.tsv", **options):
    Path(name).write_text(content, "utf-8", newline="")
    return {document.id: document.text for document in read_documents(name, **options)}


def skipping(content, name="a.csv", **options):
    """The texts by ids, and (line, reason) of what is left out."""
    Path("errors.jsonl").unlink(missing_ok=True)
    read = texts(content, name, on_error="skip", **options)
    log = Path("errors.jsonl").read_text("utf-8").splitlines() if Path("errors.jsonl").exists() else []
    return read, [(row["line"], row["reason"]) for row in map(json.loads, log)]


# TSV


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (['1\t"Hello he said', "2\tsecond doc", '3\t"', "4\tfourth"], None),
        (['1\t"To be or not to be"', "2\tx"], None),
        (['1\t"a" b "c"', '2\t"d', '3\te"'], None),
        (['1\t"', '2\t"'], None),
        (['1\t24" screen', "2\tx"], None),
    ],
)
def test_quotes_of_a_tsv_file_are_characters(rows, expected):
    assert texts("\n".join(["id\ttext", *rows])) == dict(row.split("\t") for row in rows)


def test_many_open_quotes_in_a_tsv_file_lose_nothing():
    rows = [(str(i), ('"' if i % 50 == 0 else "") + f"text {i}") for i in range(400)]
    assert texts("id\ttext\n" + "".join("\t".join(row) + "\n" for row in rows)) == dict(rows)


@pytest.mark.parametrize(
    "content",
    [
        '"id"\t"text"\n"1"\t"plain"\n',
        'id\ttext\n1\t"line\nbreak"\n2\t"a\ttab"\n',
        'id\ttext\n1\t"he said ""hi"""\n',
        'id\ttext\n1\t"""quoted"" at the start"\n2\tx\n',
        'id\ttext\n1\t"a ""quoted""\r\nsecond line"\n',
    ],
)
def test_quoted_tsv_of_spreadsheets_is_read_as_they_mean_it(content):
    rows = list(csv.DictReader(content.splitlines(keepends=True), delimiter="\t"))
    assert texts(content) == {row["id"]: row["text"] for row in rows}


def test_a_tsv_file_that_neither_meaning_of_quotes_explains_has_none():
    read, left_out = skipping('id\ttext\n1\t"open\n2\ta\tb\n3\tc\n', "a.tsv")
    assert read == {"1": '"open', "3": "c"}
    assert left_out == [(3, "the row has 3 fields, but the header names 2")]


def test_quotes_can_be_named():
    content = 'id\ttext\n1\t"a"\n'
    assert texts(content, quotes=True) == {"1": "a"}
    assert texts(content, quotes=False) == {"1": '"a"'}
    assert texts('id,text\n1,"a"\n', "a.csv", quotes=False) == {"1": '"a"'}


# CSV


@pytest.mark.parametrize("others", [1, 2, 3, 10])
def test_an_open_quote_is_one_bad_row(others):
    content = 'id,text\n1,a\n2,"open\n' + "".join(f"{i},x\n" for i in range(3, 3 + others)) + '99,"good, one"\n'
    read, [(line, reason)] = skipping(content)
    assert read == {"1": "a", "99": "good, one"} | {str(i): "x" for i in range(3, 3 + others)}
    assert line == 3
    assert f"swallows {others + 1} more lines, to line {others + 4}" in reason
    assert "quotes=False (--no-quotes)" in reason
    with pytest.raises(DocumentError, match=r"a\.csv, line 3: not CSV: ',' expected after '\"' in line"):
        texts(content, "a.csv")


def test_an_open_quote_at_the_end_and_one_in_the_last_line():
    assert skipping('id,text\n1,a\n2,"open\n3,c\n')[0] == {"1": "a", "3": "c"}
    read, left_out = skipping('id,text\n1,a\n2,"open\n')
    assert read == {"1": "a"}
    assert left_out == [(3, "not CSV: a quote that opens in this line is never closed")]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (['1,"Hello', "2,x", '3,"', "4,y"], {"2", "4"}),
        (['doc1,"Hello', 'doc2,5"', "doc3,y"], {"doc2", "doc3"}),
        (['7,"Hello', "3,x", "9,z", '5,"', "4,y"], {"3", "9", "4"}),
    ],
)
def test_rows_that_stand_in_a_field_which_keeps_the_rules(rows, expected):
    """The text would hold the next rows, with ids that go on from its own."""
    read, left_out = skipping("\n".join(["id,text", *rows, ""]))
    assert expected <= set(read)
    assert left_out[0][0] == 2
    assert len(read) + len(left_out) == len(rows)


@pytest.mark.parametrize(
    "text",
    [
        "first line\nsecond line",
        "a list:\n- one, two\n- three, four",
        "steps:\n1. take it, all\n2. leave it, all",
        "In the words of him\nHowever, nothing\nfollows",
        "years:\n1850, 23",
        "a,b\n\nc,d",
    ],
)
def test_texts_of_several_lines_are_texts(text):
    with Path("a.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["id", "text"], ["1", text], ["2", "x"]])
    assert {document.id: document.text for document in read_documents("a.csv")} == {"1": text, "2": "x"}


def test_a_text_that_is_a_table_with_the_ids_that_follow_needs_a_word():
    content = 'id,text\n1,"rows\n2,x\n3,y"\n'
    with pytest.raises(DocumentError, match="a quote that opens in this line is not closed, and swallows 2 more lines"):
        texts(content, "a.csv")
    assert texts(content, "a.csv", quotes=True) == {"1": "rows\n2,x\n3,y"}


def test_a_quote_inside_a_text_of_several_lines_makes_no_documents_of_its_lines():
    content = 'id,text\n1,"First, line\nsecond with "quoted" word\nthird"\n2,ok\n'
    read, left_out = skipping(content)
    assert read == {"2": "ok"}
    assert [line for line, _ in left_out] == [2, 3, 4]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ('id,text,n\n1,"He said \\"hi\\"",5\n', 'He said "hi"'),
        ('id,text,n\n1,"a \\\\ b \\"c\\", d",\\N\n', 'a \\ b "c", d'),
        ('id,text,n\n1,"two\\\nlines and a \\" quote",\\N\n', 'two\nlines and a " quote'),
    ],
)
def test_backslashes_of_mysql(content, text):
    assert texts(content, "a.csv") == {"1": text}


def test_backslashes_mean_nothing_where_the_file_keeps_the_rules_without():
    assert texts('id,text\n1,"C:\\dir\\"\n2,\\N\n', "a.csv") == {"1": "C:\\dir\\", "2": "\\N"}


def test_backslashes_that_do_not_explain_every_row_explain_none():
    read, left_out = skipping('id,text\n1,"say \\"hi\\""\n2,a,b\n3,c\n')
    assert read == {"3": "c"}
    assert [line for line, _ in left_out] == [2, 3]


def test_empty_cells_at_the_end_of_rows_and_rows_of_empty_cells():
    content = 'id,text,,\n1,a,,\n,,,\n2,b\n3,c,,,,\n"","",,\n'
    assert texts(content, "a.csv") == {"1": "a", "2": "b", "3": "c"}


# Any input


some_lines = st.lists(st.text('a1"\\,\t\n', max_size=12), max_size=12).map("\n".join)


@settings(deadline=None)
@given(some_lines, st.sampled_from(["a.csv", "a.tsv"]), st.sampled_from([None, True, False]))
def test_every_line_is_read_or_left_out(body, name, quotes):
    separator = "\t" if name == "a.tsv" else ","
    with TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_text(f"id{separator}text\nfirst{separator}row\n{body}", "utf-8", newline="")
        reader = read_documents(path, quotes=quotes, on_error="skip", errors_path=Path(folder, "errors.jsonl"))
        read = list(reader)
        assert read[0].id == "first"
        if quotes is False:  # a line is a row
            filled = [line for line in body.split("\n") if line.replace(separator, " ").strip()]
            assert len(read) - 1 + reader.skipped == len(filled)
        assert len(read) - 1 + reader.skipped <= len(body.split("\n"))


@pytest.mark.parametrize("row", ['a","c\n', '1,"a\n', '1,""a""\n', ',""""\n', '"', '1,"a\\"\n', '"\n"', "\\\n"])
def test_no_line_is_looked_at_more_than_three_times_for_wrong_quotes(row, monkeypatch):
    """Following every quote to the end of the file would look at each line as often as there are lines before it."""
    Path("a.csv").write_text("id,text\n1,first\n" + row * 300, "utf-8", newline="")
    numbers = Counter()
    pull = Records._pull

    def counted(records):
        line = pull(records)
        numbers[line.number] += 1
        return line

    monkeypatch.setattr(Records, "_pull", counted)
    list(read_documents("a.csv", on_error="skip"))
    surveys_and_reading = 3
    assert max(numbers.values()) <= 3 * surveys_and_reading
