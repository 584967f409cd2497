"""A server of an index from an object store: it follows what is published, and changes nothing."""

import pytest
from bicross.index import Index, publish
from bicross.pipelines import delete_documents
from bicross.pipelines.commands.serving.listening import named_indexes
from helpers.served import WRITE_KEY, animals, served

WRITING = {"Authorization": f"Bearer {WRITE_KEY}"}


@pytest.fixture
def url(tmp_path, monkeypatch):
    monkeypatch.setenv("BICROSS_STORE_CACHE", str(tmp_path / "cache"))
    animals(tmp_path / "index")
    publish(tmp_path / "index", f"file://{tmp_path}/store")
    return f"file://{tmp_path}/store"


def test_a_newer_publication_is_served_without_a_restart(url, tmp_path):
    with served({"animals": Index.open(url)}) as (client, service):
        delete_documents(tmp_path / "index", ["cat"])
        publish(tmp_path / "index", url)
        generations = []
        for stores in (False, True):  # between two questions to the store, folders are looked at more often
            service.refresh(stores=stores)
            generations.append(client.post("/v1/search", json={"query": "cat"}).json()["generation"])
        assert generations == [1, Index.open(tmp_path / "index").generation]


def test_changes_are_refused(url):
    with served({"animals": Index.open(url)}, write_key=WRITE_KEY) as (client, _):
        new = {"documents": [{"id": "comet", "text": "A comet passed"}]}
        for answer in (
            client.post("/v1/documents", json=new, headers=WRITING),
            client.delete("/v1/documents/cat", headers=WRITING),
        ):
            assert (answer.status_code, answer.json()["error"]["type"]) == (409, "index_read_only")
            assert answer.json()["message"] == "this index is published from elsewhere and cannot be changed here"
    assert Index.open(url).generation == 1


def test_an_index_is_named_by_the_end_of_its_url(url):
    assert named_indexes(["s3://bucket/articles/", "news=s3://bucket/n"]) == {
        "articles": "s3://bucket/articles/",
        "news": "s3://bucket/n",
    }
