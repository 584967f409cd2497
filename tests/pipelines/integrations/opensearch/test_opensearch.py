"""The first stage over OpenSearch: its own client, against a stand-in server, with an index of the same vectors."""

import pytest

pytest.importorskip("opensearchpy", reason="needs OpenSearch's client: pip install 'bicross[opensearch]'")

from bicross.errors import ArgumentError, StoreError
from bicross.pipelines.integrations.opensearch import OpenSearchRetriever
from bicross.pipelines.integrations.stores import StoreFields
from helpers.examples import examples
from helpers.fakes import HashEncoder
from helpers.opensearch_server import SCORES, Collection, serving
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
from opensearchpy import OpenSearch

FIELDS = StoreFields(text="page", title="head", metadata="metadata")
MORE = ["startswith(kind, 'kind1')", "kind > 'kind1'", f"year < {10**30}", f"year == {10**30}"]
"""Tests that not every store can say."""
METADATA = {
    "year": {"type": "integer"},
    "score": {"type": "float"},
    "kind": {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}},
    "flag": {"type": "boolean"},
    "day": {"type": "date"},
    "tags": {"type": "keyword"},
    "author": {"properties": {"name": {"type": "keyword"}}},
}


def mapping(space, **other):
    vector = {"type": "knn_vector", "dimension": DIMENSION, "method": {"space_type": space, "engine": "faiss"}}
    return {
        "embedding": vector,
        "page": {"type": "text"},
        "head": {"type": "text"},
        "metadata": {"properties": METADATA},
    } | other


SOURCES = {
    document.id: {"page": document.text, "head": document.title, "metadata": dict(document.metadata)}
    for document in DOCUMENTS
}
COLLECTIONS = {space: Collection(mapping(space), SOURCES, VECTORS, space=space) for space in SCORES} | {
    "empty": Collection(mapping("l2"), {}, VECTORS[:0]),
    "hamming": Collection(mapping("hamming"), {}, VECTORS[:0]),
    "late": Collection(
        mapping("l2", embedding={"type": "knn_vector", "dimension": DIMENSION, "method": {"engine": "nmslib"}}),
        SOURCES,
        VECTORS,
        space="l2",
    ),
    "of-a-model": Collection(mapping("l2", embedding={"type": "knn_vector", "model_id": "m"}), {}, VECTORS[:0]),
}


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return index_of(tmp_path_factory.mktemp("opensearch") / "index")


def client_of(address):
    return OpenSearch(address, max_retries=0, timeout=5)


@pytest.fixture(scope="module")
def client():
    with serving(COLLECTIONS) as address:
        client = client_of(address)
        yield client
        client.close()


def over(client, name="cosinesimil", **options):
    return OpenSearchRetriever(
        client, name, **({"encoder": ENCODER, "fields": FIELDS, "vector": "embedding"} | options)
    )


@pytest.mark.parametrize("space", SCORES)
def test_it_finds_what_an_index_finds(client, index, space):
    for k in (3, 2 * COUNT):
        assert_same_as_index(over(client, space), index, k=k)


def test_each_test_of_where_means_what_it_means_on_an_index(client, index):
    retriever = over(client)
    for where in [*LEAVES, *MORE]:
        for condition in (where, f"not ({where})"):
            assert_same_as_index(retriever, index, where=condition, queries=QUERIES[:1])


@settings(max_examples=examples(100))
@given(where=conditions([*LEAVES, *MORE]))
def test_random_conditions_mean_what_they_mean_on_an_index(client, index, where):
    assert_same_as_index(over(client), index, where=where, k=9, queries=QUERIES[:1])


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("nothing == 1", "there is no field 'nothing' to filter by; there are: 'embedding', 'head', 'metadata'"),
        ("year == '2001'", r"the field 'year' holds numbers or lists of numbers and cannot be compared \(==\)"),
        ("day > 'May'", r"holds dates and cannot be compared \(>\) with 'May', which is not a date"),
        ("author == 'Ann'", "holds objects"),
        ("year == score", "OpenSearch cannot compare a field with another one, 'score'"),
        ("id > 'd03'", "OpenSearch compares the ids of documents by == != and in alone"),
        ("startswith(id, 'd')", "OpenSearch compares the ids of documents by == != and in alone"),
    ],
)
def test_what_cannot_be_said_is_an_error(client, where, message):
    with pytest.raises(ArgumentError, match=message):
        over(client).retrieve(["sea"], 3, where=where)


