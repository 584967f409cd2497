"""The project's own routes, asked in this process: answers as of the library, errors as documented."""

import json
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from bicross.errors import ModelError
from bicross.pipelines import SearchPipeline, upsert_documents
from bicross.pipelines.search import result_record
from bicross.pipelines.server import Limits
from helpers.fakes import HashEncoder, OverlapReranker
from helpers.served import ANIMALS, KEY, WRITE_KEY, animals, served

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return animals(tmp_path_factory.mktemp("served") / "index")


@pytest.fixture(scope="module")
def client(index):
    with served({"animals": index}) as (client, _):
        yield client


@pytest.fixture(scope="module")
def library(index):
    return SearchPipeline.open(index, encoder=HashEncoder(), reranker=OverlapReranker())


def test_a_search_answers_as_the_library_does(client, library):
    answer = client.post("/v1/search", json={"query": "who sleeps at night?", "top_k": 2}).json()
    expected = [result_record(result) for result in library.search("who sleeps at night?", top_k=2)]
    assert answer["results"] == json.loads(json.dumps(expected))
    assert (answer["index"], answer["generation"], answer["reranked"]) == ("animals", 1, 4)
    assert set(answer["milliseconds"]) == {"retrieve", "rerank", "total"}


def test_several_queries_and_a_filter(client, library):
    body = {"queries": ["night", "warm sofa"], "where": "legs == 4", "min_relevance": 0.0, "retrieve_k": 3}
    answers = client.post("/v1/search", json=body).json()["answers"]
    for answer, results in zip(answers, library.search_batch(body["queries"], where="legs == 4"), strict=True):
        assert [r["document"]["id"] for r in answer["results"]] == [r.document.id for r in results]


@pytest.mark.parametrize("values", [{"blend": 0.3}, {"rerank": False}, {"deadline_ms": 1e6}, {"rerank_k": 2}])
def test_values_of_a_search_reach_the_pipeline(client, index, values):
    options = {name: value for name, value in values.items() if name != "deadline_ms"}
    pipeline = SearchPipeline.open(index, encoder=HashEncoder(), reranker=OverlapReranker(), **options)
    answer = client.post("/v1/search", json={"query": "who sleeps?"} | values).json()
    assert [r["score"] for r in answer["results"]] == [r.score for r in pipeline.search("who sleeps?")]


@pytest.mark.parametrize("values", [{}, {"rerank_k": 2}, {"where": "legs == 4"}, {"min_relevance": 1.0}])
def test_explain_tells_the_ranks_of_all_candidates_in_both_stages(client, library, values):
    body = {"query": "who sleeps at night?", "top_k": 1} | values
    plain, explained = (client.post("/v1/search", json=body | more).json() for more in ({}, {"explain": True}))
    everything = library.search(body["query"], **values | {"top_k": 4, "min_relevance": 0.0})
    assert [entry["id"] for entry in sorted(explained["order"], key=lambda entry: entry["rank"])] == [
        result.document.id for result in everything
    ]
    assert [entry["retrieval_rank"] for entry in explained["order"]] == list(range(1, len(everything) + 1))
    assert sum(entry["reranked"] for entry in explained["order"]) == explained["reranked"]
    assert {entry["label"] for entry in explained["order"]} == {result.document.title for result in everything}
    for result in explained["results"]:
        assert [stage["stage"] for stage in result.pop("stages")][-1] == "reranked"
    assert explained["results"] == plain["results"]


def test_what_was_scored_before_is_not_scored_again(index):
    class Identified(OverlapReranker):
        fingerprint = model_fingerprint = "overlap"

    reranker = Identified()
    with served({"animals": index}, reranker=reranker) as (client, _):
        scored = []
        for values in ({"rerank_k": 2}, {}, {"rerank_k": 3}, {"blend": 0.5}, {"retrieve_k": 3, "blend": 0.1}):
            before = sum(map(len, reranker.calls))
            assert client.post("/v1/search", json={"query": "who sleeps?"} | values).status_code == 200
            scored.append(sum(map(len, reranker.calls)) - before)
    assert scored == [2, 2, 0, 0, 0]


