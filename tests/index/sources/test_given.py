"""Documents that a program has in its hands: strings, dicts and tables."""

import datetime
import logging
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from bicross.errors import ArgumentError, BicrossError, DocumentError
from bicross.index import Document, given_documents, read_documents
from hypothesis import given
from hypothesis import strategies as st

words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1).filter(str.strip)


def test_strings_get_ids_that_depend_on_them_alone():
    cats, dogs = given_documents(["cats", "dogs"])
    assert (cats.text, cats.title, dogs.text) == ("cats", "", "dogs")
    assert cats.id == "12ec2561f5511093b00b4e2df06ae4c2"  # in every version: indexes hold it
    assert [document.id for document in given_documents(("dogs", "cats"))] == [dogs.id, cats.id]
    assert cats.id != next(iter(given_documents([{"title": "cats"}]))).id


def test_the_same_text_without_an_id_is_one_document_and_said(caplog):
    documents = given_documents(["cats", "dogs", "cats", {"text": "dogs"}, Document("x", "cats")])
    with caplog.at_level(logging.INFO, "bicross"):
        assert [document.text for document in documents] == ["cats", "dogs", "cats"]
    assert (documents.ids_made, documents.duplicates) == (2, 2)
    assert "left out 2 documents with the content of another, and no id" in caplog.text
    assert "made the ids of 2 documents from title and text" in caplog.text


@given(st.lists(st.tuples(words, words), max_size=20))
def test_ids_differ_where_title_or_text_do(pairs):
    documents = list(given_documents([{"title": title, "text": text} for title, text in pairs]))
    assert [(d.title, d.text) for d in documents] == list(dict.fromkeys(pairs))
    assert len({d.id for d in documents}) == len(documents)


def test_ids_are_those_of_rows_in_files(tmp_path):
    (tmp_path / "a.csv").write_text("title,text\nOne,a\nTwo,b\n")
    from_file = list(read_documents(tmp_path / "a.csv"))
    assert from_file == list(given_documents(pd.read_csv(tmp_path / "a.csv")))
    assert from_file == list(given_documents([{"title": "One", "text": "a"}, {"title": "Two", "text": "b"}]))


def test_dicts_are_read_as_rows_of_json_lines():
    rows = [
        {"id": 7, "text": "t", "title": None, "year": 2020, "metadata": {"tag": "x"}},
        {"_id": np.int64(8), "id": 1, "text": np.str_("t"), "title": float("nan")},
    ]
    assert list(given_documents(row for row in rows)) == [
        Document("7", "t", "", {"year": 2020, "tag": "x"}),
        Document("8", "t", "", {"id": 1}),
    ]


FRAME = pd.DataFrame(
    {
        "id": [3, 1],
        "title": ["Cats", None],
        "text": ["about cats", "about dogs"],
        "price": [1.5, float("nan")],
        "at": pd.to_datetime(["2024-02-29 12:30:00.123456789", None]),
        "kind": pd.Categorical(["a", "b"]),
    }
)
AS_DOCUMENTS = [
    Document("3", "about cats", "Cats", {"price": 1.5, "at": "2024-02-29T12:30:00.123456", "kind": "a"}),
    Document("1", "about dogs", "", {"price": None, "at": None, "kind": "b"}),
]


class OtherFrame:
    """A table of a library that has Arrow's protocol, with the types that polars gives."""

    columns = ("id", "title", "text", "price", "at", "kind")

    def __arrow_c_stream__(self, requested_schema=None):
        values = {
            "id": pa.array([3, 1]),
            "title": pa.array(["Cats", None], pa.string_view()),
            "text": pa.array(["about cats", "about dogs"], pa.large_string()),
            "price": pa.array([1.5, None]),
            "at": pa.array(FRAME["at"]),
            "kind": pa.array(["a", "b"], pa.dictionary(pa.uint32(), pa.large_string())),
        }
        return pa.table(values).__arrow_c_stream__(requested_schema)


@pytest.mark.parametrize(
    "frame",
    [
        FRAME,
        FRAME.iloc[[0, 1]].set_index(pd.Index([10, 20])),  # an index without a name is none of its columns
        FRAME.set_index("id"),
        pa.Table.from_pandas(FRAME),
        pa.RecordBatch.from_pandas(FRAME),
        pa.table(pa.Table.from_pandas(FRAME)).to_reader(max_chunksize=1),
        OtherFrame(),
    ],
    ids=["pandas", "index", "named index", "table", "batch", "reader", "other"],
)
def test_tables(frame):
    assert list(given_documents(frame)) == AS_DOCUMENTS


