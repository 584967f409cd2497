"""Fields with values of several kinds, nested fields, lists, ids, dates, and texts that look like numbers."""

import logging
import re
from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from bicross.errors import ArgumentError
from bicross.index import Document, Index
from bicross.index.filters.dates import read_dates
from bicross.index.metadata import Kind
from helpers.filtering import OPERATORS, fields_of, matches
from helpers.toy_collections import FINGERPRINT, Record, batch, unit_vectors
from hypothesis import given
from hypothesis import strategies as st


def index_of(path, metadata):
    documents = [Document(f"d{n}", "t", metadata=values) for n, values in enumerate(metadata)]
    return Index.create(path, FINGERPRINT, batches=[batch(records(documents))])


def records(documents):
    return [Record(document, unit_vectors(1, seed=7)) for document in documents]


def numbers_of(index, where):
    hits = index.search(unit_vectors(1, seed=7), 1000, where=where)[0]
    return sorted(int(hit.document.id[1:]) for hit in hits)


def test_one_odd_value_costs_its_own_document_only_and_an_upsert_or_delete_mends_it(tmp_path, caplog):
    years = [{"year": 2000 + n} for n in range(30)]
    years[7] = {"year": "n/a"}
    index = index_of(tmp_path / "i", years)
    expected = list(range(10, 30))
    with caplog.at_level(logging.WARNING, "bicross"):
        assert numbers_of(index, "year >= 2010") == expected
        assert numbers_of(index, "year >= 2010") == expected
    assert [r.getMessage() for r in caplog.records] == [
        "the field 'year' has values that are not integers or numbers, which filters treat as missing: 1 of 30 "
        "documents with it"
    ]
    assert numbers_of(index, "not year >= 2010") == [n for n in range(10) if n != 7]
    assert numbers_of(index, "year == 'n/a'") == [7]
    caplog.clear()
    index.upsert([batch(records([Document("d7", "t", metadata={"year": 2007})]))])
    assert numbers_of(index, "year < 2010") == list(range(10))
    with pytest.raises(ArgumentError, match=r"holds integers and cannot be compared \(==\) with 'n/a'"):
        numbers_of(index, "year == 'n/a'")
    index.delete(["d7"])
    assert numbers_of(index, "year < 2010") == [n for n in range(10) if n != 7]
    assert not caplog.records
    assert index.delete(where="year >= 2029 or year < 2001") == 2
    assert Index.verify(tmp_path / "i").problems == ()


MIXED = [
    {"flag": True, "authors": "Ann", "sizes": [7, 8], "hash": 2**63},
    {"flag": 1, "authors": ["Ann", "Bob"], "sizes": [7.5, None], "hash": 5},
    {"flag": "yes", "authors": [], "sizes": 7},
    {"flag": False, "authors": {"name": "Ann"}, "sizes": [], "hash": -(2**63) - 1},
    {"flag": 0, "authors": [["Ann"]], "sizes": ["7", 9, True]},
    {"flag": None, "authors": None, "sizes": "7"},
    {},
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("flag", [0]),
        ("not flag", [3]),
        ("flag == true", [0]),
        ("flag != true", [3]),
        ("flag == 1", [1]),
        ("flag < 1", [4]),
        ("flag == 'yes'", [2]),
        ("flag in [true, 0]", [0, 4]),
        ("flag not in [true, 0]", [1, 3]),
        ("flag is null", [5, 6]),
        ("'Ann' in authors", [0, 1]),
        ("'Ann' not in authors", [2]),
        ("'Bob' in authors", [1]),
        ("authors == 'Ann'", [0]),
        ("authors.name == 'Ann'", [3]),
        ("authors is null", [5, 6]),
        ("7 in sizes", [0, 2]),
        ("7.5 in sizes", [1]),
        ("9 in sizes", [4]),
        ("7 not in sizes", [1, 3, 4, 5]),
        ("'7' in sizes", [4, 5]),
        ("sizes == 7", [2]),
        ("sizes is not null", [0, 1, 2, 3, 4, 5]),
        ("99999999999999999999 in sizes", []),
        ("hash > 0", [1]),
        ("hash is null", [2, 4, 5, 6]),
        ("hash is not null and not hash == 5", []),
    ],
)
def test_fields_of_several_kinds(text, expected):
    assert matches(text, MIXED) == expected
    assert matches(text, MIXED[:1], MIXED[1:]) == expected
    assert matches(text, *([document] for document in MIXED)) == expected


