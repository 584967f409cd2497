"""Headers, delimiters and encodings of CSV and TSV files."""

import codecs
import gzip
from pathlib import Path

import pytest
from bicross.errors import ArgumentError, DocumentError, SourceError
from bicross.index import Document, read_documents


@pytest.fixture(autouse=True)
def work_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def read(content, name="a.csv", **options):
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read_documents(name, **options))


EXPECTED = [Document("1", "first text", "One", {"year": 2019}), Document("2", "second", "Two", {"year": 2020})]


def table(separator, header="id,title,text,year"):
    rows = [header, "1,One,first text,2019", "2,Two,second,2020"]
    return "".join(row.replace(",", separator) + "\n" for row in rows)


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
@pytest.mark.parametrize("separator", [",", ";", "|", "\t"])
def test_the_delimiter_is_found_in_the_header(separator, name):
    assert read(table(separator), name) == EXPECTED
    assert read(gzip.compress(table(separator).encode()), f"{name}.gz") == EXPECTED


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
@pytest.mark.parametrize("separator", [",", ";", "|", "\t"])
def test_the_delimiter_is_found_in_a_header_in_quotes(separator, name):
    assert read(table(separator, '"id","title","text","year"'), name) == EXPECTED
    assert read(table(separator, 'id,"title",text,year'), name) == EXPECTED
    with pytest.raises(SourceError, match="no column 'text', only id, name, body: "):
        read('"id";"name";"body"\n1;a;b\n'.replace(";", separator), name)


def test_a_header_whose_quotes_make_no_sense():
    with pytest.raises(SourceError, match=r"no readable header: ',' expected after '\"'"):
        read('"id"~"text"\n1~t\n')


@pytest.mark.parametrize("line", ["sep=;\n", '"sep=;"\r\n', "SEP=;\n", "\nsep=;\n"])
def test_the_line_of_excel_that_names_the_delimiter(line):
    assert read(line + table(";")) == EXPECTED
    assert read(line + table("^"), delimiter="^") == EXPECTED


def test_a_named_delimiter_counts():
    assert read(table("^"), delimiter="^") == EXPECTED
    assert read("id text\n1 t\n", delimiter=" ") == [Document("1", "t")]
    with pytest.raises(
        SourceError, match=r"no column 'text', only id,title,text,year: .* separated by ';'; .*--delimiter"
    ):
        read(table(","), delimiter=";")


@pytest.mark.parametrize("delimiter", ["", ";;", '"', "\n", "\r", "\0", 5])
def test_delimiters_that_are_none(delimiter):
    with pytest.raises(ArgumentError, match=r"delimiter (must be one character|cannot be)"):
        read_documents("a.csv", delimiter=delimiter)


def test_the_error_for_columns_names_the_delimiter_and_the_remedies():
    with pytest.raises(SourceError) as caught:
        read("nr~body\n1~t\n")
    assert str(caught.value) == (
        "a.csv has no column 'text', only nr~body: name those to read with id_column, title_column and text_column."
        " Its fields are taken to be separated by ','; if that is wrong, name the delimiter (--delimiter). If its first"
        " line is not a header, name all columns with columns (--columns id,text)"
    )


@pytest.mark.parametrize(
    "header", ["ID,Title,Text,year", "id, title, text, year", " Id ,TITLE, text ,year", '"id","title","text","year"']
)
def test_names_in_capitals_in_blanks_and_in_quotes(header):
    assert read(table(",", header)) == EXPECTED


def test_blanks_after_every_delimiter_are_no_part_of_the_values():
    [document] = read('id, text, year\n1, "one, two", 2020\n')
    assert document == Document("1", "one, two", "", {"year": 2020})


def test_capitals_that_are_ambiguous_are_refused():
    with pytest.raises(SourceError, match="no column 'text', only id, Text, TEXT"):
        read("id,Text,TEXT\n1,a,b\n")
    assert read("id,Text,text\n1,a,b\n") == [Document("1", "b", "", {"Text": "a"})]


def test_columns_without_names():
    assert read("id,text,,\n1,a,,\n2,b\n") == [Document("1", "a"), Document("2", "b")]
    assert read("id,text,,\n1,a,x,\n") == [Document("1", "a", "", {"": "x"})]
    with pytest.raises(SourceError, match=r"a\.csv has 2 columns without a name that hold values: .* \(--columns\)"):
        read("id,text,,\n1,a,x,\n2,b,,y\n")


# Without a header


