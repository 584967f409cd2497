"""An Arrow expression orders texts by their letters: where that is not the order of dates or numbers, it is refused."""

import operator
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from bicross.errors import ArgumentError
from helpers.filtering import matches
from hypothesis import given
from hypothesis import strategies as st

DAYS = [{"d": "2015-06-01"}, {"d": "2014-12-31"}, {}, {"d": "2016-01-01"}]
D = pc.field("d")


@pytest.mark.parametrize(
    "expression",
    [
        D > "2015",
        pc.scalar("2015") < D,
        (D <= "2015-06") & D.is_valid(),
        ~(pa.scalar("2015", pa.large_utf8()) <= D),
        D > "2015-01-01T10:00",
        D > "12/31/2014",
        D > "soon",
    ],
    ids=str,
)
def test_dates_are_not_put_in_alphabetical_order(expression):
    with pytest.raises(ArgumentError, match=r"letter by letter|alphabetical|holds dates and cannot be compared"):
        matches(expression, DAYS[:2], DAYS[2:])


@pytest.mark.parametrize(
    "rows",
    [
        [{"d": "2015-06-01"}, {"d": "2015-06"}],
        [{"d": "2015-06-01T10:00+02:00"}],
        [{"d": "2015-06-01"}, {"d": "unknown"}],
        [{"d": "9"}, {"d": "10"}],
    ],
)
@pytest.mark.parametrize("expression", [D > "2015-06-01", pc.field("e") > D], ids=str)
def test_what_letters_order_otherwise_is_refused(rows, expression):
    with pytest.raises(ArgumentError, match=r"letter by letter|alphabetical"):
        matches(expression, [{**row, "e": row["d"]} for row in rows])


def test_the_message_says_what_to_write():
    with pytest.raises(
        ArgumentError, match=r"\(d > \"2015\"\) would .* write the filter as a string, such as \"d > '2015'\""
    ):
        matches(D > "2015", DAYS)


def test_other_texts_and_other_questions_are_left_to_arrow():
    assert matches(D == "2015", DAYS) == []
    assert matches(D.isin(["2014-12-31"]), DAYS) == [1]
    assert matches(pc.starts_with(D, "2015"), DAYS) == [0]
    assert matches(pc.field("name") > "B", [{"name": "Ann"}, {"name": "Bob"}]) == [1]
    assert matches(pc.field("a") < pc.field("b"), [{"a": "Ann", "b": "Bob"}, {"a": "x", "b": "Ann"}]) == [0]


DATES = st.dates(date(1000, 1, 1)).map(date.isoformat)


@given(st.lists(DATES, min_size=1, max_size=8), DATES, st.sampled_from(["<", "<=", ">", ">="]))
def test_dates_of_one_precision_are_ordered_as_the_string_form_orders_them(days, day, symbol):
    order = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}[symbol]
    rows = [{"d": day} for day in days]
    assert matches(order(D, day), rows) == matches(f"d {symbol} '{day}'", rows)