def test_what_no_value_can_be_compared_with_is_an_error_that_says_what_there_is():
    for text, message in [
        ("authors > 5", "holds lists of other items and lists of texts and objects and texts and cannot be compared"),
        ("'x' in hash", "holds integers and integers beyond 64 bits; 'x' can only be in a field of lists"),
        ("true in sizes", "and True is not a text or number"),
        ("authors == true", r"cannot be compared \(==\) with True; write True in authors"),
    ]:
        with pytest.raises(ArgumentError, match=message):
            matches(text, MIXED)
    with pytest.raises(ArgumentError, match="holds lists of integers, and 'x' is not a number"):
        matches("'x' in a", [{"a": [1]}])


NESTED = [
    {"author": {"name": "Ann", "born": 1990, "home": {"city": "Oslo"}}, "a.b": 1},
    {"author": {"name": "Bob"}, "a": {"b": 2}},
    {"author": "Cid", "a": {"b": 3}, "a.b": 4},
    {"author.name": "Dan", "a": {"b": {"c": 5}}},
    {"author": [{"name": "Eve", "tags": ["x"]}, {"name": "Flo", "tags": ["y"]}], "a": {"b.c": 6}},
    {"author": {"name": None}, "é": {"漢": True}},
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("author.name == 'Ann'", [0]),
        ("author.name >= 'B'", [1, 3]),
        ("author.name = 'Bob'", [1]),
        ("'Flo' in author.name", [4]),
        ("'x' in author.tags", [4]),
        ("author.born < 2000", [0]),
        ("author.home.city == 'Oslo'", [0]),
        ("author.name is null", [2, 5]),
        ("author is null", [3]),
        ("author == 'Cid'", [2]),
        ("a.b >= 1", [0, 1, 2]),
        ("field('a.b') == 4", [2]),
        ("a.b.c > 0", [3, 4]),
        ("é.漢", [5]),
        ("startswith(author.name, 'A')", [0]),
        (pc.field("author.born") == 1990, [0]),
        (pc.field("author.home.city") == "Oslo", [0]),
    ],
)
def test_members_of_objects(text, expected):
    assert matches(text, NESTED) == expected
    assert matches(text, NESTED[:2], NESTED[2:]) == expected


def test_members_that_no_document_has():
    for name in ("author.nam", "author.name.x", "nobody.name", "author.home.city.x"):
        with pytest.raises(ArgumentError, match=f"there is no field '{name}' to filter by; there are: 'a'"):
            matches(f"{name} == 'x'", NESTED)


def test_fields_beyond_the_first_256_can_be_filtered_by():
    wide = [{f"c{n}": n for n in range(5000)}, {"c4000": 1}]
    assert matches("c4000 == 4000", wide) == [0]
    assert matches("c4000 < 10 or c300 == 300", wide) == [0, 1]
    with pytest.raises(ArgumentError, match="there is no field 'c5000'"):
        matches("c5000 == 1", wide)
    assert matches(f"field('{'n' * 2000}') == 1", [{"n" * 2000: 1}, {"": 2}]) == [0]
    assert matches("field('') == 2", [{"n" * 2000: 1}, {"": 2}]) == [1]


def test_ids(tmp_path):
    index = index_of(tmp_path / "i", [{"n": n} for n in range(20)])
    index.delete(["d3"])
    assert numbers_of(index, "id in ['d1', 'd3', 'd15', 'x']") == [1, 15]
    assert numbers_of(index, "id = 'd2' or n == 4") == [2, 4]
    assert numbers_of(index, "startswith(id, 'd1') and n > 15") == [16, 17, 18, 19]
    assert numbers_of(index, pc.field("id").isin(["d5"])) == [5]
    assert index.delete(where="id == 'd6'") == 1
    with pytest.raises(ArgumentError, match="'id' holds texts and cannot be compared"):
        numbers_of(index, "id == 5")


def test_a_metadata_field_of_the_name_id_is_never_taken_for_the_documents_id(tmp_path):
    index = index_of(tmp_path / "i", [{"id": "d1"}, {"id": "d0"}])
    assert numbers_of(index, "field('id') == 'd1'") == [0]
    assert numbers_of(index, pc.field("id") == "d1") == [0]
    with pytest.raises(ArgumentError, match=r'also have a metadata field of that name: write field\("id"\)'):
        numbers_of(index, "id == 'd1'")


# Texts that look like numbers


PRICES = [{"price": "9.5"}, {"price": "100"}, {"price": "n/a"}]


