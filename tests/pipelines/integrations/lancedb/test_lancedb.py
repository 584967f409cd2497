"""The first stage over LanceDB, embedded, against an index of the same vectors."""

import pytest

pytest.importorskip("lancedb", reason="needs LanceDB: pip install 'bicross[lancedb]'")

import datetime

import lancedb
import pyarrow as pa
from bicross.errors import ArgumentError, StoreError
from bicross.pipelines.integrations.lancedb import LanceOptions, LanceRetriever
from bicross.pipelines.integrations.stores import StoreFields
from helpers.examples import examples
from helpers.fakes import HashEncoder
from helpers.vector_stores import (
    COUNT,
    DIMENSION,
    DOCUMENTS,
    ENCODER,
    LEAVES,
    QUERIES,
    VECTORS,
    assert_pipelines_agree,
    assert_same_as_index,
    conditions,
    ids_of,
    index_of,
)
from helpers.wrong_values import call_with_wrong_values
from hypothesis import given, settings
from lancedb.index import FTS, IvfFlat

FIELDS = StoreFields(text="page", title="head", id="source", metadata="metadata")
MORE = ["startswith(kind, 'kind1')", "kind > 'kind1'", "year == year", "score <= year", "day == day"]
"""Tests that not every store can say."""
METADATA = pa.struct(
    {
        "year": pa.int64(),
        "score": pa.float64(),
        "kind": pa.string(),
        "flag": pa.bool_(),
        "day": pa.date32(),
        "tags": pa.list_(pa.string()),
        "author": pa.struct({"name": pa.string()}),
    }
)


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return index_of(tmp_path_factory.mktemp("lance") / "index")


def metadata(document):
    """A struct has all of its members, some without a value."""
    values = dict.fromkeys(METADATA.names) | dict(document.metadata)
    day = values["day"]
    return values | {"day": None if day is None else datetime.date.fromisoformat(day)}


def table(vectors=VECTORS):
    columns = {
        "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1]),
        "page": [document.text for document in DOCUMENTS],
        "head": [document.title for document in DOCUMENTS],
        "source": [document.id for document in DOCUMENTS],
        "odd-name of 1": list(range(COUNT)),
        "metadata": pa.array([metadata(document) for document in DOCUMENTS], METADATA),
    }
    return pa.table(columns)


@pytest.fixture(scope="module")
def connection(tmp_path_factory):
    connection = lancedb.connect(tmp_path_factory.mktemp("lance") / "tables")
    connection.create_table("articles", table())
    for distance in ("l2", "cosine", "dot"):
        made = connection.create_table(distance, table())
        made.create_index("vector", config=IvfFlat(distance_type=distance, num_partitions=2))
    made.create_index("page", config=FTS(stem=False, remove_stop_words=False))
    return connection


class Filled(LanceRetriever):
    """Takes the members without a value out again, which a document of an index does not have."""

    def _find(self, batch, store_filter):
        found = super()._find(batch, store_filter)
        for record in (one.record for records in found for one in records):
            record["metadata"] = {name: value for name, value in record["metadata"].items() if value is not None}
        return found


def over(connection, name="articles", **options):
    return Filled(connection, name, **({"encoder": ENCODER, "fields": FIELDS} | options))


@pytest.mark.parametrize("name", ["articles", "l2", "cosine", "dot"])
def test_it_finds_what_an_index_finds(connection, index, name):
    for k in (3, 2 * COUNT):
        assert_same_as_index(over(connection, name, options=LanceOptions(nprobes=2)), index, k=k)
        assert_same_as_index(over(connection, name, options=LanceOptions(exact=True, refine_factor=2)), index, k=k)


def test_each_test_of_where_means_what_it_means_on_an_index(connection, index):
    retriever = over(connection)
    for where in [*LEAVES, *MORE]:
        for condition in (where, f"not ({where})"):
            assert_same_as_index(retriever, index, where=condition, queries=QUERIES[:1])


@settings(max_examples=examples(100))
@given(where=conditions([*LEAVES, *MORE]))
def test_random_conditions_mean_what_they_mean_on_an_index(connection, index, where):
    assert_same_as_index(over(connection), index, where=where, k=9, queries=QUERIES[:1])


@pytest.mark.parametrize("operator", ["==", "!=", "<", "<=", ">", ">="])
def test_numbers_that_a_column_cannot_hold(tmp_path, operator):
    connection = lancedb.connect(tmp_path)
    columns = {"id": ["a", "b", "c"], "text": ["x", "y", "z"], "n": pa.array([0, 200, None], pa.uint8())}
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(VECTORS[:3].ravel()), DIMENSION)
    connection.create_table("small", pa.table({**columns, "vector": vectors}))
    retriever = LanceRetriever(connection, "small", ENCODER)
    numbers = {"a": 0, "b": 200}
    for value in (-1, 0, 0.5, 200, 200.0, 199.5, 300, 10**30, -(10**30), 1e300):
        expected = {id_ for id_, n in numbers.items() if eval(f"{n} {operator} {value}")}  # noqa: S307
        assert ids_of(retriever, f"n {operator} {value}") == expected, value
        assert ids_of(retriever, f"not (n {operator} {value})") == numbers.keys() - expected, value
    assert ids_of(retriever, "n in [300, 200, 0.5]") == {"b"}
    assert ids_of(retriever, "n not in [300]") == {"a", "b"}


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("nothing == 1", "there is no field 'nothing' to filter by; there are: 'year', 'score', 'kind'"),
        ("year == '2001'", r"the field 'year' holds numbers and cannot be compared \(==\) with '2001'"),
        ("day > 'May'", r"holds dates and cannot be compared \(>\) with 'May', which is not a date"),
        ("startswith(day, '2024')", r"holds dates and cannot be compared \(startswith\)"),
        ("tags == 'tag1'", "holds lists of texts .* write 'tag1' in tags"),
        ("author > 'Ann'", "holds objects"),
        ("author.age > 3", "there is no field 'author.age'"),
        ("year == kind", r"holds numbers and cannot be compared \(==\) with 'kind', which holds texts"),
    ],
)
def test_what_cannot_be_said_is_an_error(connection, where, message):
    with pytest.raises(ArgumentError, match=message):
        over(connection).retrieve(["sea"], 3, where=where)