def test_documents_and_indexes(client):
    answer = client.get("/v1/documents/a/b c").json()
    assert answer["document"] == {
        "id": "a/b c",
        "title": "Bees",
        "text": ANIMALS[3].text,
        "metadata": {"legs": 6},
    }
    answer = client.get("/v1/index").json()
    [described] = answer["indexes"]
    assert answer["limits"] == {"k": 1000}
    assert (described["name"], described["documents"], described["generation"]) == ("animals", 4, 1)
    legs = {"name": "legs", "kinds": {"integers": 4}, "minimum": 2, "maximum": 6, "values": []}
    assert described["fields"] == [legs]


@pytest.mark.parametrize(
    ("body", "status", "kind", "message"),
    [
        (b"{", 400, "bad_json", "not valid JSON"),
        (b"\xff{}", 400, "bad_request", "cannot be read"),
        (b"[" * 100_000, 400, "bad_request", "cannot be read"),
        (b'{"query": "x", "where": "legs == 2", "where": "legs == 4"}', 400, "bad_json", "has a key twice"),
        (b'{"query": "x", "more": [{"a": 1, "a": 1}]}', 400, "bad_json", "has a key twice"),
        (b'{"query": NaN}', 422, "invalid", "query"),
        (b'{"query": "\\ud800"}', 400, "bad_request", ""),
        (b'{"query": "x", "top_k": 1e999}', 422, "invalid", "top_k"),
        (b'{"query": "x", "top_k": true}', 422, "invalid", "top_k"),
        (b'{"query": "x", "deadline_ms": NaN}', 422, "invalid", "deadline_ms"),
        (b'{"query": "x", "secret<script>": 1}', 422, "invalid", "there is no such field; GET /openapi.json lists"),
        (b'{"query": "x", "topk": 1}', 422, "invalid", "topk: there is no such field; GET /openapi.json"),
        (b"{}", 422, "bad_request", "query or queries"),
        (b'{"query": "  "}', 400, "bad_request", "blank"),
        (b'{"query": "x", "top_k": 100000}', 422, "limit", "top_k may be at most 1000"),
        (b'{"query": "x", "where": "secret =="}', 400, "bad_filter", "where"),
        (b'{"query": "x", "where": "secret == 3"}', 400, "bad_filter", "where"),
        (b'{"query": "x", "top_k": 5, "retrieve_k": 2}', 400, "bad_request", "top_k"),
        (b'{"query": "x", "index": "secret"}', 404, "unknown_index", "no index"),
    ],
)
def test_errors_are_json_and_repeat_nothing(client, body, status, kind, message):
    answer = client.post("/v1/search", content=body, headers=JSON)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["code"]) == (status, kind, status)
    assert message in error["message"]
    assert "secret" not in answer.text
    assert "/tmp" not in answer.text


NASTY = [
    b"",
    b"null",
    b"[]",
    b'"text"',
    b"\x00",
    b"\xff\xfe",
    b"{" * 5000,
    b'{"a":' * 5000,
    b'{"query": 1' + b"0" * 5000 + b"}",
    b'{"query": NaN, "input": Infinity, "inputs": -Infinity}',
]
NASTY_TEXTS = [
    "\x00",
    "a\x00b",
    "\ud800",
    "\udfff\ud800",
    "\u202e\ufeff",
    "\U0010ffff" * 100,
    "' or 1 == 1 --",
    "../../etc/passwd",
]


@pytest.mark.parametrize(
    "path", ["/v1/search", "/v1/rerank", "/rerank", "/v1/embeddings", "/embed", "/retrieval", "/v1/documents"]
)
def test_nothing_that_is_sent_breaks_a_route(index, path):
    """NUL, lone surrogates, endless numbers and much nesting are refused or answered, and never an error of ours."""
    with served({"animals": index}, key=KEY, write_key=WRITE_KEY) as (client, _):
        headers = {"Authorization": f"Bearer {WRITE_KEY}"}
        for body in NASTY:
            assert 400 <= client.post(path, content=body, headers=headers | JSON).status_code < 500
        for text in NASTY_TEXTS:
            for fields in ({"documents": [text]}, {"texts": [text]}, {"documents": [{"text": text}]}):
                record = {"query": text, "input": text, "inputs": text, "knowledge_id": text, "where": text, **fields}
                one_of_ours = path in ("/v1/search", "/v1/documents")
                sent = {"query": text, "where": text} if one_of_ours else record
                if path == "/v1/documents":
                    sent = {"documents": [{"id": "x", "text": text, "metadata": {text: text}}], "index": text}
                answer = client.post(path, content=json.dumps(sent).encode(), headers=headers | JSON)
                assert answer.status_code < 500, (sent, answer.text)
                answer.json()


