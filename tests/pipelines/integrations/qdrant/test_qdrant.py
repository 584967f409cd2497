"""The first stage over Qdrant, in its local mode, against an index of the same vectors."""

import numpy as np
import pytest

pytest.importorskip("qdrant_client", reason="needs Qdrant's client: pip install 'bicross[qdrant]'")

from bicross.errors import ArgumentError, StoreError
from bicross.pipelines import SearchOptions, SearchPipeline, TuningOptions, evaluate, tune_retriever
from bicross.pipelines.integrations.qdrant import QdrantRetriever
from bicross.pipelines.integrations.stores import StoreFields
from helpers.examples import examples
from helpers.fakes import HashEncoder, OverlapReranker
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
    judged,
)
from helpers.wrong_values import call_with_wrong_values
from hypothesis import given, settings
from qdrant_client import QdrantClient, models


class IdentifiedReranker(OverlapReranker):
    fingerprint = model_fingerprint = "overlap"


FIELDS = StoreFields(text="page", title="head", id="source", metadata="metadata")


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return index_of(tmp_path_factory.mktemp("qdrant") / "index")


def payload(document):
    return {
        "page": document.text,
        "head": document.title,
        "source": document.id,
        "metadata": dict(document.metadata),
        "loose": 1,
    }


def points(vectors, payloads):
    return [models.PointStruct(id=row, vector=vector, payload=payloads[row]) for row, vector in enumerate(vectors)]


@pytest.fixture(scope="module")
def client():
    client = QdrantClient(":memory:")
    payloads = [payload(document) for document in DOCUMENTS]
    for distance in models.Distance:
        client.create_collection(str(distance), models.VectorParams(size=DIMENSION, distance=distance))
        client.upsert(str(distance), points(VECTORS.tolist(), payloads))
    client.create_collection(
        "named",
        {
            "small": models.VectorParams(size=3, distance=models.Distance.DOT),
            "whole": models.VectorParams(size=DIMENSION, distance=models.Distance.DOT),
        },
    )
    vectors = [{"small": [1.0, 2.0, 3.0], "whole": vector} for vector in VECTORS.tolist()]
    client.upsert("named", points(vectors, payloads))
    return client


def over(client, collection="Cosine", **options):
    return QdrantRetriever(client, collection, **({"encoder": ENCODER, "fields": FIELDS} | options))


@pytest.mark.parametrize("collection", ["Cosine", "Dot", "Euclid"])
@pytest.mark.parametrize("k", [3, COUNT, 2 * COUNT])
def test_it_finds_what_an_index_finds(client, index, collection, k):
    assert_same_as_index(over(client, collection), index, k=k)


def test_named_vectors(client, index):
    assert_same_as_index(over(client, "named", vector="whole"), index, k=7)
    with pytest.raises(StoreError, match="no vectors of the name None: there are: 'small', 'whole'; name one"):
        over(client, "named")
    with pytest.raises(StoreError, match="no vectors of the name 'big': they have none"):
        over(client, vector="big")


@pytest.mark.parametrize("where", LEAVES)
def test_each_test_of_where_means_what_it_means_on_an_index(client, index, where):
    for condition in (where, f"not ({where})"):
        assert_same_as_index(over(client), index, where=condition, queries=QUERIES[:1])


@settings(max_examples=examples(100))
@given(where=conditions())
def test_random_conditions_mean_what_they_mean_on_an_index(client, index, where):
    assert_same_as_index(over(client), index, where=where, k=9, queries=QUERIES[:1])


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("nothing == 1", "no point has a field 'nothing' to filter by; the first one has 'head', 'loose', 'metadata'"),
        ("year == '2001'", r"the field 'year' holds numbers and cannot be compared \(==\) with '2001'"),
        ("kind > 3", r"the field 'kind' holds texts and cannot be compared \(>\) with 3"),
        ("kind > 'a'", "Qdrant orders numbers and dates alone, and cannot say kind > 'a'"),
        ("tags == 'tag1'", "holds lists of texts and cannot be compared .* write 'tag1' in tags"),
        ("3 in tags", "holds lists of texts, and 3 cannot be in one"),
        ("'a' in kind", "'a' can only be in a field of lists"),
        ("year", "is not a condition on its own"),
        ("author == 'Ann'", r"the field 'author' holds objects and cannot be compared"),
        ("startswith(kind, 'ki')", r"Qdrant cannot say startswith\(kind, ...\)"),
        ("year == score", "Qdrant cannot compare a field with another one, 'score'"),
        (f"year > {2**60}", "Qdrant compares numbers as float64"),
        ("field('a\"b') == 1", "Qdrant has no key for a field"),
        ("year ==", "something is missing"),
        (3, "takes no Arrow expression; write the filter as text"),
    ],
)
def test_what_cannot_be_said_is_an_error(client, where, message):
    with pytest.raises(ArgumentError, match=message):
        over(client).retrieve(["sea"], 3, where=where)


