"""Requests as other programs send them, captured from those, get what those programs read."""

import base64

import numpy as np
import pytest
from bicross.pipelines import SearchPipeline
from bicross.rerank import UNCALIBRATED
from helpers.fakes import HashEncoder, OverlapReranker
from helpers.served import KEY, animals, served

QUERY = "who sleeps at night?"
TEXTS = ["Bees collect nectar", "An owl sleeps all day and hunts at night", "The dog sleeps at night", "who sleeps"]
LOGITS = [float(np.float32(OverlapReranker.logit(QUERY, text))) for text in TEXTS]
RELEVANCE = UNCALIBRATED.apply(np.array(LOGITS, np.float32).astype(np.float64)).tolist()
ORDER = np.argsort(-np.array(LOGITS), kind="stable").tolist()


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return animals(tmp_path_factory.mktemp("dialects") / "index")


@pytest.fixture(scope="module")
def client(index):
    with served({"animals": index}) as (client, _):
        yield client


def scored(results, name="relevance_score"):
    return [(result["index"], result[name]) for result in results]


@pytest.mark.parametrize("path", ["/rerank", "/v1/rerank", "/v2/rerank", "/v1/v2/rerank"])
def test_every_path_reranks_every_document(client, path):
    """As Open WebUI and RAGFlow ask: a result for each document, with its place in the request."""
    body = {"model": "any", "query": QUERY, "documents": TEXTS, "top_n": len(TEXTS)}
    answer = client.post(path, json=body).json()
    assert scored(answer["results"]) == [(position, RELEVANCE[position]) for position in ORDER]
    assert answer["model"] == "any"
    assert answer["usage"]["total_tokens"] > 0
    assert answer["cut"] == []


@pytest.mark.parametrize(
    "values",
    [
        {"top_n": 2},
        {"top_n": 2, "return_documents": "true"},  # Xinference's, from RAGFlow
        {"top_n": 2, "return_documents": True, "max_chunks_per_doc": 10, "priority": 3},  # Cohere v1's, from Dify
        {"top_n": 2, "model": "any", "max_tokens_per_doc": None},  # LangChain's CohereRerank
    ],
)
def test_the_best_with_their_texts(client, values):
    answer = client.post("/v1/rerank", json={"query": QUERY, "documents": TEXTS} | values).json()
    assert scored(answer["results"]) == [(position, RELEVANCE[position]) for position in ORDER[:2]]
    texts = [result.get("document") for result in answer["results"]]
    returned = [{"text": TEXTS[position]} for position in ORDER[:2]]
    assert texts == (returned if "return_documents" in values else [None, None])


@pytest.mark.parametrize("top_n", [None, 3])
def test_langchain_reads_indexes_and_scores_and_the_detail_of_an_error(client, top_n):
    """As ``JinaRerank`` of langchain-community asks, which takes an answer without results for an error."""
    body = {"query": QUERY, "documents": TEXTS, "model": "jina-reranker-v1-base-en", "top_n": top_n}
    assert scored(client.post("/v1/rerank", json=body).json()["results"])[0] == (ORDER[0], RELEVANCE[ORDER[0]])
    refused = client.post("/v1/rerank", json=body | {"query": " "}).json()
    assert "results" not in refused
    assert refused["detail"] == refused["message"] == refused["error"]["message"] == "the query is blank"


def test_documents_as_objects(client):
    documents = [{"text": text, "title": "no part of it"} for text in TEXTS]
    answer = client.post("/v1/rerank", json={"query": QUERY, "documents": documents}).json()
    assert scored(answer["results"]) == [(position, RELEVANCE[position]) for position in ORDER]
    fields = {"query": QUERY, "documents": [{"a": "who", "b": "sleeps"}], "rank_fields": ["a", "b"]}
    assert scored(client.post("/v1/rerank", json=fields).json()["results"]) == [(0, RELEVANCE[3])]
    assert client.post("/v1/rerank", json={"query": QUERY, "documents": [{"a": 1}]}).status_code == 422


