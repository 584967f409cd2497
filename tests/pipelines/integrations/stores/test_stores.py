"""What the retrievers over stores share: dates, whole numbers, fields of records, and wrong types."""

import operator
from datetime import UTC, datetime, timedelta

import pytest
from bicross.errors import ArgumentError, StoreError
from bicross.index.filters import Comparison, Field, IsNull, OneOf, date_span
from bicross.pipelines.integrations.stores import Found, Joined, Leaf, StoreFields, WholeNumbers
from helpers.wrong_values import call_with_wrong_values
from hypothesis import given
from hypothesis import strategies as st

OPERATORS = {"==": operator.eq, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
NUMBERS = st.integers(-300, 300) | st.floats(-300, 300) | st.floats(allow_nan=False) | st.integers()


def holds(clause, number):
    """Whether a number fits a clause, by Python's own comparisons."""
    if isinstance(clause, Joined):
        assert clause == Joined((), every=False)
        return False
    test = clause.test
    if isinstance(test, IsNull):
        return clause.negated
    found = number in test.values if isinstance(test, OneOf) else OPERATORS[test.operator](number, test.value)
    return found != clause.negated


def values_of(clause):
    if isinstance(clause, Leaf) and not isinstance(clause.test, IsNull):
        return clause.test.values if isinstance(clause.test, OneOf) else (clause.test.value,)
    return ()


@given(number=st.integers(0, 255), symbol=st.sampled_from(list(OPERATORS)), value=NUMBERS, negated=st.booleans())
def test_comparisons_with_numbers_that_a_field_cannot_hold(number, symbol, value, negated):
    negated = negated and symbol == "=="  # as the normal form has it
    field, whole = Field("n"), WholeNumbers(0, 255)
    for test in (Comparison(field, symbol, value), OneOf(field, (value, 7))):
        given_test = Leaf(test, negated)
        clause = whole.clause(given_test)
        assert holds(clause, number) == holds(given_test, number)
        assert all(type(kept) is int and 0 <= kept <= 255 for kept in values_of(clause))


@given(st.datetimes(datetime(1, 1, 1), datetime(9998, 1, 1)))
def test_a_date_stands_for_all_of_its_time(moment):
    texts = [moment.isoformat()[:length] for length in (4, 7, 10, 16, 19)]
    spans = [date_span(text) for text in texts]
    aware = moment.replace(tzinfo=UTC)
    for (begin, end), finer in zip(spans, [*spans[1:], (aware, aware)], strict=True):
        assert begin <= finer[0] <= aware < end
        assert finer[1] <= end or finer == (aware, aware)
    lengths = [end - begin for begin, end in spans]
    assert lengths[0].days in (365, 366)
    assert lengths[1].days in (28, 29, 30, 31)
    assert lengths[2:] == [timedelta(days=1), timedelta(minutes=1), timedelta(seconds=1)]
    assert all(
        begin == begin.replace(day=1) == datetime(begin.year, begin.month, 1, tzinfo=UTC) for begin, _ in spans[:2]
    )


@pytest.mark.parametrize("text", ["", "May", "2024-13", "2024-02-30", "0000", "9999-12-31", "24-01-01"])
def test_what_is_no_date_stands_for_none(text):
    assert date_span(text) is None


def test_a_document_is_read_from_the_fields_of_a_record():
    record = {"body": {"text": "A text."}, "head": None, "doc": 7, "more": {"year": 2020}, "b": 1}
    fields = StoreFields(text="body.text", title="head", id="doc", metadata="more")
    document = fields.document(Found("key", record, 1.0))
    assert (document.id, document.text, document.title, document.metadata) == ("7", "A text.", "", {"year": 2020})
    assert StoreFields(text="body.text").document(Found("key", record, 1.0)).metadata == record
    assert StoreFields(text="b", title="t").id_of(Found("key", record, 1.0)) == "key"


@pytest.mark.parametrize(
    ("fields", "record", "message"),
    [
        (StoreFields(), {"body": "x"}, r"record 'key' has no text in 'text', .* it has 'body'. Name the field"),
        (StoreFields(), {"text": 5}, r"record 'key' has no text in 'text': 5 \(int\)"),
        (StoreFields(id="doc"), {"text": "x", "doc": True}, "record 'key' has no id in 'doc': True"),
        (StoreFields(id="doc"), {"text": "x"}, "record 'key' has no id in 'doc': None"),
        (StoreFields(metadata="more"), {"text": "x", "more": [1]}, r"record 'key' has no object in 'more': \[1\]"),
        (StoreFields(), {"text": "x", "odd": object()}, "record 'key' cannot be read: "),
        (StoreFields(), {"text": "\ud800"}, "record 'key' cannot be read: text has a lone surrogate"),
    ],
)
def test_a_record_that_cannot_be_read_is_named(fields, record, message):
    with pytest.raises(StoreError, match=message):
        fields.document(Found("key", record, 1.0))


def test_wrong_types():
    arguments = {"text": "text", "title": None, "id": None, "metadata": None}
    for argument in arguments:
        call_with_wrong_values(StoreFields, arguments, argument)
    with pytest.raises(ArgumentError, match="text must be the name of a field, not None"):
        StoreFields(text=None)
