"""Filters without quotes around dates and texts, or with a decimal comma: the message says what to write."""

import datetime

import pyarrow.compute as pc
import pytest
from bicross.errors import ArgumentError
from helpers.filtering import matches

ROWS = [{"date": "2024-03-05", "price": 20.5, "category": "release", "words": "a new release", "n": 1}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("date >= 2024-01-01", "a date or a text is written in quotes"),
        ("date >= 2024-11-12", "a date or a text is written in quotes"),
        ("date in [2024-01-01, 2024-1-2]", "a date or a text is written in quotes"),
        ("date >= 01.02.2024", "a date or a text is written in quotes"),
        ("date >= 1/2/2024", "a date or a text is written in quotes"),
        ("words == a new release", "a date or a text is written in quotes"),
        ("date >= 2024", "dates are written in quotes, as in date >= '2024'"),
        ("category = release", "there is no field 'release' .* write it in quotes: category == 'release'"),
        ("category != minor", "write it in quotes: category != 'minor'"),
        ("price < 20,5", "a number has a decimal point: write 20.5"),
        ("price < 20,05", "a number has a decimal point: write 20.05"),
        ("(price < 20,5) and n == 1", "a number has a decimal point: write 20.5"),
        ("n in [1, 2] and price < 20,5", "a number has a decimal point: write 20.5"),
    ],
)
def test_what_lacks_quotes_is_told_so(text, message):
    with pytest.raises(ArgumentError, match=message):
        matches(text, ROWS)


@pytest.mark.parametrize("text", ["n in [1,2]", "n in (1,2)", "n not in [3,4] and price in (20.5,30)", "n IN (1,5)"])
def test_commas_separate_the_items_of_a_list(text):
    assert matches(text, ROWS) == [0]


def test_a_field_without_quotes_is_still_a_field():
    assert matches("category == words", ROWS) == []


@pytest.mark.parametrize("value", [datetime.date(2024, 1, 1), datetime.datetime(2024, 1, 1), 2024])
def test_an_expression_with_a_value_of_another_type_says_how_dates_are_compared(value):
    with pytest.raises(ArgumentError, match=r"dates are texts: pc.field\('date'\) >= '2024-05-17'"):
        matches(pc.field("date") >= value, ROWS)