def test_ids_of_points_where_no_field_holds_one(client):
    retriever = over(client, fields=StoreFields(text="page", title="head", metadata="metadata"))
    [hits] = retriever.retrieve(["word3 sea"], 2)
    assert hits[0].document.id == "3"
    assert ids_of(retriever, "id == '3'") == {"3"}
    assert ids_of(retriever, "id in ['3', '7', 'x', '007']") == {"3", "7"}
    assert len(ids_of(retriever, "id != '3'")) == COUNT - 1
    assert ids_of(retriever, "id is null") == set()
    with pytest.raises(ArgumentError, match="ids of points by == != and in alone"):
        retriever.retrieve(["sea"], 2, where="id > '3'")


def test_records_of_one_document_are_passages_of_it():
    client = QdrantClient(":memory:")
    client.create_collection("parts", models.VectorParams(size=DIMENSION, distance=models.Distance.COSINE))
    payloads = [{"text": f"word{row}", "doc": f"d{row // 10}", "odd key": {"a b": row}} for row in range(60)]
    vectors = ENCODER.encode_documents([payload["text"] for payload in payloads])
    client.upsert("parts", points(vectors.tolist(), payloads))
    retriever = QdrantRetriever(client, "parts", ENCODER, fields=StoreFields(id="doc"))
    scores = vectors @ ENCODER.encode_queries(["word7 word8 word33"])[0]
    best = {f"d{part}": scores[10 * part : 10 * part + 10].max() for part in range(6)}
    for k in (1, 3, 6, 9):
        [hits] = retriever.retrieve(["word7 word8 word33"], k)
        expected = sorted(best, key=lambda id_: -best[id_])[:k]
        assert [hit.document.id for hit in hits] == expected
        np.testing.assert_allclose([hit.score for hit in hits], [best[id_] for id_ in expected], atol=1e-5)
    assert ids_of(retriever, "field('odd key') is not null") == set(best)
    with pytest.raises(ArgumentError, match="at most 100000 documents for a query, not k=100001"):
        retriever.retrieve(["word"], 100_001)


def test_what_does_not_fit_is_an_error_when_the_retriever_is_made(client):
    with pytest.raises(StoreError, match="Qdrant cannot answer for the collection 'none': Collection none not found"):
        over(client, "none")
    with pytest.raises(StoreError, match="holds vectors of 64 dimensions, and 'hash-encoder' makes 3"):
        over(client, encoder=HashEncoder(3))
    with pytest.raises(StoreError, match="Manhattan distance"):
        over(client, "Manhattan")
    with pytest.raises(StoreError, match=r"no point .* has a field 'text'; the first one has 'head', .*Name the field"):
        over(client, fields=None)
    with pytest.raises(ArgumentError, match="client must be a QdrantClient"):
        over("http://localhost")
    with pytest.raises(ArgumentError, match="encoder must be a model"):
        over(client, encoder="a name")
    with pytest.raises(ArgumentError, match="text must be the name of a field"):
        StoreFields(text="")
    client.create_collection("odd", {}, sparse_vectors_config={"words": models.SparseVectorParams()})
    with pytest.raises(StoreError, match="has no dense vectors"):
        over(client, "odd")
    several = models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM)
    client.create_collection(
        "several", models.VectorParams(size=64, distance=models.Distance.DOT, multivector_config=several)
    )
    with pytest.raises(StoreError, match="several vectors for each point"):
        over(client, "several")