def test_names_and_texts_that_sql_must_quote(connection):
    retriever = LanceRetriever(connection, "articles", ENCODER, fields=StoreFields(text="page", id="source"))
    assert ids_of(retriever, "field('odd-name of 1') == 1") == {"d01"}
    with pytest.raises(ArgumentError, match="there is no field 'a`b'"):
        retriever.retrieve(["sea"], 3, where="field('a`b') == 1")
    connection.create_table(
        "marked", pa.table({"a`b": [1], "id": ["a"], "text": ["b"], "vector": table()["vector"][:1]})
    )
    with pytest.raises(ArgumentError, match="LanceDB cannot ask for the column 'a`b': its name has the mark `"):
        LanceRetriever(connection, "marked", ENCODER)
    assert ids_of(retriever, "metadata.author.name == 'Ann 1' and page == '' or head == \"it's; --\"") == set()


def test_what_does_not_fit_is_an_error_when_the_retriever_is_made(connection):
    with pytest.raises(StoreError, match="LanceDB cannot answer for the table 'none': Table 'none' was not found"):
        over(connection, "none")
    with pytest.raises(StoreError, match="holds vectors of 64 dimensions, and 'hash-encoder' makes 3"):
        over(connection, encoder=HashEncoder(3))
    with pytest.raises(StoreError, match=r"no column 'text'; there are: 'vector', 'page', .*StoreFields\(text=...\)"):
        over(connection, fields=StoreFields(id="source"))
    with pytest.raises(StoreError, match="the column 'vector' of the table 'articles' holds no texts"):
        over(connection, fields=StoreFields(text="page", title="vector", id="source"))
    with pytest.raises(StoreError, match="has no column 'embedding': vector= names one of 'vector'"):
        over(connection, vector="embedding")
    with pytest.raises(StoreError, match="the column 'page' of the table 'articles' holds string and no vectors"):
        over(connection, vector="page")
    with pytest.raises(ArgumentError, match="has no keys: name the column with the ids"):
        over(connection, fields=StoreFields(text="page"))
    with pytest.raises(StoreError, match=r"needs a full-text index on 'page' of the table 'articles': table.create"):
        over(connection, options=LanceOptions(hybrid=True))
    with pytest.raises(ArgumentError, match="connection must be a DBConnection"):
        over("folder")
    with pytest.raises(ArgumentError, match="exact=True compares all vectors, so that nprobes=3 says nothing"):
        LanceOptions(exact=True, nprobes=3)


def test_a_table_that_is_gone_is_an_error(tmp_path):
    connection = lancedb.connect(tmp_path)
    connection.create_table("gone", table())
    retriever = over(connection, "gone")
    connection.drop_table("gone")
    with pytest.raises(StoreError, match="LanceDB cannot answer for the table 'gone'"):
        retriever.retrieve(["sea"], 3)


def test_hybrid_joins_the_ranks_of_vectors_and_words(connection, index):
    """The sums are those of two rankings, each made alone."""
    retriever, rank = over(connection, "dot", options=LanceOptions(hybrid=True)), 60
    for query in ("word3 sea", "word7"):
        nearest = over(connection, "dot").retrieve([query], 12)[0]
        search = connection.open_table("dot").search(query, query_type="fts", fts_columns="page")
        by_words = search.limit(12).to_arrow()["source"].to_pylist()
        expected = dict.fromkeys(by_words, 0.0) | {hit.document.id: 0.0 for hit in nearest}
        for ids in (by_words, [hit.document.id for hit in nearest]):
            for place, id_ in enumerate(ids, start=1):
                expected[id_] += 1 / (rank + place)
        [hits] = retriever.retrieve([query], 12)
        assert all(hit.dense_score is None for hit in hits)
        scores = {hit.document.id: hit.score for hit in hits}
        assert scores == pytest.approx({id_: expected[id_] for id_ in scores}, abs=2e-5)
        assert min(scores.values()) >= sorted(expected.values(), reverse=True)[11] - 2e-5
    assert ids_of(retriever, "year >= 2006") <= {d.id for d in DOCUMENTS if d.metadata.get("year", 0) >= 2006}


def test_both_stages(connection, index):
    assert_pipelines_agree(over(connection), index)


def test_wrong_types(connection):
    arguments = {
        "connection": connection,
        "table": "articles",
        "encoder": ENCODER,
        "fields": FIELDS,
        "vector": "vector",
        "options": None,
    }
    for argument in arguments:
        call_with_wrong_values(LanceRetriever, arguments, argument)
    options = {"nprobes": None, "refine_factor": 2, "exact": False, "hybrid": False}
    for argument in options:
        call_with_wrong_values(LanceOptions, options, argument)
    retriever = over(connection)
    for argument in ("queries", "k", "where"):
        call_with_wrong_values(retriever.retrieve, {"queries": ["sea"], "k": 2, "where": None}, argument)
