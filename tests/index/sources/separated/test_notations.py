"""Columns of dates, prices and booleans in the notations of people: what --types reads, and what a note recommends."""

import re
from datetime import date, datetime

import pandas as pd
import pytest
from bicross.index import read_documents
from hypothesis import given
from hypothesis import strategies as st


def read(folder, cells, **options):
    path = folder / "export.csv"
    pd.DataFrame({"id": range(len(cells)), "text": "t", "x": cells}).to_csv(path, index=False, sep=";")
    reader = read_documents(path, **options)
    return [document.metadata["x"] for document in reader], reader.report.notes


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["2024-1-5", "2023-12-31"], ["2024-01-05", "2023-12-31"]),
        (["2024/03/05", "2024/3/5 14:30"], ["2024-03-05", "2024-03-05T14:30:00"]),
        (["March 5, 2019", "Dec 1 2020"], ["2019-03-05", "2020-12-01"]),
        (["5-Mar-2021", "30 December 2019"], ["2021-03-05", "2019-12-30"]),
        (
            ["Tue, 05 Mar 2024 10:00:00 +0000", "2024-01-05 3:30 PM"],
            ["2024-03-05T10:00:00+00:00", "2024-01-05T15:30:00"],
        ),
        (["3/25/2024 5:30 PM", "1/2/2024 12:05 AM"], ["2024-03-25T17:30:00", "2024-01-02T00:05:00"]),
        (["12.5", "#DIV/0!", "7"], [12.5, None, 7.0]),
    ],
)
def test_what_has_one_meaning_has_its_type(tmp_path, cells, values):
    assert read(tmp_path, cells) == (values, ())


@pytest.mark.parametrize(
    ("kind", "cells", "values"),
    [
        ("date", ["5-Mar-21", "30-Dec-69", "Jan 1, 68"], ["2021-03-05", "1969-12-30", "2068-01-01"]),
        ("date", ["2024.3.5", "March 2024"], ["2024-03-05", "2024-03"]),
        ("day-first", ["02.02.24", "5. 3. 2024", "5-Mar-21"], ["2024-02-02", "2024-03-05", "2021-03-05"]),
        ("day-first", ["2024-03-05", "05/03/99 10:30"], ["2024-03-05", "1999-03-05T10:30:00"]),
        ("month-first", ["3/25/24", "03/05/2024 1:05 pm"], ["2024-03-25", "2024-03-05T13:05:00"]),
        (
            "float",
            ["EUR 12.00", "12.50 kr", "(3.50)", "1'234.50", "1 234", "US$ 1,234.5"],
            [12, 12.5, -3.5, 1234.5, 1234, 1234.5],
        ),
        ("float", ["-$5", "3.50-", "−7", "CHF 1’000.25", "US$ 1,234.5"], [-5, -3.5, -7, 1000.25, 1234.5]),
        ("decimal-comma", ["3,50 EUR", "1\xa0101,50", "(2,5)", "1 234 Kč", "4,125"], [3.5, 1101.5, -2.5, 1234, 4.125]),
        ("boolean", ["WAHR", "Falsch", "yes", "oui", "N"], [True, False, True, True, False]),
    ],
)
def test_a_type_that_is_given_reads_the_notations_of_people(tmp_path, kind, cells, values):
    assert read(tmp_path, cells, types={"x": kind}) == (values, ())


@pytest.mark.parametrize(
    ("cells", "example"),
    [
        (["3,50", "4,125", "99"], "4,125"),
        (["0,125", "0,25", "0,375"], ""),
        (["12.50", "tba", "7"], "tba"),
        (["(3.50)", "4.25"], "(3.50)"),
        (["1'234.50", "7"], "1'234.50"),
        (["1 234", "5 678"], "1 234"),
        (["12,5", "3.5", "7,5"], "3.5"),
        (["1,50 kr", "2,50 kr"], "1,50 kr"),
        (["5-Mar-21", "6-Apr-24"], "5-Mar-21"),
        (["05.03.24", "25.03.24"], "05.03.24"),
        (["3/25/2024", "25/6/2024"], ""),
        (["2024.3.5", "2024.3.6"], "2024.3.5"),
        (["yes", "no"], "yes"),
        (["5", "-", "7"], "-"),
        (["WAHR", "FALSCH", "?"], "?"),
    ],
)
def test_a_column_that_is_half_of_one_type_is_that_type_or_a_note_says_what_to_do(tmp_path, cells, example):
    values, notes = read(tmp_path, cells)
    if values == cells:
        [note] = notes
        assert note.startswith("export.csv: the column 'x' is kept as text, because") or "column 'x' is kept" in note
        assert repr(example)[1:-1] in note
        kind = re.search(r"--types x=([a-z-]+)", note)[1]
        typed, _ = read(tmp_path, cells, types={"x": kind}, on_error="skip", errors_path=tmp_path / "errors.jsonl")
        assert len(typed) >= len(cells) / 2
        assert not any(isinstance(value, str) and value in cells for value in typed)
    else:
        assert all(isinstance(value, float) for value in values)


def test_words_are_no_dates_and_no_amounts(tmp_path):
    for cells in (["red", "blue"], ["a1", "b2"], ["may", "march"], ["1.2.3", "1.2.4"], ["", "x"], ["Room 5", "R2D2"]):
        assert read(tmp_path, cells)[1] == ()


def test_many_brackets_are_no_amount(tmp_path):
    cell = "(" * 5000 + "3" + ")" * 5000
    assert read(tmp_path, [cell, "4"], types={"x": "float"}, on_error="skip", errors_path=tmp_path / "e")[0] == [4.0]


@given(st.lists(st.datetimes(datetime(1969, 1, 1), datetime(2068, 12, 31)), min_size=1, max_size=5))
def test_dates_are_read_as_pandas_reads_them(tmp_path_factory, moments):
    folder = tmp_path_factory.mktemp("dates")
    for notation, kind in (
        ("%d-%b-%y", "date"),
        ("%B %d, %Y", "date"),
        ("%Y/%m/%d %I:%M %p", "date"),
        ("%d.%m.%y", "day-first"),
        ("%m/%d/%Y %I:%M:%S %p", "month-first"),
    ):
        cells = [moment.strftime(notation) for moment in moments]
        expected = pd.to_datetime(cells, format=notation)
        values, _ = read(folder, cells, types={"x": kind})
        assert [pd.Timestamp(value) for value in values] == list(expected)
        assert all(date.fromisoformat(value[:10]) for value in values)
