"""Tests the arrays of numbers that share the memory of Arrow files."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from bicross.errors import IndexCorrupt
from bicross.index.files import array_of, numbers, record_batch
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


def test_missing_values_are_refused_and_a_slice_without_them_is_taken(tmp_path):
    batch = record_batch([pa.array([1, None, 3], pa.int64())], pa.schema([("n", pa.int64())]))
    with pytest.raises(IndexCorrupt, match="the column 'n' has 1 missing values"):
        numbers(batch, "n", tmp_path)
    assert numbers(batch.slice(2), "n", tmp_path).tolist() == [3]


def test_an_index_is_opened_without_pandas(tmp_path):
    shutil.copytree(Path(__file__).parents[1] / "golden" / "terms-4", tmp_path / "index")
    code = "import sys\nfrom bicross.index import Index\nIndex.open(sys.argv[1])\nassert 'pandas' not in sys.modules"
    subprocess.run([sys.executable, "-c", code, tmp_path / "index"], check=True)
