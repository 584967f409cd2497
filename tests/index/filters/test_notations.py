"""Dates, prices and numbers in any notation: never ordered by their letters, never unequal in silence."""

import logging
import re
from datetime import date, timedelta

import numpy as np
import pyarrow.compute as pc
import pytest
from bicross.errors import ArgumentError
from helpers.filtering import fields_of, matches
from hypothesis import given
from hypothesis import strategies as st

DATES = [
    "5-Mar-21",
    "30-Dec-19",
    "March 5, 2019",
    "5 March 2019",
    "5th of March 2024",
    "Tue, 05 Mar 2024 10:00:00 +0000",
    "Mon Mar  4 10:30:00 2024",
    "05MAR2024",
    "sept 3, 2020",
    "Mar-21",
    "5. März 2024",
    "5 de marzo de 2024",
    "05.03.24",
    "5. 3. 2024",
    "3/25/2024 5:30 PM",
    "10:30 05.03.2024",
    "03/2024",
    "2024/03/05",
    "2024-1-5",
    "2024-01-05 3:30 PM",
    "2024-Mar-05",
    "2024. 3. 5.",
    "2024年3月5日",
    "2024-W05",
    "Q1 2024",
]
NO_DATES = ["2024-02-30", "soon", "march on", "may", "may be 2024", "v2024"]
AMOUNTS = [
    "EUR 12.00",
    "12.00 eur",
    "$20.00",
    "3,50 EUR",
    "1,50 kr",
    "CHF 12.-",
    "12,- €",
    "US$ 10",
    "R$ 10,50",
    "Rs. 500",
    "500円",
    "₹ 1,00,000",
    "-$5",
    "(3.50)",
    "(€3.50)",
    "3.50-",
    "−5",
    "1'234.50",
    "1’234",
    "1 234",
    "1\xa0101,50",
    "1.234.567,89",
    "12,34,567.00",
    "45%",
    "١٢٫٥",
    "12 kg",
    "5km",
    "Level 10",
]
NO_AMOUNTS = ["a1", "7b", "n/a", "1.2.3", "10.0.0.1", "v1.2", "EUR", "12 apostles went up the hill"]
SYMBOLS = ["<", "<=", ">", ">="]


@pytest.mark.parametrize("literal", ["2024-01-01", "2024", "2024-01-01T10:00"])
def test_dates_in_any_notation_are_never_ordered_by_letters(literal):
    for text in DATES:
        rows = [{"d": text, "e": "2024-01-01"}, {"d": "soon"}]
        for symbol in SYMBOLS:
            with pytest.raises(
                ArgumentError, match=f"such as {re.escape(repr(text))}.*alphabetical.*--types d=day-first"
            ):
                matches(f"d {symbol} '{literal}'", rows)
        with pytest.raises(ArgumentError, match="alphabetical"):
            matches("d < e", rows)
        with pytest.raises(ArgumentError, match="alphabetical"):
            matches(pc.field("d") < literal, rows)


@pytest.mark.parametrize("text", ["2024-01-01", "soon", "2024/01/01"])
def test_a_date_in_any_notation_is_no_literal(text):
    for literal in DATES:
        with pytest.raises(ArgumentError, match=r"would be alphabetical|which is not a date: write dates like 2024"):
            matches(f"d >= '{literal}'", [{"d": text}])


def test_other_texts_are_ordered_as_texts():
    for text in (*NO_DATES, *NO_AMOUNTS):
        for literal in ("2024-01-01", "20"):
            assert matches(f"d >= '{literal}'", [{"d": text}]) == ([0] if text >= literal else [])
        assert matches(f"d >= '{text}'", [{"d": "x"}]) == ([0] if text <= "x" else [])


@pytest.mark.parametrize("literal", ["20", "$20", "9,50 EUR", "1'000", "2024-01-01"])
def test_amounts_in_any_notation_are_never_ordered_by_letters(literal):
    quoted = literal.replace("'", "\\'")
    for text in AMOUNTS:
        for symbol in SYMBOLS:
            with pytest.raises(ArgumentError, match=r"such as .*alphabetical"):
                matches(f"p {symbol} '{quoted}'", [{"p": text}, {"p": "x"}])