@pytest.mark.parametrize("literal", ["50", "9.5", "-1", "1e3", "1,000", "2000"])
@pytest.mark.parametrize("symbol", ["<", "<=", ">", ">="])
def test_texts_that_look_like_numbers_are_never_ordered_as_texts(symbol, literal):
    message = re.escape(f"('{symbol}'").replace("'", "") + ".*alphabetical.*--types price=float"
    with pytest.raises(ArgumentError, match=message):
        matches(f"price {symbol} '{literal}'", PRICES)
    with pytest.raises(ArgumentError, match="alphabetical"):
        matches(f"price {symbol} '{literal}'", [{}], PRICES)
    with pytest.raises(ArgumentError, match="alphabetical"):
        matches("price < cost", [{"price": "9", "cost": "10"}])
    assert matches(f"price == '{literal}'", PRICES) == ([0] if literal == "9.5" else [])


def test_only_live_documents_decide_how_texts_are_compared():
    live = np.array([False, False, True])
    assert matches("price > '50'", PRICES, lives=[live]) == [0, 2]
    assert matches("code >= '50'", [{"code": "a1"}, {"code": "7b"}]) == [0, 1]
    assert matches("code >= 'b'", [{"code": "12"}, {"code": "c"}]) == [1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("year >= '2000'", [1, 2]), ("year < '1999-06'", [0]), ("year == '1999'", [0]), ("year <= '1999-01-01'", [0])],
)
def test_four_digits_are_a_year(text, expected):
    assert matches(text, [{"year": "1998" if "06" in text else "1999"}, {"year": "2000"}, {"year": "2024"}]) == expected
    with pytest.raises(ArgumentError, match="alphabetical"):
        matches("year >= '50'", [{"year": "1999"}])
    with pytest.raises(ArgumentError, match="alphabetical"):
        matches("d >= '2024-01-01'", [{"d": "20240115"}])


# Dates

DATES = [
    {"d": "2024-01-01"},
    {"d": "2024-01-01T15:30"},
    {"d": "2024-01-01T15:30:20Z"},
    {"d": "2024-01-02T00:30:00+02:00"},
    {"d": "2024-01-02"},
    {"d": "2023-12"},
    {"d": "soon"},
    {"d": "2024-02-30"},
    {"d": "2024-01-01 23:59:59.999999"},
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("d <= '2024-01-01'", [0, 1, 2, 3, 5, 8]),
        ("d > '2024-01-01'", [4]),
        ("d >= '2024-01-01'", [0, 1, 2, 3, 4, 8]),
        ("d < '2024-01-01'", [5]),
        ("not d < '2024-01-01'", [0, 1, 2, 3, 4, 8]),
        ("d == '2024-01-01'", [0, 1, 2, 3, 8]),
        ("d != '2024-01-01'", [4, 5, 6, 7]),
        ("d in ['2024-01-02', 'soon']", [4, 6]),
        ("d == '2024-01-01T15:30'", [0, 1, 2]),
        ("d > '2024-01-01T15:30'", [3, 4, 8]),
        ("d >= '2024-01-01T22:30:00Z'", [0, 3, 4, 8]),
        ("d == '2024-01-01T22:30:00Z'", [0, 3]),
        ("d < '2024'", [5]),
        ("d <= '2024'", [0, 1, 2, 3, 4, 5, 8]),
        ("d >= '2024-01'", [0, 1, 2, 3, 4, 8]),
        ("d == 'soon'", [6]),
        ("startswith(d, '2024-01-01T')", [1, 2]),
        ("'2023-12-31' < d <= '2024-01-01'", [0, 1, 2, 3, 8]),
    ],
)
def test_dates_are_compared_at_the_precision_of_both(text, expected):
    assert matches(text, DATES) == expected
    assert matches(text, DATES[:3], DATES[3:]) == expected


@pytest.mark.parametrize("literal", ["2024-13", "soon", "2024-1-1", ""])
@pytest.mark.parametrize("symbol", ["<", "<=", ">", ">="])
def test_dates_have_no_order_with_what_is_none(symbol, literal):
    dates = [{"d": "2024-01-01"}, {"d": "2023-12"}, {}]
    with pytest.raises(ArgumentError, match=r"'d' holds dates and cannot be compared \(.*, which is not a date: write"):
        matches(f"d {symbol} '{literal}'", dates)
    assert matches(f"d == '{literal}'", dates) == []
    assert matches("d >= 'soon'", [*dates, {"d": "soon"}]) == [3]