def test_a_column_can_have_the_name_of_an_attribute():
    frame = pd.DataFrame({"text": ["a"], "fraction": [0.5], "index": [1], "columns": ["x"]})
    assert [d.metadata for d in given_documents(frame)] == [{"fraction": 0.5, "index": 1, "columns": "x"}]


def test_values_of_arrow_tables():
    table = pa.table(
        {
            "id": ["a"],
            "text": ["t"],
            "map": pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int8())),
            "list": [["x", "y"]],
            "date": [datetime.date(2024, 2, 29)],
            "number": [Decimal("2")],
        }
    )
    [document] = given_documents(table)
    assert document.metadata == {"map": {"k": 1}, "list": ["x", "y"], "date": "2024-02-29", "number": 2}


@pytest.mark.parametrize(
    "column", [pd.Series(["cats", "dogs"]), pa.chunked_array([["cats"], ["dogs"]]), np.array(["cats", "dogs"])]
)
def test_columns_of_texts(column):
    assert [document.text for document in given_documents(column)] == ["cats", "dogs"]


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        ("corpus.jsonl", r"not the text or path 'corpus\.jsonl': read_documents\(path\) reads files"),
        (Path("corpus.jsonl"), r"not the path .*corpus\.jsonl.*: read_documents\(path\) reads files"),
        (b"cats", "not the path b'cats'"),
        (None, "not NoneType: None"),
        (7, "not int: 7"),
        (Document("1", "cats"), "not a single document: put it into a list"),
        ({"text": "cats"}, "not a single dict: put it into a list"),
        (Document, "not type: "),
    ],
)
def test_what_holds_no_documents_is_refused_at_once(documents, message):
    with pytest.raises(
        ArgumentError, match=f"^documents must be documents, strings, dicts with a 'text', or.*{message}"
    ):
        given_documents(documents)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (7, r"documents\[1\]: documents must be .* a table \(pandas, polars, Arrow\), not int: 7"),
        (None, "not NoneType: None"),
        (("1", "cats"), r"not tuple: \('1', 'cats'\)"),
        (["cats"], "not list"),
        (Path("a"), "not .*Path"),
        (float("nan"), "not float: nan"),
        (" \n", r"documents\[1\]: the text is blank"),
        ("\ud800", "lone surrogate"),
        ({}, "no text: 'text' and 'title' are both missing or blank"),
        ({"body": "cats"}, "no text: "),
        ({"id": "1"}, "no text: "),
        ({"id": None, "text": "t"}, "'id' must be a string or an integer, not None"),
        ({"id": True, "text": "t"}, "'id' must be a string or an integer, not True"),
        ({"id": np.True_, "text": "t"}, "'id' must be a string or an integer, not "),
        ({"id": "1", "text": 5}, "text must be a string, not int: 5"),
        ({1: "cats", "text": "t"}, "the keys of a dict must be strings, not int: 1"),
        ({"id": "1", "text": "t", "metadata": {"a": object()}}, r"documents\[1\]: .*metadata field 'a' holds"),
    ],
)
def test_an_item_that_is_no_document_is_named(value, message):
    with pytest.raises(DocumentError, match=message):
        list(given_documents(["first", value]))
    with pytest.raises(DocumentError, match=message):
        list(given_documents(item for item in ("first", value)))


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame({"body": ["a"]}), "row 0 of the table: no text"),
        (pd.DataFrame({"id": ["a"], "text": [None]}), "row 0 of the table: no text"),
        (
            pd.DataFrame({"id": [1, "a"], "text": ["a", "b"]}),
            "the table cannot be read as Arrow: .*; give each column one",
        ),
        (pd.DataFrame({"text": ["a"], "x": [object()]}), "the table cannot be read as Arrow"),
        (pa.table([["a"], ["b"]], names=["text", "text"]), "more than one column named 'text'; rename"),
        (pd.DataFrame(), "|"),
    ],
)
def test_tables_that_are_none_of_documents(frame, message):
    if len(frame.columns) == 0:
        assert list(given_documents(frame)) == []
        return
    with pytest.raises(BicrossError, match=message):
        list(given_documents(frame))