@pytest.mark.parametrize("name", ["collection.tsv", "a.csv", "a.csv.gz"])
def test_files_without_a_header(name):
    separator = "\t" if ".tsv" in name else ","
    rows = [separator.join(row) for row in (("0", 'The presence of "communication"'), ("1", "The Manhattan Project"))]
    expected = [Document("0", 'The presence of "communication"'), Document("1", "The Manhattan Project")]
    content = "\n".join(rows) + "\n"
    assert read(content, name, columns=["id", "text"]) == expected
    assert read(f"id{separator}text\n{content}", name, columns=["id", "text"]) == expected
    with pytest.raises(SourceError, match=r"name all columns with columns \(--columns id,text\)"):
        read(content, name)


def test_the_delimiter_of_a_file_without_a_header():
    assert read("1;a\n2;b, c\n", columns=["id", "text"]) == [Document("1", "a"), Document("2", "b, c")]


def test_rows_that_do_not_have_the_named_columns():
    with pytest.raises(DocumentError, match=r"a\.csv, line 1: the row has 3 fields, but columns names 2"):
        read("1,a,b\n", columns=["id", "text"])


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ([], "columns is empty"),
        (["id", "id"], "columns has one name twice: id, id"),
        ("id,text", "must be a list of names"),
    ],
)
def test_columns_that_are_none(columns, message):
    with pytest.raises(ArgumentError, match=message):
        read_documents("a.csv", columns=columns)


# Metadata columns


def test_columns_can_be_chosen_and_left_out():
    content = "id,text,a,b,c\n1,t,1,2,3\n"
    assert read(content, metadata_columns=["b"])[0].metadata == {"b": 2}
    assert read(content, leave_out=["b"])[0].metadata == {"a": 1, "c": 3}
    assert read(content, metadata_columns=[])[0].metadata == {}
    for argument in ("metadata_columns", "leave_out"):
        with pytest.raises(
            SourceError, match=f"a.csv has no column 'x', which {argument} names, only id, text, a, b, c"
        ):
            read(content, **{argument: ["x"]})


# Encodings

TEXTS = {
    "cp1252": "Größe – naïve",
    "latin-1": "Größe, naïve",
    "gbk": "中文文本",
    "utf-16": "žluťoučký",
    "koi8-r": "Привет",
}


@pytest.mark.parametrize("encoding", TEXTS)
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.json"])
def test_an_encoding_can_be_named(encoding, name):
    text = TEXTS[encoding]
    if "json" in name:
        content = f'{{"id": "1", "text": "{text}"}}\n'
    else:
        content = "id,text\n1,{}\n".replace(",", "\t" if name == "a.tsv" else ",").format(text.replace(",", ""))
        text = text.replace(",", "")
    assert read(content.encode(encoding), name, encoding=encoding) == [Document("1", text)]
    if encoding != "utf-16":
        with pytest.raises(
            DocumentError, match=r"byte 0x[0-9a-f]{2} at character \d+ cannot be .* utf-8; .* \(--encoding\)"
        ):
            read(content.encode(encoding), name)


def test_a_byte_order_mark_counts_before_the_encoding_that_is_named():
    for mark, encoding in ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le")):
        assert read(mark + "id,text\n1,ü\n".encode(encoding), encoding="cp1252") == [Document("1", "ü")]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize(
    ("name", "content"), [("a.csv", "id,text\n1,ü中\n"), ("a.jsonl", '{"id": "1", "text": "ü中"}')]
)
def test_utf_16_without_its_mark(name, content, encoding):
    assert read(content.encode(encoding), name) == [Document("1", "ü中")]


def test_the_unicode_text_of_excel():
    content = 'id\ttext\tyear\r\n1\t"with ""quotes"""\t2020\r\n2\tü\t2021\r\n'
    for encoded in (content.encode("utf-16"), content.encode("utf-16-le")):
        assert read(encoded, "a.tsv") == [
            Document("1", 'with "quotes"', "", {"year": 2020}),
            Document("2", "ü", "", {"year": 2021}),
        ]


@pytest.mark.parametrize("encoding", ["rot13", "base64", "no-such", "a\0b", "", 5])
def test_encodings_that_are_none(encoding):
    with pytest.raises(ArgumentError, match="there is no text encoding"):
        read_documents("a.csv", encoding=encoding)


def test_the_header_says_how_to_name_an_encoding():
    with pytest.raises(
        SourceError, match=r"no readable header: the byte 0xfc at character 4 cannot be decoded as utf-8; .*--enc"
    ):
        read("id,ü,text\n1,a,t\n".encode("latin-1"))