def test_what_is_not_mapped_to_be_compared_is_an_error(client):
    retriever = over(client, fields=StoreFields(text="page"))
    with pytest.raises(ArgumentError, match="the field 'head' is a full text, which OpenSearch does not compare"):
        retriever.retrieve(["sea"], 3, where="head == 'title 1'")
    assert ids_of(retriever, "metadata.kind == 'kind1' and id in ['d01', 'd02']") == {"d01"}
    with pytest.raises(ArgumentError, match="'late' is searched by nmslib, which filters too late"):
        over(client, "late").retrieve(["sea"], 3, where="metadata.year == 2001")
    assert len(over(client, "late").retrieve(["sea"], 3)[0]) == 3
    with pytest.raises(ArgumentError, match="at most 10000 documents for a query, not k=10001"):
        retriever.retrieve(["sea"], 10_001)


def test_what_does_not_fit_is_an_error_when_the_retriever_is_made(client):
    with pytest.raises(StoreError, match=r"cannot answer for the index 'none': NotFoundError\(404, 'index_not_found"):
        over(client, "none")
    with pytest.raises(StoreError, match="holds vectors of 64 dimensions, and 'hash-encoder' makes 3"):
        over(client, encoder=HashEncoder(3))
    with pytest.raises(StoreError, match="compares vectors by 'hamming', and encoders by the cosine"):
        over(client, "hamming")
    with pytest.raises(StoreError, match="does not say the dimension of 'embedding'"):
        over(client, "of-a-model")
    with pytest.raises(StoreError, match=r"has no such field: vector='vector' must name one of type 'knn_vector'"):
        over(client, vector="vector")
    with pytest.raises(StoreError, match="has a field of type 'text': vector='page' must name one of type"):
        over(client, vector="page")
    with pytest.raises(StoreError, match=r"has no field 'text'; there are: 'embedding', .*StoreFields\(text=...\)"):
        over(client, fields=None)
    with pytest.raises(ArgumentError, match="index must be the name of an index, not ''"):
        over(client, "")  # which would be all of them
    with pytest.raises(ArgumentError, match="client must be a OpenSearch"):
        over("http://127.0.0.1:1")


def test_an_empty_index(client):
    assert over(client, "empty").retrieve(QUERIES, 3) == [[], [], []]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"timed_out": True}, "searched a part of 'l2' alone: 0 of 1 shards failed, timed_out=True"),
        ({"_shards": {"total": 3, "failed": 2}}, "searched a part of 'l2' alone: 2 of 3 shards failed"),
        ({"error": {"type": "circuit_breaking_exception"}}, "OpenSearch cannot search 'l2': .*circuit_breaking"),
    ],
)
def test_a_part_of_an_answer_is_an_error(changes, message):
    def spoil(answer):
        answer["responses"][-1] |= changes
        return answer

    with serving(COLLECTIONS, spoil=spoil) as address:
        client = client_of(address)
        with pytest.raises(StoreError, match=message):
            over(client, "l2").retrieve(QUERIES, 3)
        client.close()


def test_an_answer_that_is_none_and_a_server_that_is_gone():
    with serving(COLLECTIONS, spoil=lambda answer: {"took": 1}) as address:
        client = client_of(address)
        retriever = over(client)
        with pytest.raises(StoreError, match="answered without the 3 responses that were asked for"):
            retriever.retrieve(QUERIES, 3)
    with pytest.raises(StoreError, match=r"OpenSearch cannot answer for the index 'cosinesimil': ConnectionError"):
        retriever.retrieve(QUERIES, 3)
    with pytest.raises(StoreError, match="OpenSearch cannot answer for the index 'l2': ConnectionError"):
        over(client, "l2")
    client.close()


def test_both_stages(client, index):
    assert_pipelines_agree(over(client), index)


def test_wrong_types(client):
    arguments = {"client": client, "index": "l2", "encoder": ENCODER, "fields": FIELDS, "vector": "embedding"}
    for argument in arguments:
        call_with_wrong_values(OpenSearchRetriever, arguments, argument)
    retriever = over(client)
    for argument in ("queries", "k", "where"):
        call_with_wrong_values(retriever.retrieve, {"queries": ["sea"], "k": 2, "where": None}, argument)