@pytest.mark.parametrize("literal", ["13.05.2013", "05/17/24", "05/17/2024 5:30 PM"])
@pytest.mark.parametrize("text", ["2024-01-01", "31.12.2020", "soon"])
def test_local_dates_have_no_alphabetical_order(text, literal):
    with pytest.raises(ArgumentError, match="would be alphabetical, by the day or month first"):
        matches(f"d >= '{literal}'", [{"d": text}])
    assert matches(f"d == '{literal}'", [{"d": text}, {"d": literal}]) == [1]


@pytest.mark.parametrize("literal", ["2024-01-01", "2024", "2024-01-01T10:00"])
@pytest.mark.parametrize(
    "text",
    [
        "31.12.2020",
        "12/31/2024",
        "31-12-2020",
        "12/31/2024 5:30 PM",
        "1.2.24, 10:30",
        "2024/01/31",
        "2024-5-17",
        "2024-12-1 10:30",
    ],
)
def test_dates_that_are_not_iso_are_never_ordered_by_their_letters(text, literal):
    rows = [{"d": text, "e": text, "f": "2024-01-01"}, {"d": "soon"}, {}]
    for condition in (f"d >= '{literal}'", f"not d < '{literal}'", f"'{literal}' > d", "d < e", "d < f", "f > d"):
        with pytest.raises(ArgumentError, match=r"holds dates that are not written like 2024-05-17, .* alphabetical"):
            matches(condition, rows)
        with pytest.raises(ArgumentError, match="alphabetical"):
            matches(condition, [{"d": "soon", "e": "x", "f": "y"}], rows)
    for expression in (pc.field("d") >= literal, pc.field("d") < pc.field("e")):
        with pytest.raises(ArgumentError, match=r"alphabetical|letter by letter"):
            matches(expression, rows)
    assert matches(f"d == '{text}'", rows) == [0]
    assert matches(f"d == '{literal}'", rows) == []
    assert matches("d >= 'soon'", rows) == [1]
    # One date that is written as it should be makes the field one of dates: what is none has no order.
    assert matches(f"d >= '{literal}'", [*rows, {"d": "2025-01-01"}]) == [3]


@pytest.mark.parametrize("price", ["$12.50", "12,50 €", "£-9", "-£9", "15 %", "¥1,000"])
def test_amounts_have_no_alphabetical_order(price):
    for literal in (price, "10"):
        with pytest.raises(ArgumentError, match=r"looks? like numbers, .* alphabetical"):
            matches(f"p > '{literal}'", [{"p": price}])


def test_dates_of_two_fields():
    rows = [
        {"a": "2024-01-01", "b": "2024-01-01T10:00"},
        {"a": "2024-01-01T00:00:00+14:00", "b": "2023-12-31"},
        {"a": "x", "b": "2024-01-01"},
        {"a": "2024-01-03", "b": "2024-01-02T10:00"},
    ]
    assert matches("a < b", rows) == []
    assert matches("a <= b", rows) == [0, 1]
    assert matches("a > b", rows) == [3]
    assert matches("a == b", rows) == [0, 1]
    assert matches("a != b", rows) == [2, 3]


MOMENTS = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 28))
ZONES = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))) | st.just(UTC)


@given(st.lists(st.tuples(MOMENTS, st.none() | ZONES, st.sampled_from(["minutes", "seconds", "auto"])), max_size=5))
def test_datetimes_are_read_as_python_reads_them(moments):
    texts, expected = [], []
    for moment, zone, timespec in moments:
        text = moment.replace(tzinfo=zone).isoformat(timespec=timespec)
        read = datetime.fromisoformat(text)
        read = read if read.tzinfo else read.replace(tzinfo=UTC)
        texts.append(text)
        expected.append((read - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1))
    dates = read_dates(pa.array(texts, pa.large_utf8()))
    assert dates.instants.tolist() == expected
    assert (dates.precision >= 3).all()


def test_days_are_those_of_the_calendar():
    texts = [f"{y}-{m:02}-{d:02}" for y in (1900, 2000, 2023, 2024, 9999) for m in range(14) for d in range(33)]

    def is_day(text):
        try:
            return bool(date.fromisoformat(text))
        except ValueError:
            return False

    assert read_dates(pa.array(texts, pa.large_utf8())).valid.tolist() == [is_day(text) for text in texts]
    odd = ["", " 2024-01-01", "2024-01-01T", "2024-01-01T24:00", "2024-1-1", "2024-01-01T10", "2024-01-01T10:00+24:00"]
    assert not read_dates(pa.array([*odd, "2024-01-01\n", None], pa.large_utf8())).valid.any()


