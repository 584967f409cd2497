"""The log of queries: none by default; with a file each query with what was answered, and nothing breaks a search."""

import json
import os
import stat

import pytest
from bicross.errors import ArgumentError
from bicross.pipelines.server import ServerSettings, Service
from helpers.served import animals, served

QUERIES = ["who sleeps\nat night?", "нектар “цветы”"]


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return animals(tmp_path_factory.mktemp("served") / "index")


def lines_of(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_each_query_is_a_line_with_what_was_answered(index, tmp_path):
    path = tmp_path / "queries.jsonl"
    with served({"animals": index}, query_log=path) as (client, _):
        answers = client.post("/v1/search", json={"queries": QUERIES, "top_k": 2}).json()["answers"]
        body = {"knowledge_id": "animals", "query": "bees", "retrieval_setting": {"top_k": 1, "score_threshold": 0.0}}
        client.post("/retrieval", json=body).raise_for_status()
        client.post("/v1/search", json={"query": " "})
    lines = lines_of(path)
    assert [line["query"] for line in lines] == [*QUERIES, "bees"]
    assert [line["results"] for line in lines[:2]] == [[r["document"]["id"] for r in a["results"]] for a in answers]
    assert {(line["index"], line["generation"]) for line in lines} == {("animals", 1)}
    assert all(line["milliseconds"] > 0 for line in lines)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_later_server_appends(index, tmp_path):
    path = tmp_path / "queries.jsonl"
    for query in ("night", "sofa"):
        with served({"animals": index}, query_log=path) as (client, _):
            client.post("/v1/search", json={"query": query}).raise_for_status()
    assert [line["query"] for line in lines_of(path)] == ["night", "sofa"]


def test_no_query_is_logged_unless_asked_for(index, caplog, capfd):
    caplog.set_level("DEBUG")
    with served({"animals": index}) as (client, _):
        client.post("/v1/search", json={"query": "secretword"}).raise_for_status()
        client.post("/v1/search", json={"query": "secretword", "where": "secretword =="})
    said = capfd.readouterr()
    assert "secretword" not in caplog.text + said.out + said.err


def test_a_file_that_cannot_be_written_is_refused_before_anything_is_loaded(index, tmp_path):
    with pytest.raises(ArgumentError, match=r"no-folder.*No such file or directory.*another file"):
        Service({"animals": index}, ServerSettings(query_log=tmp_path / "no-folder" / "queries"))


def test_a_full_disk_ends_the_log_and_no_search(index, tmp_path, monkeypatch, caplog):
    with served({"animals": index}, query_log=tmp_path / "queries") as (client, _):

        def full(file, line):
            raise OSError(28, os.strerror(28))

        monkeypatch.setattr("bicross.pipelines.server.query_log._write_all", full)
        statuses = [client.post("/v1/search", json={"query": "night"}).status_code for _ in range(3)]
    assert statuses == [200, 200, 200]
    assert [record.message.partition(":")[0] for record in caplog.records if record.levelname == "WARNING"] == [
        "queries are not logged any more"
    ]