@given(
    st.dates(date(1900, 1, 1)), st.sampled_from(["%d-%b-%y", "%B %d, %Y", "%d %b %Y", "%Y/%m/%d", "%m/%d/%y", "%x %X"])
)
def test_random_dates_are_refused_in_every_notation(day, notation):
    text = day.strftime(notation)
    other = (day + timedelta(1)).isoformat()
    with pytest.raises(ArgumentError, match="alphabetical"):
        matches(f"d < '{other}'", [{"d": text}])


@given(
    st.decimals(-(10**8), 10**8, places=2),
    st.sampled_from(["{} EUR", "EUR {}", "{} kr", "${}", "{}€", "CHF {}", "({})", "{}"]),
    st.sampled_from([("", "."), (",", "."), (".", ","), (" ", ","), ("'", "."), ("\xa0", ",")]),
)
def test_random_amounts_are_refused_in_every_notation(amount, money, marks):
    groups, point = marks
    text = money.format(f"{amount:,.2f}".translate(str.maketrans({",": groups, ".": point})))
    with pytest.raises(ArgumentError, match="alphabetical"):
        matches("p < '20'", [{"p": text}])


# Equality


def warnings_of(caplog, predicate, *segments):
    caplog.clear()
    with caplog.at_level(logging.WARNING, "bicross"):
        numbers = matches(predicate, *segments)
    return numbers, [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize("condition", ["d == '2024-01-01'", "d in ['x', '2024-01-01']", "not d != '2024'"])
def test_a_date_that_equals_none_in_another_notation_says_so(caplog, condition):
    for text in ["01/01/2024", "1-Jan-24", "January 1, 2024", "2024/01/01", "2024-1-1"]:
        numbers, [warning] = warnings_of(caplog, condition, [{"d": text}], [{"d": text}])
        assert numbers == []
        assert f"holds dates that are not written like 2024-05-17, such as {text!r}" in warning
        assert "--types d=day-first" in warning


@pytest.mark.parametrize("literal", ["01/01/2024", "1-Jan-24", "2024/01/01"])
def test_a_date_in_another_notation_that_equals_no_date_says_so(caplog, literal):
    numbers, [warning] = warnings_of(caplog, f"d == '{literal}'", [{"d": "2024-01-01"}])
    assert numbers == []
    assert "it holds dates like 2024-05-17: write the date like that" in warning


@pytest.mark.parametrize("text", ["EUR 20.00", "20,00 €", "20.0", "$20"])
def test_a_number_that_equals_none_in_another_notation_says_so(caplog, text):
    for condition in ("p == '20'", "p in ['20', 'x']"):
        numbers, [warning] = warnings_of(caplog, condition, [{"p": text}])
        assert numbers == []
        assert f"holds texts that look like numbers, such as {text!r}" in warning
        assert "--types p=float" in warning


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        ("d == '2024-01-01'", [{"d": "2024-01-01"}, {"d": "soon"}]),
        ("d == '01/01/2024'", [{"d": "01/01/2024"}, {"d": "2024-02-02"}]),
        ("d == '20'", [{"d": "20"}, {"d": "30"}]),
        ("d == 'soon'", [{"d": "soon"}, {"d": "01/01/2024"}, {"d": "$20"}]),
    ],
)
def test_equal_texts_are_equal_without_a_word(caplog, condition, rows):
    assert warnings_of(caplog, condition, rows) == ([0], [])


# What a number is told of a field of texts


@pytest.mark.parametrize(
    ("texts", "condition", "message"),
    [
        (["12.50", "tba"], "p < 20", r"such as '12.50', and others such as 'tba'\. .*--types p=float"),
        (["3,50 EUR"], "p == 20", r"such as '3,50 EUR'\. .*=decimal-comma"),
        (["45%"], "p < 20", "without the sign of percent"),
        (["2024-03-05"], "p >= 2024", "dates are written in quotes, as in p >= '2024'"),
        (["5-Mar-21"], "p >= 2024", "such as '5-Mar-21'.*--types p=day-first.*in quotes"),
        (["red"], "p < 20", "with texts such as 'red'"),
    ],
)
def test_a_number_compared_with_texts_says_what_they_are(texts, condition, message):
    with pytest.raises(ArgumentError, match=rf"holds texts and cannot be compared .*{message}"):
        matches(condition, [{"p": text} for text in texts])


def test_the_example_is_of_a_live_document():
    fields = fields_of([{"p": "dead 1"}, {"p": "12 kg"}], lives=[np.array([False, True])])
    assert fields.find("p").facts.example("amounts") == "12 kg"