def test_logits_where_raw_scores_are_asked_for(client):
    answer = client.post("/rerank", json={"query": QUERY, "documents": TEXTS, "raw_scores": True}).json()
    assert scored(answer["results"]) == [(position, LOGITS[position]) for position in ORDER]


def test_tei_gets_its_bare_list(client):
    body = {"query": QUERY, "texts": TEXTS, "raw_scores": False, "truncate": True}
    answer = client.post("/rerank", json=body).json()
    assert scored(answer, "score") == [(position, RELEVANCE[position]) for position in ORDER]
    with_text = client.post("/rerank", json=body | {"return_text": True}).json()
    assert [result["text"] for result in with_text] == [TEXTS[position] for position in ORDER]


def test_errors_of_tei_are_as_tei_writes_them(client):
    empty = client.post("/rerank", json={"query": QUERY, "texts": []})
    assert (empty.status_code, empty.json()) == (400, {"error": "there are no documents", "error_type": "Empty"})
    unnormalised = client.post("/embed", json={"inputs": ["x"], "normalize": False})
    assert (unnormalised.status_code, unnormalised.json()["error_type"]) == (422, "Validation")


def test_voyage_reads_its_data(client):
    body = {"query": QUERY, "documents": TEXTS, "model": "rerank-2", "top_k": 2, "truncation": True}
    answer = client.post("/rerank", json=body).json()
    assert scored(answer["data"]) == [(position, RELEVANCE[position]) for position in ORDER[:2]]
    assert answer["usage"]["total_tokens"] > 0


def test_what_was_cut_is_said_or_refused(client):
    texts = [TEXTS[0], "word " * 3000]
    answer = client.post("/v2/rerank", json={"query": QUERY, "documents": texts}).json()
    assert answer["cut"] == [1]
    assert answer["meta"]["warnings"] == ["1 documents were cut to fit the model: see cut"]
    for body in ({"texts": texts, "truncate": False}, {"documents": texts, "truncation": False}):
        assert client.post("/rerank", json={"query": QUERY} | body).status_code == 422
    assert "bicross_cut_inputs_total 1.0" in client.get("/metrics").text


def test_relevant_spans_are_the_sentences(client):
    text = "The bee hums. The dog sleeps at night. Who knows?"
    body = {"query": QUERY, "documents": [text], "relevant_spans": {"mode": "enabled", "threshold": 0.6}}
    [result] = client.post("/v2/rerank", json=body).json()["results"]
    spans = [text[span["start"] : span["end"]] for span in result["relevant_spans"]]
    assert spans[0] == "The dog sleeps at night."
    assert all(span["score"] >= 0.6 for span in result["relevant_spans"])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"query": QUERY, "documents": []}, 400),
        ({"query": QUERY}, 400),
        ({"query": " ", "documents": TEXTS}, 400),
        ({"query": QUERY, "documents": ["x"] * 1001}, 422),
        ({"query": QUERY, "documents": ["x" * 200_001]}, 422),
        ({"query": QUERY, "documents": [3]}, 422),
    ],
)
def test_requests_to_rerank_that_cannot_be(client, body, status):
    answer = client.post("/v1/rerank", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, status)


@pytest.mark.parametrize("path", ["/v1/embeddings", "/embeddings"])
def test_embeddings_as_numbers_and_as_base64(client, path):
    expected = HashEncoder().encode_documents(TEXTS)
    numbers = client.post(path, json={"input": TEXTS, "model": "any"}).json()
    assert [row["index"] for row in numbers["data"]] == [0, 1, 2, 3]
    np.testing.assert_array_equal(np.array([r["embedding"] for r in numbers["data"]], np.float32), expected)
    coded = client.post(path, json={"input": TEXTS[1], "encoding_format": "base64"}).json()
    np.testing.assert_array_equal(np.frombuffer(base64.b64decode(coded["data"][0]["embedding"]), "<f4"), expected[1])
    assert coded["usage"]["total_tokens"] == 9


