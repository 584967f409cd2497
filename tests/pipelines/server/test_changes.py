"""Changes through the server: only with the write key, and found as soon as they are acknowledged."""

import os
import threading
import time

import pytest
from bicross.index import Index
from helpers.served import KEY, WRITE_KEY, animals, served

WRITING = {"Authorization": f"Bearer {WRITE_KEY}"}
COMET = {"id": "comet", "title": "A comet", "text": "A comet passed", "metadata": {"year": 2024}}


@pytest.fixture
def running(tmp_path):
    with served({"animals": animals(tmp_path / "index")}, key=KEY, write_key=WRITE_KEY) as (client, _):
        yield client


def test_a_document_is_found_when_it_is_acknowledged_and_not_when_it_is_deleted(running, tmp_path):
    answer = running.post("/v1/documents", json={"documents": [COMET]}, headers=WRITING).json()
    assert answer == {"index": "animals", "written": 1, "generation": 2}
    assert Index.open(tmp_path / "index").get(["comet"])[0].metadata == {"year": 2024}
    answer = running.post("/v1/search", json={"query": "comet", "where": "year == 2024"}, headers=WRITING).json()
    assert [result["document"]["id"] for result in answer["results"]] == ["comet"]
    assert running.post("/v1/documents", json={"documents": [COMET]}, headers=WRITING).json()["written"] == 0
    assert running.delete("/v1/documents/comet", headers=WRITING).json()["deleted"] == 1
    assert running.get("/v1/documents/comet", headers=WRITING).status_code == 404
    assert running.delete("/v1/documents/comet", headers=WRITING).json()["deleted"] == 0


def test_changes_need_the_write_key(running, tmp_path):
    for headers, status in (({}, 401), ({"Authorization": f"Bearer {KEY}"}, 403)):
        assert running.post("/v1/documents", json={"documents": [COMET]}, headers=headers).status_code == status
        assert running.delete("/v1/documents/cat", headers=headers).status_code == status
    with served({"animals": Index.open(tmp_path / "index")}) as (open_client, _):
        assert open_client.post("/v1/documents", json={"documents": [COMET]}).status_code == 403
    assert Index.open(tmp_path / "index").generation == 1


@pytest.mark.parametrize(
    ("documents", "status"),
    [
        ([], 422),
        ([{"id": "", "text": "x"}], 422),
        ([{"id": "x", "text": " "}], 400),
        ([{"id": "x", "text": "x" * 200_001}], 422),
        ([{"id": "x", "text": "x", "year": 3}], 422),
    ],
)
def test_documents_that_cannot_be(running, documents, status):
    assert running.post("/v1/documents", json={"documents": documents}, headers=WRITING).status_code == status


def test_another_writer_is_waited_for_by_trying_again(running, tmp_path):
    with Index.open(tmp_path / "index").writer():
        answer = running.post("/v1/documents", json={"documents": [COMET]}, headers=WRITING)
    assert (answer.status_code, answer.json()["error"]["type"]) == (503, "index_locked")
    assert answer.headers["retry-after"] == "1"


def test_no_search_fails_while_documents_change(running):
    """Each answer is of one generation: it has both documents of a change, or none of them.

    Once both are there, a deletion of one leaves the other, and the next change brings both back. For a minute of
    it set BICROSS_SECONDS=60.
    """
    pairs = [{"id": name, "text": f"twin comet {name}"} for name in ("left", "right")]
    statuses, ended = [], threading.Event()

    def search():
        while not ended.is_set():
            answer = running.post("/v1/search", json={"query": "twin comet", "top_k": 2}, headers=WRITING)
            twins = {result["document"]["id"] for result in answer.json().get("results", [])} & {"left", "right"}
            statuses.append((answer.status_code, "".join(sorted(twins))))

    searching = [threading.Thread(target=search) for _ in range(2)]
    for thread in searching:
        thread.start()
    until, number = time.monotonic() + float(os.environ.get("BICROSS_SECONDS", "0")), 0
    while number < 6 or time.monotonic() < until:
        number += 1
        documents = [pair | {"title": f"{number}"} for pair in pairs]
        assert running.post("/v1/documents", json={"documents": documents}, headers=WRITING).status_code == 200
        assert running.delete("/v1/documents/right", headers=WRITING).json()["deleted"] == 1
    ended.set()
    for thread in searching:
        thread.join()
    assert {status for status, _ in statuses} == {200}
    assert {twins for _, twins in statuses} <= {"", "leftright", "left"}
