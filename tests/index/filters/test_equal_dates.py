"""Equality with dates: at the precision of both sides, against Python's own ``datetime``."""

from datetime import datetime

from bicross.index import Document, Index
from helpers.filtering import matches
from helpers.toy_collections import FINGERPRINT, Record, batch, unit_vectors
from hypothesis import given
from hypothesis import strategies as st


def test_years_and_months_are_equal_at_the_precision_of_both():
    rows = [{"d": "2013-04-15"}, {"d": "2013"}, {"d": "2013-12"}, {"d": "2014-01-01T00:30+01:00"}, {"d": "2014"}, {}]
    assert matches("d == '2013'", rows) == matches("d >= '2013' and d <= '2013'", rows) == [0, 1, 2, 3]
    assert matches("d == '2013-12'", rows[:3], rows[3:]) == [1, 2, 3]
    assert matches("d != '2013'", rows) == matches("d not in ['2013', '1999-05']", rows) == [4]
    assert matches("d in ['2013-12', '2014-07-01']", rows) == [1, 2, 3, 4]
    assert matches("a == b", [{"a": "2013", "b": "2013-04"}, {"a": "2013-04", "b": "2014"}]) == [0]


def test_four_digits_beside_numbers_or_plain_texts_are_compared_as_texts():
    codes = [{"code": "2013"}, {"code": "2013-04"}, {"code": "12345"}]
    assert matches("code == '2013'", codes) == matches("code in ['2013']", codes) == [0]
    assert matches("code != '2013'", codes) == [1, 2]
    assert matches("code == '2013'", [{"code": "2013"}, {"code": "2013-X"}, {"code": "v2013"}]) == [0]
    assert matches("a == b", [{"a": "2013", "b": "2013-04"}, {"a": "12345", "b": "12345"}]) == [1]


def test_ids_that_are_dates_are_equal_letter_by_letter(tmp_path):
    ids = ["2013", "2013-04-15", "2013-04-15T10:00"]
    index = Index.create(
        tmp_path / "i",
        FINGERPRINT,
        batches=[batch([Record(Document(id_, "t"), unit_vectors(1, seed=7)) for id_ in ids])],
    )
    assert [index.count(where=f"id == '{id_}'") for id_ in ids] == [1, 1, 1]
    assert index.count(where="id != '2013'") == 2
    assert index.delete(where="id in ['2013']") == 1


SPANS = {0: "%Y", 1: "%Y-%m", 2: "%Y-%m-%d", 3: "%Y-%m-%dT%H:%M", 4: "%Y-%m-%dT%H:%M:%S"}
NEAR = st.sampled_from([2013, 2014]).flatmap(
    lambda year: st.builds(
        datetime,
        st.just(year),
        *(st.sampled_from(values) for values in ([1, 12], [1, 15], [0, 23], [0, 30], [0, 59])),
    )
)
DATED = st.tuples(NEAR, st.sampled_from(list(SPANS)))


def written(dated):
    return dated[0].strftime(SPANS[dated[1]])


def same_date(left, right):
    """Whether two are equal, by Python's own reading; None where one is missing."""
    if left is None:
        return None
    if isinstance(left, str):
        return left == written(right)
    shared = SPANS[min(left[1], right[1])]
    return left[0].strftime(shared) == right[0].strftime(shared)


@given(st.lists(st.none() | st.sampled_from(["soon", ""]) | DATED, min_size=1), DATED, DATED)
def test_equal_dates_are_those_of_datetime(values, first, second):
    rows = [{"f": 1} if v is None else {"d": v if isinstance(v, str) else written(v)} for v in values]
    rows.append({"d": "x"})
    values = [*values, "x"]
    is_first, is_second = [same_date(v, first) for v in values], [same_date(v, second) for v in values]
    either = [None if a is None else a or b for a, b in zip(is_first, is_second, strict=True)]
    a, b = written(first), written(second)
    expected = {
        f"d == '{a}'": is_first,
        f"d in ['{a}', '{b}']": either,
        f"d == '{a}' or d == '{b}'": either,
        f"d == '{a}' or f == 1": [True if v is None else v for v in is_first],
    }
    for text, results in expected.items():
        parts = [{"f": 1}, *rows], [{"d": "2000", "f": 1}]
        matching = [n - 1 for n in matches(f"({text}) and d is not null", *parts) if 0 < n <= len(rows)]
        assert matching == [n for n, v in enumerate(results) if v is True and values[n] is not None]
        if "or" not in text:
            opposite = text.replace("==", "!=").replace(" in ", " not in ")
            for negated in (opposite, f"not ({text})"):
                matching = [n - 1 for n in matches(negated, *parts) if 0 < n <= len(rows)]
                assert matching == [n for n, v in enumerate(results) if v is False]
    ordered = matches(f"d >= '{a}' and d <= '{a}'", rows, [{"d": "2000"}])
    assert ordered == [n for n, v in enumerate(is_first) if v and not isinstance(values[n], str)]