def test_fewer_dimensions_have_length_one_again(client):
    answer = client.post("/v1/embeddings", json={"input": TEXTS, "dimensions": 5}).json()
    expected = HashEncoder().encode_documents(TEXTS)[:, :5]
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose([row["embedding"] for row in answer["data"]], expected, rtol=1e-6)


def test_embeddings_of_tei(client):
    expected = HashEncoder().encode_documents(TEXTS)
    answer = client.post("/embed", json={"inputs": TEXTS, "truncate": True}).json()
    np.testing.assert_array_equal(np.array(answer, np.float32), expected)
    long = {"inputs": "word " * 100}
    assert client.post("/embed", json=long).status_code == 200
    assert client.post("/embed", json=long | {"truncate": False}).status_code == 422


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"input": []}, 400),
        ({"input": ["x", ""]}, 400),
        ({"input": [1, 2]}, 422),
        ({"input": "x", "dimensions": 65}, 422),
        ({"input": "x", "encoding_format": "int8"}, 422),
    ],
)
def test_texts_that_cannot_be_embedded(client, body, status):
    assert client.post("/v1/embeddings", json=body).status_code == status


def test_what_dify_and_open_webui_read_of_the_models(client):
    info = client.get("/info").json()
    assert {"reranker", "embedding"} == set(info["model_type"])
    for name in ("model_id", "max_input_length", "max_client_batch_size", "max_concurrent_requests", "version"):
        assert info[name]
    models = client.get("/v1/models").json()
    assert {entry["type"] for entry in models["data"]} == {"embedding", "rerank"}
    assert client.get("/models").json() == models


def test_dify_searches_the_index(client, index):
    body = {"knowledge_id": "animals", "query": QUERY, "retrieval_setting": {"top_k": 2, "score_threshold": 0.1}}
    records = client.post("/retrieval", json=body).json()["records"]
    pipeline = SearchPipeline.open(index, encoder=HashEncoder(), reranker=OverlapReranker())
    results = pipeline.search(QUERY, top_k=2, min_relevance=0.1)
    assert [(r["title"], r["score"]) for r in records] == [(r.document.title, r.relevance) for r in results]
    assert records[0]["metadata"] == {"legs": 4, "document_id": "dog"}


@pytest.mark.parametrize(
    ("conditions", "operator", "ids"),
    [
        ([{"name": ["legs"], "comparison_operator": "=", "value": "4"}], "and", {"cat", "dog"}),
        ([{"name": "legs", "comparison_operator": "≥", "value": 4}], "and", {"cat", "dog", "a/b c"}),
        (
            [
                {"name": "legs", "comparison_operator": "<", "value": "4"},
                {"name": "legs", "comparison_operator": ">", "value": "4"},
            ],
            "or",
            {"owl", "a/b c"},
        ),
    ],
)
def test_conditions_of_dify_are_filters(client, conditions, operator, ids):
    body = {
        "knowledge_id": "animals",
        "query": QUERY,
        "retrieval_setting": {"top_k": 4},
        "metadata_condition": {"logical_operator": operator, "conditions": conditions},
    }
    records = client.post("/retrieval", json=body).json()["records"]
    assert {record["metadata"]["document_id"] for record in records} == ids


def test_errors_of_dify(client, index):
    body = {"knowledge_id": "nobody", "query": QUERY, "retrieval_setting": {"top_k": 2}}
    unknown = client.post("/retrieval", json=body)
    assert (unknown.status_code, unknown.json()["error_code"]) == (404, 2001)
    strange = {"conditions": [{"name": "legs", "comparison_operator": "rhymes with", "value": "4"}]}
    refused = client.post("/retrieval", json=body | {"knowledge_id": "animals", "metadata_condition": strange})
    assert refused.status_code == 400
    with served({"animals": index}, key=KEY) as (locked, _):
        assert locked.post("/retrieval", json=body).json()["error_code"] == 1002


def test_a_server_without_a_reranker_says_so(index):
    with served({"animals": index}) as (client, service):
        service.reranker = None
        answer = client.post("/v1/rerank", json={"query": QUERY, "documents": TEXTS})
        assert (answer.status_code, answer.json()["error"]["type"]) == (404, "no_reranker")
