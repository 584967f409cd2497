"""Types of the columns of CSV and TSV files."""

from pathlib import Path

import pytest
from bicross.errors import ArgumentError, DocumentError, SourceError
from bicross.index import read_documents


@pytest.fixture(autouse=True)
def work_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def column(cells, name="a.csv", **options):
    """The values of a column of such cells."""
    separator = "\t" if name == "a.tsv" else ","
    rows = [f"{i}{separator}t{separator}{cell}" for i, cell in enumerate(cells)]
    Path(name).write_text("\n".join([separator.join(["id", "text", "x"]), *rows]) + "\n", "utf-8")
    return [document.metadata["x"] for document in read_documents(name, **options)]


def typed(values):
    return [(type(value), value) for value in values]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["9.5", "100"], [9.5, 100.0]),
        (["2019", "2020", ""], [2019, 2020, None]),
        (["-3", "0", "-0", " 7 "], [-3, 0, 0, 7]),
        (["9223372036854775807", "-9223372036854775808"], [2**63 - 1, -(2**63)]),
        (["9223372036854775808", "1"], ["9223372036854775808", "1"]),
        (["9007199254740993", "0.5"], ["9007199254740993", "0.5"]),  # a float would not keep it
        (["12345678901234567890123"], ["12345678901234567890123"]),
        (["007", "8"], ["007", "8"]),
        (["01234", "56789"], ["01234", "56789"]),
        (["00.5", "1"], ["00.5", "1"]),
        (["+49123", "1"], ["+49123", "1"]),
        (["1e5", "2.5E-3", ".5", "5."], [1e5, 0.0025, 0.5, 5.0]),
        (["1e999", "1"], ["1e999", "1"]),
        (["1", "NaN", "2"], [1, None, 2]),
        (["1.5", "inf", "-inf", "Infinity", "nan"], [1.5, None, None, None, None]),
        (["1", "NA", "n/a", "NULL", "\\N"], [1, None, None, None, None]),
        (["NA", "DE"], ["NA", "DE"]),  # Namibia
        (["NaN", ""], ["NaN", None]),
        (["1_000", "2"], ["1_000", "2"]),
        (["0x10", "2"], ["0x10", "2"]),
        (["٣", "٤"], ["٣", "٤"]),
        (["true", "False", "TRUE", ""], [True, False, True, None]),
        (["true", "1"], ["true", "1"]),
        (["yes", "no"], ["yes", "no"]),
        (["2024-02-29", "1999-12-31", ""], ["2024-02-29", "1999-12-31", None]),
        (["2024-02-29 12:30:00", "1999-12-31"], ["2024-02-29T12:30:00", "1999-12-31"]),
        (
            ["2024-02-29T12:30Z", "2024-02-29 12:30:00.5+0200"],
            ["2024-02-29T12:30:00+00:00", "2024-02-29T12:30:00.500000+02:00"],
        ),
        (["2023-02-29", "2024-02-29"], ["2023-02-29", "2024-02-29"]),  # there is no such day
        (["01/02/2024", "03/04/2024"], ["01/02/2024", "03/04/2024"]),  # the day or the month may stand first
        (["1", "two"], ["1", "two"]),
        (["", ""], [None, None]),
        (["1.2.3", "1.10"], ["1.2.3", "1.10"]),
        (["-", "1"], ["-", "1"]),
        (["9" * 5000, "1"], ["9" * 5000, "1"]),
    ],
)
def test_a_column_has_the_type_of_all_of_its_values(cells, values, name):
    assert typed(column(cells, name)) == typed(values)


def test_separators_of_thousands_are_text():
    assert column(['"1,234"', "5"]) == ["1,234", "5"]


@pytest.mark.parametrize(
    ("kind", "cells", "values"),
    [
        ("text", ["007", "8", ""], ["007", "8", None]),
        ("text", ["2024", "NaN"], ["2024", "NaN"]),
        ("integer", ["007", "+8", "NA", ""], [7, 8, None, None]),
        ("float", ["7", "+.5", "nan"], [7.0, 0.5, None]),
        ("boolean", ["yes", "No", "1", "0", "true"], [True, False, True, False, True]),
        ("date", ["2024-01-01", "2024-01-01 10:00"], ["2024-01-01", "2024-01-01T10:00:00"]),
    ],
)
def test_a_type_can_be_named(kind, cells, values):
    assert typed(column(cells, types={"x": kind})) == typed(values)


@pytest.mark.parametrize(
    ("kind", "cell", "type_name"),
    [
        ("integer", "1.5", "integers"),
        ("integer", "many", "integers"),
        ("float", "9,50", "numbers"),
        ("float", "1e999", "numbers"),
        ("boolean", "maybe", "booleans"),
        ("date", "2024-13-01", "dates like 2024-05-17"),
        ("date", "yesterday", "dates like 2024-05-17"),
    ],
)
def test_a_value_that_does_not_fit_a_named_type_makes_its_row_bad(kind, cell, type_name):
    cells = ["", f'"{cell}"', ""]
    with pytest.raises(DocumentError, match=rf"a\.csv, line 3: .* 'x' holds {type_name}.*, and '{cell}' is not one"):
        column(cells, types={"x": kind})
    assert column(cells, types={"x": kind}, on_error="skip") == [None, None]


def test_ids_titles_and_texts_are_text():
    Path("a.csv").write_text("id,title,text,n\n007,1,2.50,3\n8,2,true,4\n")
    first, second = read_documents("a.csv")
    assert (first.id, first.title, first.text, first.metadata) == ("007", "1", "2.50", {"n": 3})
    assert (second.id, second.text) == ("8", "true")
    with pytest.raises(
        SourceError, match=r"a\.csv: the column 'id' is an id, a title or a text, which are always text"
    ):
        list(read_documents("a.csv", types={"id": "integer"}))
    assert len(list(read_documents("a.csv", types={"id": "text"}))) == 2


def test_types_of_columns_that_are_not_there_and_types_that_are_none():
    Path("a.csv").write_text("id,text\n1,t\n")
    with pytest.raises(SourceError, match=r"a\.csv has no column 'year', whose type is given, only id, text"):
        list(read_documents("a.csv", types={"year": "integer"}))
    with pytest.raises(
        ArgumentError, match="types says 'number' of the column 'year'; the types are text, integer, float"
    ):
        read_documents("a.csv", types={"year": "number"})


def test_a_column_that_is_nearly_of_one_type_is_noted():
    column([*map(str, range(19)), "unknown"])
    reader = read_documents("a.csv")
    assert {document.metadata["x"] for document in reader} == {*map(str, range(19)), "unknown"}
    [note] = reader.report.notes
    assert note == (
        "a.csv: the column 'x' is kept as text, because 1 of its 20 values are not of type integer ("
        "'unknown' in line 21); to leave such rows out instead, say types (--types x=integer)"
    )


def test_rows_that_are_left_out_decide_no_type():
    Path("a.csv").write_text("id,text,x\n1,t,5\n2,t,word,more\n3,t,6\n")
    assert [document.metadata["x"] for document in read_documents("a.csv", on_error="skip")] == [5, 6]
