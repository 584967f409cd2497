"""Tests the arrays of numbers that share the memory of Arrow files."""

import pyarrow as pa
import pytest
from bicross.errors import IndexCorrupt
from bicross.index.files import numbers, record_batch


def test_missing_values_are_refused_and_a_slice_without_them_is_taken(tmp_path):
    batch = record_batch([pa.array([1, None, 3], pa.int64())], pa.schema([("n", pa.int64())]))
    with pytest.raises(IndexCorrupt, match="the column 'n' has 1 missing values"):
        numbers(batch, "n", tmp_path)
    assert numbers(batch.slice(2), "n", tmp_path).tolist() == [3]
