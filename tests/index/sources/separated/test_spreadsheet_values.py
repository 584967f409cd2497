"""Prices and dates as spreadsheets export them become numbers and dates, or stay text where they have two readings."""

from datetime import date
from pathlib import Path

import pytest
from bicross.errors import DocumentError
from bicross.index import ColumnType, read_documents
from hypothesis import given
from hypothesis import strategies as st

Column = list[object]


def read(folder: Path, cells: list[str], **options: object) -> tuple[Column, tuple[str, ...]]:
    """The values of a column, and the notes about it."""
    path = folder / "export.csv"
    rows = "".join(f"{number};a text;{cell}\n" for number, cell in enumerate(cells))
    path.write_text("id;text;x\n" + rows, encoding="utf-8")
    reader = read_documents(path, **options)  # pyright: ignore[reportArgumentType]
    return [document.metadata["x"] for document in reader], reader.report.notes


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["29,90", "19,90", "1.045,00", "30"], [29.9, 19.9, 1045.0, 30.0]),
        (["-0,5", "", "1.000.000,25"], [-0.5, None, 1000000.25]),
        (["1,299.00", "19.90", "1,299"], [1299.0, 19.9, 1299.0]),
        (["1,234,567", "1,234"], [1234567.0, 1234.0]),
        (["1.299", "2.500", "89,50"], [1299.0, 2500.0, 89.5]),
        (["01.03.2024", "12.11.2023", "1.1.2020"], ["2024-03-01", "2023-11-12", "2020-01-01"]),
        (["01/03/2024", "13/03/2024"], ["2024-03-01", "2024-03-13"]),
        (["01/03/2024", "03/13/2024"], ["2024-01-03", "2024-03-13"]),
        (["31.12.2024 10:30", "01.01.2025 00:00:05"], ["2024-12-31T10:30:00", "2025-01-01T00:00:05"]),
    ],
)
def test_prices_and_dates_have_one_meaning(tmp_path: Path, cells: list[str], values: Column) -> None:
    assert read(tmp_path, cells) == (values, ())


@pytest.mark.parametrize(
    ("cells", "remedies"),
    [
        (["1,234", "2,345"], ("float", "decimal-comma")),
        (["1,234", "17"], ("float", "decimal-comma")),
        (["03/04/2024", "05/05/2024"], ("day-first", "month-first")),
        (["03-04-2024"], ("day-first", "month-first")),
        (["$12.50", "$9"], ("float", "float")),
        (["$12.50", "$1,299", "7"], ("float", "float")),
        (["12,50 €", "1.234,00 €"], ("decimal-comma", "decimal-comma")),
        (["12,50 €", "1.234 €", "3 €"], ("decimal-comma", "decimal-comma")),
        (["1.299 €", "3 €"], ("float", "decimal-comma")),
        (["$1,299", "$3"], ("float", "decimal-comma")),
        (["1.299"], ("float", "decimal-comma")),
        (["1.299", "2.500", "17"], ("float", "decimal-comma")),
    ],
)
def test_a_column_with_two_readings_stays_text_and_a_note_names_both(
    tmp_path: Path, cells: list[str], remedies: tuple[str, str]
) -> None:
    values, notes = read(tmp_path, cells)
    assert values == cells
    assert all(f"--types x={remedy}" in notes[0] for remedy in remedies)


@pytest.mark.parametrize(
    ("cells", "values"),
    [(["1.299", "2.5"], [1.299, 2.5]), (["1.299", "0.5", "7"], [1.299, 0.5, 7.0]), (["1.299", "1,5"], [1299.0, 1.5])],
)
def test_a_dot_before_three_digits_means_what_the_column_as_a_whole_says(
    tmp_path: Path, cells: list[str], values: Column
) -> None:
    assert read(tmp_path, cells) == (values, ())


