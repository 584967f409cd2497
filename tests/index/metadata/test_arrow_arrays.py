"""Tests the arrays of NumPy that are made from Arrow's without pandas."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from bicross.index import Document
from bicross.index.metadata import array_of, arrow_mask, arrow_scalar, arrow_values, mask_of
from bicross.pipelines import build_index
from helpers.fakes import HashEncoder
from hypothesis import given
from hypothesis import strategies as st

TYPES = (pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64(), pa.int64(), pa.float64())


SLICES = st.tuples(st.integers(0, 25), st.none() | st.integers(0, 25))


@given(st.sampled_from(TYPES), st.lists(st.integers(0, 255), max_size=20), SLICES)
def test_an_array_equals_that_of_arrow_also_where_it_is_a_slice(kind, values, part):
    column = pa.array(values, kind).slice(*part)
    expected = column.to_numpy(zero_copy_only=True)
    array = array_of(column)
    assert array.dtype == expected.dtype
    assert array.tolist() == expected.tolist()


def test_an_array_shares_memory_and_keeps_it():
    column = pa.array(range(1000), pa.int64())
    array = array_of(column.slice(10))
    assert np.shares_memory(array, column.to_numpy())
    assert not array.flags.writeable
    del column
    assert array.tolist() == list(range(10, 1000))


@given(st.lists(st.sampled_from([True, False, None]), max_size=40), SLICES)
def test_a_mask_is_true_where_the_array_is(values, part):
    column = pa.array(values, pa.bool_()).slice(*part)
    expected = np.array([value is True for value in column.to_pylist()], np.bool_)
    mask = mask_of(column)
    assert (mask.dtype, mask.tolist()) == (np.bool_, expected.tolist())
    assert mask.flags.writeable
    assert mask_of(pa.chunked_array([column, column], pa.bool_())).tolist() == [*expected, *expected]
    assert arrow_mask(mask).equals(pa.array(expected))
    valid = np.array([value is not None for value in column.to_pylist()], np.bool_)
    assert arrow_mask(mask, valid=valid).equals(column)


VALUES = {
    pa.bool_(): st.booleans(),
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.float64(): st.floats(allow_nan=False),
    pa.large_utf8(): st.text(),
}
VALUES |= {pa.list_(kind): st.lists(values, max_size=4) for kind, values in VALUES.items()}


@given(st.data(), st.sampled_from([*VALUES]))
def test_values_become_the_arrays_and_scalars_that_arrow_makes_of_them(data, kind):
    values = data.draw(st.lists(VALUES[kind], max_size=10))
    array = arrow_values(values, kind)
    array.validate(full=True)
    assert array.equals(pa.array(values, kind))
    for value in [*values, None]:
        assert arrow_scalar(value, kind).equals(pa.scalar(value, kind))


def test_texts_that_are_not_valid_unicode_are_refused_as_by_arrow():
    for make in (lambda text: arrow_values([text], pa.large_utf8()), lambda text: pa.scalar(text, pa.large_utf8())):
        with pytest.raises(UnicodeEncodeError):
            make("\ud800")


FILTERS = (
    "year >= 2020",
    "year in [2019, 2021] and id == 'a'",
    "'cats' in tags",
    "2 in numbers or year is null",
    "not (source == 'pubmed') and startswith(source, 'n')",
    "date < '2024-05-17' or date == '2024-05'",
    "is_open == true",
    "price > 1.5 and price != 3",
)
"""Conditions on every kind of value, of which none is mixed or nested."""


def test_an_index_is_opened_and_filtered_without_pandas(tmp_path):
    metadata = {
        "year": 2021,
        "tags": ["cats"],
        "numbers": [1, 2],
        "source": "news",
        "date": "2024-05-16T10:00:00+02:00",
        "is_open": True,
        "price": 2.5,
    }
    documents = [Document("a", "a text", "", metadata), Document("b", "another text", "", {"year": 2019})]
    build_index(documents, tmp_path / "index", encoder=HashEncoder(), reranker=None)
    code = (
        "import sys\nfrom bicross.index import Index\nindex = Index.open(sys.argv[1])\n"
        "print(*(index.count(filter_) for filter_ in sys.argv[2:]))\nassert 'pandas' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "index", *FILTERS], check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == ["1"] * len(FILTERS)