# Random conditions on fields with values of any kind, against an interpreter in a few lines. None is unknown.

SCALARS = st.sampled_from([None, True, False, 0, 1, 7, 0.5, 7.0, "a", "b", "Ann", 2**70])
ITEMS = st.lists(SCALARS.filter(lambda value: not isinstance(value, bool) and value != 2**70), max_size=3)
ANY_VALUE = SCALARS | ITEMS | st.just({"k": "a"}) | st.just([["a"]])
ROWS = st.lists(st.fixed_dictionaries({}, optional={"m": ANY_VALUE, "o": st.fixed_dictionaries({"k": ANY_VALUE})}))
EVERY_KIND = [{"m": value, "o": {"k": value}} for value in (True, 1, 0.5, "a", ["a"], [1], [0.5])]


def kind_of(value):
    if isinstance(value, bool):
        return bool
    if isinstance(value, int | float):
        return None if value == 2**70 else float
    return str if isinstance(value, str) else None


def read(document, name):
    for key in name.split("."):
        document = document.get(key) if isinstance(document, dict) else None
    return document


@st.composite
def leaves(draw):
    name, literal = draw(st.sampled_from(["m", "o.k"])), draw(st.sampled_from([True, False, 0, 1, 7, 0.5, "a", "Ann"]))
    shape = draw(st.sampled_from(["compare", "in", "contains", "null", "flag", "prefix"]))
    if shape == "compare":
        symbol = draw(st.sampled_from(["==", "!="] if isinstance(literal, bool) else list(OPERATORS)))

        def compare(d):
            value = read(d, name)
            return OPERATORS[symbol](value, literal) if kind_of(value) == kind_of(literal) else None

        return f"{name} {symbol} {literal!r}", compare
    if shape == "in":
        literals = [literal, *draw(st.lists(st.sampled_from([True, 0, "b"]), max_size=2))]

        def one_of(d):
            value = read(d, name)
            same_kind = [other for other in literals if kind_of(other) == kind_of(value) is not None]
            return value in same_kind if same_kind else None

        return f"{name} in {literals!r}", one_of
    if shape == "contains" and not isinstance(literal, bool):

        def contains(d):
            value = read(d, name)
            items = value if isinstance(value, list) else [value]
            comparable = [item for item in items if kind_of(item) is not None]
            if not comparable and not (isinstance(value, list) and not any(item is not None for item in items)):
                return None
            return any(kind_of(item) == kind_of(literal) and item == literal for item in comparable)

        return f"{literal!r} in {name}", contains
    if shape == "prefix":
        return (
            f"startswith({name}, 'A')",
            lambda d: read(d, name).startswith("A") if isinstance(read(d, name), str) else None,
        )
    if shape == "flag":
        return name, lambda d: read(d, name) if isinstance(read(d, name), bool) else None
    return f"{name} is null", lambda d: read(d, name) is None


@st.composite
def conditions(draw):
    text, evaluate = draw(leaves())
    if draw(st.booleans()):
        return f"not ({text})", lambda d: None if evaluate(d) is None else not evaluate(d)
    return text, evaluate


@given(conditions(), conditions(), st.sampled_from(["and", "or"]), ROWS, ROWS)
def test_conditions_on_any_kind_equal_their_meaning_in_python(first, second, word, rows, more):
    decisive = word == "or"

    def evaluate(document):
        results = [first[1](document), second[1](document)]
        return decisive if decisive in results else None if None in results else not decisive

    documents = [*rows, *EVERY_KIND, *more]
    expected = [n for n, document in enumerate(documents) if evaluate(document) is True]
    assert matches(f"({first[0]}) {word} ({second[0]})", [*rows, *EVERY_KIND], more) == expected


def test_counts_are_of_live_documents():
    field = fields_of(MIXED, lives=[np.array([True, False, True, True, True, True, True])]).find("sizes")
    assert field.counts == {
        Kind.INTEGERS: 1,
        Kind.TEXTS: 1,
        Kind.TEXT_LISTS: 2,
        Kind.INTEGER_LISTS: 2,
    }
    assert field.off((Kind.INTEGERS, Kind.NUMBERS)) == 4


def test_parsing_takes_time_in_proportion_to_the_text():
    """At most 4096 characters are read; none of the patterns looks at them more often than a few times."""
    for text in ("a" * 4096, "'" * 4096, "\\" * 4096, "a." * 2000 + "a", "1" * 4096, "(" * 4096, " " * 4000 + "a"):
        with pytest.raises(ArgumentError):
            matches(text, [{}])