@pytest.mark.parametrize(("name", "delimiter"), [("a.csv", ","), ("a.tsv", "\t"), ("a.csv", "|")])
def test_a_dot_is_decimal_where_no_semicolon_separates(tmp_path: Path, name: str, delimiter: str) -> None:
    path = tmp_path / name
    path.write_text(delimiter.join(["id", "text", "x"]) + "\n" + delimiter.join(["1", "a text", "1.299"]) + "\n")
    reader = read_documents(path)
    assert [document.metadata["x"] for document in reader] == [1.299]
    assert reader.report.notes == ()


@pytest.mark.parametrize("cells", [["45%", "7 %"], ["4,5 %", "12"], ["99.5%"]])
def test_percentages_stay_text_and_a_note_says_so(tmp_path: Path, cells: list[str]) -> None:
    values, [note] = read(tmp_path, cells)
    assert values == cells
    assert f"the column 'x' is kept as text, because {cells[0]!r} in line 2 is a percentage: to filter by it" in note


@pytest.mark.parametrize(
    "cells",
    [
        ["29,90", "19.90"],  # both kinds of decimals
        ["13/03/2024", "03/13/2024"],  # both orders
        ["01.13.2024"],  # no month first with dots
        ["30.02.2024"],  # no such day
        ["1.23,5"],
        ["12,34,567"],
        ["0029,90"],
        ["01.03.24"],
        ["01/03-2024"],
    ],
)
def test_what_does_not_fit_as_a_whole_stays_text(tmp_path: Path, cells: list[str]) -> None:
    assert read(tmp_path, cells)[0] == cells


@pytest.mark.parametrize(
    ("kind", "cell", "value"),
    [
        ("float", "1,234", 1234.0),
        ("float", "$1,234.50", 1234.5),
        ("float", "19.90 €", 19.9),
        ("decimal-comma", "1,234", 1.234),
        ("decimal-comma", "€ 1.234,50", 1234.5),
        ("decimal-comma", "1.234", 1234.0),
        ("day-first", "03/04/2024", "2024-04-03"),
        ("month-first", "03/04/2024", "2024-03-04"),
    ],
)
def test_a_type_that_is_given_decides(tmp_path: Path, kind: ColumnType, cell: str, value: object) -> None:
    assert read(tmp_path, [cell], types={"x": kind})[0] == [value]


@pytest.mark.parametrize(
    ("kind", "cell"),
    [
        ("decimal-comma", "19.90"),
        ("decimal-comma", "$$5"),
        ("float", "29,90"),
        ("day-first", "12/31/2024"),
        ("month-first", "31.12.2024"),
        ("day-first", "2024-31-12"),
    ],
)
def test_a_cell_that_is_not_of_its_type_is_an_error(tmp_path: Path, kind: ColumnType, cell: str) -> None:
    with pytest.raises(DocumentError, match="the column 'x' holds"):
        read(tmp_path, [cell], types={"x": kind})


@given(st.lists(st.decimals(-(10**9), 10**9, places=2), min_size=1))
def test_money_is_the_same_number_in_both_conventions(tmp_path_factory: pytest.TempPathFactory, prices: list) -> None:
    folder = tmp_path_factory.mktemp("prices")
    points = [f"{price:,.2f}" for price in prices]
    commas = [cell.replace(",", " ").replace(".", ",").replace(" ", ".") for cell in points]
    expected = [float(price) for price in prices]
    assert read(folder, points)[0] == expected
    assert read(folder, commas)[0] == expected


@given(st.lists(st.dates(date(1000, 1, 1)), min_size=1))
def test_dates_are_the_same_in_every_order(tmp_path_factory: pytest.TempPathFactory, days: list[date]) -> None:
    folder = tmp_path_factory.mktemp("dates")
    expected = [day.isoformat() for day in days]
    assert read(folder, [f"{day:%d.%m.%Y}" for day in days])[0] == expected
    written = [f"{day:%m/%d/%Y}" for day in days]
    # Only a day after the twelfth tells that the month comes first.
    assert read(folder, written)[0] == (expected if any(day.day > 12 for day in days) else written)