def test_an_empty_collection_and_records_without_text(client):
    client.create_collection("empty", models.VectorParams(size=DIMENSION, distance=models.Distance.COSINE))
    retriever = QdrantRetriever(client, "empty", ENCODER)
    assert retriever.retrieve(QUERIES, 3) == [[], [], []]
    assert retriever.retrieve([], 3) == []
    client.upsert("empty", points(VECTORS[:2].tolist(), [{"text": "fine"}, {"title": "none"}]))
    with pytest.raises(StoreError, match=r"record '1' has no text in 'text', .* it has 'title'"):
        retriever.retrieve(["sea"], 3)
    assert len(retriever.retrieve(["sea"], 3, where="text is not null")[0]) == 1


@pytest.mark.parametrize("options", [{}, {"prefer_grpc": True}])
def test_a_server_that_is_not_there(options):
    away = QdrantClient(host="127.0.0.1", port=9, grpc_port=9, timeout=2, check_compatibility=False, **options)
    with pytest.raises(StoreError, match=r"Qdrant cannot answer for the collection 'Cosine': .*(refused|connect)"):
        over(away)
    away.close()


def test_both_stages_and_evaluation(client, index):
    ours, theirs = assert_pipelines_agree(over(client), index)
    given_queries = judged()
    measured, expected = (
        evaluate(pipeline, given_queries.queries, given_queries.qrels).system("reranked").means["nDCG@10"].mean
        for pipeline in (ours, theirs)
    )
    assert measured == pytest.approx(expected)


def test_depth_and_blend_are_tuned_over_it(client):
    """The oracle is the measure of a pipeline with the setting that was chosen."""
    given_queries, reranker = judged(), IdentifiedReranker()
    options = TuningOptions(retrieve_k=20, latency_queries=2)
    tuning = tune_retriever(over(client), given_queries, reranker=reranker, options=options)
    assert [latency.depth for latency in tuning.latencies] == [0, 5, 10, 20]
    pipeline = SearchPipeline(over(client), reranker, options=tuning.tuned.complete(SearchOptions()))
    assert pipeline.options.depth == tuning.recommended.depth
    measured = evaluate(pipeline, given_queries.queries, given_queries.qrels)
    of_grid = tuning.grid.ndcg[tuning.grid.place(tuning.recommended)]
    assert measured.systems[-1].means["nDCG@10"].mean == pytest.approx(of_grid.mean(), abs=1e-6)


def test_wrong_types(client):
    arguments = {
        "client": client,
        "collection": "Cosine",
        "encoder": ENCODER,
        "fields": FIELDS,
        "vector": None,
        "params": None,
    }
    for argument in arguments:
        call_with_wrong_values(QdrantRetriever, arguments, argument)
    retriever = over(client)
    for argument in ("queries", "k", "where"):
        call_with_wrong_values(retriever.retrieve, {"queries": ["sea"], "k": 2, "where": None}, argument)


def test_fields_of_late_points_are_found_and_strict_collections_are_not_searched_for_others(monkeypatch):
    """In its strict mode Qdrant refuses filters by fields without an index: none is made for what a sample shows."""
    client = QdrantClient(":memory:")
    client.create_collection("late", models.VectorParams(size=DIMENSION, distance=models.Distance.COSINE))
    payloads = [{"text": f"word{row}", "n": []} | ({"n": [row]} if row == 30 else {}) for row in range(COUNT)]
    client.upsert("late", points(VECTORS.tolist(), payloads))
    filters, scroll = [], client.scroll

    def counting(*arguments, scroll_filter=None, **options):
        filters.append(scroll_filter)
        return scroll(*arguments, scroll_filter=scroll_filter, **options)

    monkeypatch.setattr(client, "scroll", counting)
    retriever = QdrantRetriever(client, "late", ENCODER)
    assert ids_of(retriever, "text == 'word7'") == {"7"}
    assert not any(filters)
    assert ids_of(retriever, "30 in n") == ids_of(retriever, "n is not null") == {"30"}
    assert len(list(filter(None, filters))) == 1
