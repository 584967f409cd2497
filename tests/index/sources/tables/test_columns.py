"""Columns of Parquet and Arrow files that metadata can hold, and those that are chosen."""

import datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bicross.errors import DocumentError, SourceError
from bicross.index import Document, read_documents

NAMES = ["a.parquet", "a.arrow", "a.ipc"]


@pytest.fixture(autouse=True)
def work_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(name, **columns):
    table = pa.table({"id": ["0", "1"], "text": ["a", "b"]} | columns)
    if name.endswith(".parquet"):
        pq.write_table(table, name)
    else:
        new = pa.ipc.new_stream if name.endswith(".ipc") else pa.ipc.new_file
        with pa.OSFile(name, "wb") as file, new(file, table.schema) as writer:
            writer.write_table(table)
    return name


BYTES = {
    "binary": pa.array([b"\0", None]),
    "fixed": pa.array([b"ab", b"cd"], pa.binary(2)),
    "in a struct": pa.array([{"bytes": b"\0", "path": "x"}, None]),
    "in a list": pa.array([[b"\0"], []]),
    "in a dictionary": pa.array([b"\0", b"\0"]).dictionary_encode(),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", BYTES)
def test_bytes_are_left_out_and_named(name, kind):
    reader = read_documents(write(name, image=BYTES[kind], n=[1, 2]))
    assert list(reader) == [Document("0", "a", metadata={"n": 1}), Document("1", "b", metadata={"n": 2})]
    [note] = reader.report.notes
    assert note.startswith(f"{name}: left out the columns image (")
    assert note.endswith("metadata hold no bytes and no intervals")


def test_intervals_are_left_out():
    interval = pa.array([pa.MonthDayNano([1, 2, 3]), None])
    assert [document.metadata for document in read_documents(write("a.arrow", x=interval))] == [{}, {}]


@pytest.mark.parametrize("name", NAMES)
def test_nan_and_infinities_are_null(name):
    values = {
        "x": pa.array([float("nan"), 0.5]),
        "y": pa.array([float("inf"), float("-inf")]),
        "half": pa.array([np.float16("inf"), np.float16(0.5)], pa.float16()),
        "list": pa.array([[float("inf"), 1.0], None]),
        "decimal": pa.array([Decimal("1.10"), Decimal("2.00")]),
        "whole": pa.array([Decimal("7"), None], pa.decimal128(5, 0)),
    }
    first, second = (document.metadata for document in read_documents(write(name, **values)))
    assert first == {"x": None, "y": None, "half": None, "list": [None, 1.0], "decimal": 1.1, "whole": 7}
    assert second == {"x": 0.5, "y": None, "half": 0.5, "list": None, "decimal": 2.0, "whole": None}


@pytest.mark.parametrize("name", NAMES)
def test_columns_are_chosen_and_left_out(name):
    write(name, **{"a": [1, 2], "b.c": [3, 4], "b": pa.array([{"c": 5}, {"c": 6}])})
    assert next(iter(read_documents(name, metadata_columns=["b.c"]))).metadata == {"b.c": 3}
    assert next(iter(read_documents(name, metadata_columns=["b"]))).metadata == {"b": {"c": 5}}
    assert next(iter(read_documents(name, leave_out=["a", "b"]))).metadata == {"b.c": 3}
    assert next(iter(read_documents(name, metadata_columns=[]))).metadata == {}
    with pytest.raises(SourceError, match=r"has no column 'x', which leave_out names, only id, text, a, b\.c, b"):
        list(read_documents(name, leave_out=["x"]))


def test_a_column_that_is_left_out_is_neither_decoded_nor_counted():
    large = pa.array(["x" * 2**20, "y" * 2**20])
    write("a.parquet", large=large)
    with pytest.raises(SourceError, match="--max-bytes"):
        list(read_documents("a.parquet", max_bytes=500_000))
    assert len(list(read_documents("a.parquet", max_bytes=500_000, leave_out=["large"]))) == 2


@pytest.mark.parametrize("name", NAMES)
def test_texts_that_are_stored_as_bytes(name):
    table = {"id": pa.array([b"0", b"1"]), "text": pa.array(["ü".encode(), b"b"], pa.large_binary())}
    assert list(read_documents(write(name, **table))) == [Document("0", "ü"), Document("1", "b")]
    table["text"] = pa.array([b"\xff", b"b"])
    with pytest.raises(DocumentError, match="row 1: a value cannot be read: 'utf-8' codec can't decode"):
        list(read_documents(write(name, **table)))


def test_names_in_capitals():
    pq.write_table(
        pa.table({"ID": [1], "Title": ["t"], "TEXT": ["x"], "Day": [datetime.date(2024, 1, 2)]}), "a.parquet"
    )
    assert list(read_documents(Path("a.parquet"))) == [Document("1", "x", "t", {"Day": "2024-01-02"})]
