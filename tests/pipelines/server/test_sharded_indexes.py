"""The server of an index in shards: the same answers; 503 where a shard is lost, or a flag if a request allows it."""

import pytest
from bicross.errors import ArgumentError
from bicross.index import Index, ShardedIndex
from bicross.pipelines import upsert_documents
from bicross.pipelines.commands.clusters import Opening
from helpers.fakes import HashEncoder, OverlapReranker
from helpers.local_shards import LocalShards
from helpers.served import ANIMALS, WRITE_KEY, animals, served


@pytest.fixture
def index(tmp_path) -> Index:
    path = tmp_path / "index"
    animals(path, ANIMALS[:2])
    upsert_documents(path, ANIMALS[2:], encoder=HashEncoder())
    return Index.open(path)


@pytest.fixture
def shards(index) -> LocalShards:
    return LocalShards(index.path, 2)


def without_times(answer):
    return {name: value for name, value in answer.items() if name != "milliseconds"}


def test_answers_are_those_of_a_whole_index(index, shards):
    bodies = [
        {"query": "sleeps at night"},
        {"queries": ["bees", "the dog"], "where": "legs >= 2", "explain": True},
        {"query": "cat", "blend": 0.5, "rerank": False},
    ]
    reranker = OverlapReranker()
    with (
        served({"animals": index}, reranker=reranker) as (whole, _),
        served({"animals": ShardedIndex(index.path, shards)}, reranker=reranker) as (many, _),
    ):
        for body in bodies:
            expected, found = (without_times(client.post("/v1/search", json=body).json()) for client in (whole, many))
            for answer in found.get("answers", [found]):
                coverage = answer.pop("coverage")
                assert coverage == {
                    "complete": True, "shards": 2, "missing": [], "documents": 4, "documents_total": 4
                }  # fmt: skip
            assert found == expected
        for path in ("/v1/documents/cat", "/v1/documents/nobody", "/v1/index"):
            assert many.get(path).json() == whole.get(path).json()
        assert many.post("/v1/search", json={"query": "cat", "where": "nothing == 1"}).status_code == 400


def test_a_lost_shard_is_503_or_flagged(index, shards):
    with served({"animals": ShardedIndex(index.path, shards)}) as (client, _):
        shards.lost = {1}
        for body in ({"query": "bees"}, {"query": "bees", "where": "legs >= 2"}, {"queries": ["cat", "dog"]}):
            answer = client.post("/v1/search", json=body)
            assert answer.status_code == 503
            assert answer.headers["retry-after"] == "1"
            assert answer.json()["error"]["type"] == "shards_unavailable"
            assert answer.json()["message"] == "shard 1 of 2 cannot answer (1: it is lost)"
            partial = client.post("/v1/search", json={**body, "allow_partial": True})
            assert partial.status_code == 200
            for one in partial.json().get("answers", [partial.json()]):
                assert one["coverage"]["complete"] is False
                assert one["coverage"]["missing"] == [1]
                assert {result["document"]["id"] for result in one["results"]} <= {"cat", "dog"}
        for path in ("/v1/documents/cat", "/v1/index"):
            assert client.get(path).status_code == 503
        shards.lost.clear()
        assert client.post("/v1/search", json={"query": "bees"}).status_code == 200


def test_documents_are_changed_and_then_found(index, shards):
    parts = ShardedIndex(index.path, shards)
    headers = {"Authorization": f"Bearer {WRITE_KEY}"}
    with served({"animals": parts}, write_key=WRITE_KEY) as (client, _):
        body = {"documents": [{"id": "fox", "text": "The fox is red"}]}
        written = client.post("/v1/documents", json=body, headers=headers)
        assert written.json()["written"] == 1
        found = client.post("/v1/search", json={"query": "the red fox"}).json()
        assert found["results"][0]["document"]["id"] == "fox"
        assert found["generation"] == written.json()["generation"]


def test_a_command_opens_indexes_whole_or_in_shards(index, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "bicross.pipelines.cluster.sharding.open_sharded", lambda path, **how: asked.append((path, how))
    )
    assert Opening(None, None, None).indexes({"a": str(index.path)})["a"].generation == index.generation
    assert asked == []
    Opening("local", None, None).indexes({"a": "x"})
    Opening("auto", 3, 2).indexes({"a": "y"})
    assert not Opening("auto", reranker_workers=2).has_shards  # they rerank there, and the index is open here
    assert asked == [
        ("x", {"shards": 1, "replicas": 1, "address": "local"}),
        ("y", {"shards": 3, "replicas": 2, "address": "auto"}),
    ]
    for name in ("shards", "replicas", "reranker_workers"):
        with pytest.raises(ArgumentError, match=f"--{name.replace('_', '-')} is for work on Ray: give --ray too"):
            Opening(None, **{name: 2})