@pytest.mark.parametrize("path", ["%00", "%ff", "%ed%a0%80", "..%2f..%2fetc%2fpasswd", "x" * 3000])
def test_ids_in_paths_may_be_anything(client, path):
    answer = client.get(f"/v1/documents/{path}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, 404)


def test_routes_that_are_not_there(client):
    assert client.get("/v1/nothing").status_code == 404
    assert client.get("/v1/documents/nobody").json()["error"]["type"] == "unknown_document"
    assert client.get("/v1/search").status_code == 405


def test_headers_are_safe(client):
    for answer in (
        client.get("/v1/index"),
        client.get("/nothing"),
        client.post("/v1/search", content=b"{", headers=JSON),
    ):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert "server" not in answer.headers
        assert "access-control-allow-origin" not in answer.headers


def test_only_its_own_address_is_answered_without_a_key(client):
    assert client.get("/v1/index", headers={"Host": "evil.example"}).status_code == 403
    for host in ("localhost:8080", "127.0.0.1", "[::1]:8080"):
        assert client.get("/v1/index", headers={"Host": host}).status_code == 200


def test_keys(index, caplog):
    caplog.set_level("DEBUG")
    with served({"animals": index}, key=KEY, write_key=WRITE_KEY) as (client, service):
        assert client.get("/health/live").status_code == client.get("/health/ready").status_code == 200
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {KEY}"}, {"X-API-Key": "ü"}):
            for path in ("/v1/index", "/metrics", "/openapi.json", "/nothing"):
                answer = client.get(path, headers={k: v.encode() for k, v in headers.items()})
                assert answer.status_code == 401
                assert KEY not in answer.text
        for headers in (
            {"Authorization": f"Bearer {KEY}"},
            {"X-API-Key": KEY},
            {"Authorization": f"bearer {WRITE_KEY}"},
        ):
            assert client.get("/v1/index", headers=headers | {"Host": "search.example"}).status_code == 200
        answer = (
            caplog.text
            + client.get("/metrics", headers=headers).text
            + client.get("/openapi.json", headers=headers).text
        )
        assert KEY not in answer
        assert WRITE_KEY not in answer
        assert KEY not in repr(service.settings)


@pytest.mark.parametrize("kind", [None, "application/x-www-form-urlencoded", "text/plain", "application/jsonp"])
def test_a_body_must_call_itself_json(client, kind):
    headers = {} if kind is None else {"Content-Type": kind}
    answer = client.post("/v1/search", content=b'{"query": "the cat"}', headers=headers)
    assert (answer.status_code, answer.json()["error"]["type"]) == (415, "not_json")
    assert "Content-Type: application/json" in answer.json()["message"]
    chunks = client.post("/v1/search", content=iter([b'{"query": ', b'"the cat"}']), headers=headers)
    assert chunks.status_code == 415
    right = client.post(
        "/v1/search", content=b'{"query": "the cat"}', headers={"Content-Type": "Application/JSON; charset=utf-8"}
    )
    assert right.status_code == 200


def test_bodies_have_a_limit(index):
    with served({"animals": index}, limits=Limits(body_bytes=100)) as (client, _):
        assert client.post("/v1/search", json={"query": "x" * 200}).status_code == 413
        chunks = iter([b'{"query": "', b"x" * 200, b'"}'])
        assert client.post("/v1/search", content=chunks, headers=JSON).status_code == 413
        assert client.post("/v1/search", json={"query": "x"}).status_code == 200


def test_health_says_when_it_loads_and_when_it_ends(index):
    with served({"animals": index}, loaded=False) as (client, service):
        assert client.get("/health/live").status_code == 200
        loading = client.get("/health/ready")
        assert (loading.status_code, loading.headers["retry-after"]) == (503, "1")
        assert client.post("/v1/search", json={"query": "x"}).json()["error"]["type"] == "loading"
        service.load()
        assert client.get("/health/ready").json() == {"status": "ready", "indexes": ["animals"]}
        service.stop()
        assert client.get("/health/ready").status_code == 503
        assert client.post("/v1/search", json={"query": "x"}).json()["error"]["type"] == "stopping"


def test_a_full_queue_says_when_to_come_back(index):
    with served({"animals": index}, limits=Limits(queue_tokens=10)) as (client, service):
        with service.admission.admitted(10):
            answer = client.post("/v1/search", json={"query": "x"})
            assert (answer.status_code, answer.json()["error"]["type"]) == (429, "busy")
            assert int(answer.headers["retry-after"]) >= 1
        assert client.post("/v1/search", json={"query": "x"}).status_code == 200
        assert "bicross_shed_total 1.0" in client.get("/metrics").text


def test_a_burst_is_answered_or_told_when_to_come_back(index):
    """Ten times of what the server takes: nothing but 200 and 429, and all is as before when it is over."""
    held = threading.Event()

    class Held(OverlapReranker):
        def score(self, pairs):
            assert held.wait(30)
            return super().score(pairs)

    held.set()
    with served({"animals": index}, reranker=Held(), limits=Limits(requests=5)) as (client, service):
        held.clear()
        with ThreadPoolExecutor(50) as pool:
            burst = [pool.submit(client.post, "/v1/search", json={"query": f"night {i}"}) for i in range(50)]
            while sum(future.done() for future in burst) < 45:
                time.sleep(0.001)
            held.set()
        statuses = Counter(future.result().status_code for future in burst)
        assert statuses == {200: 5, 429: 45}
        assert service.admission.requests == service.admission.tokens == 0
        assert client.post("/v1/search", json={"query": "night"}).status_code == 200


def test_a_deadline_is_504_and_a_failing_model_is_500(index):
    class Failing(OverlapReranker):
        broken = False

        def score(self, pairs):
            if self.broken:
                raise ModelError("the reranker of /home/someone/model is broken")
            return super().score(pairs)

    reranker = Failing()
    with served({"animals": index}, reranker=reranker) as (client, _):
        reranker.broken = True
        answer = client.post("/v1/search", json={"query": "x"})
        assert (answer.status_code, answer.json()["error"]["type"]) == (500, "model_failed")
        assert "someone" not in answer.text
    with served({"animals": index}, limits=Limits(request_seconds=1e-9)) as (client, _):
        answer = client.post("/v1/search", json={"query": "x"})
        assert (answer.status_code, answer.json()["error"]["type"]) == (504, "deadline_passed")


def test_metrics_name_what_happened(client):
    client.post("/v1/search", json={"query": "a word that no metric has"})
    text = client.get("/metrics").text
    for name in (
        'bicross_request_seconds_count{route="/v1/search",status="200"}',
        'bicross_stage_seconds_count{stage="rerank"}',
        'bicross_batch_tokens_count{model="rerank"}',
        'bicross_queue_seconds_count{model="rerank"}',
        'bicross_index_generation{index="animals"} 1.0',
        "bicross_accepted_requests 0.0",
    ):
        assert name in text
    assert "a word" not in text


def test_a_new_generation_is_served_without_a_restart(tmp_path):
    index = animals(tmp_path / "index")
    with served({"animals": index}) as (client, service):
        before = client.post("/v1/search", json={"query": "comet"}).json()
        upsert_documents(tmp_path / "index", [{"id": "comet", "text": "A comet passed"}], encoder=HashEncoder())
        service.refresh()
        after = client.post("/v1/search", json={"query": "comet"}).json()
        assert (before["generation"], after["generation"]) == (1, 2)
        assert after["results"][0]["document"]["id"] == "comet"
        assert client.get("/metrics").text.count('bicross_index_generation{index="animals"} 2.0') == 1


def test_several_indexes_share_a_model(tmp_path):
    animals(tmp_path / "a", ANIMALS[:2])
    indexes = {"a": animals(tmp_path / "b", ANIMALS[:2]), "b": animals(tmp_path / "c", ANIMALS[2:])}
    with served(indexes) as (client, service):
        first, second = (service.index(name) for name in "ab")
        assert first.encoder is second.encoder
        for name, expected in (("a", {"cat", "dog"}), ("b", {"owl", "a/b c"})):
            results = client.post("/v1/search", json={"query": "sleeps", "index": name}).json()["results"]
            assert {result["document"]["id"] for result in results} == expected


def test_the_description_of_the_routes_names_their_errors(client):
    document = client.get("/openapi.json").json()
    for path, methods in document["paths"].items():
        for method in methods.values():
            assert {"400", "413", "422", "429", "503", "504"} <= set(method["responses"]), path
