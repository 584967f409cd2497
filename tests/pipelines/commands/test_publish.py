"""``bicross publish`` and ``fetch``, and the commands and pipelines that open an index by its URL."""

import json

import pytest
from bicross.errors import IndexReadOnly
from bicross.index import Document, Index
from bicross.pipelines import SearchPipeline, add_documents, build_index, delete_documents, upsert_documents
from helpers.commands import replace_models, run
from helpers.fakes import HashEncoder, OverlapReranker

ENCODER = HashEncoder()
DOCUMENTS = [Document(f"d{number}", f"word{number} and text") for number in range(6)]


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch):
    monkeypatch.setenv("BICROSS_STORE_CACHE", str(tmp_path / "cache"))
    replace_models(monkeypatch, ENCODER)


@pytest.fixture
def path(tmp_path):
    build_index(DOCUMENTS, tmp_path / "index", encoder=ENCODER, reranker=None)
    return tmp_path / "index"


@pytest.fixture
def url(tmp_path):
    return f"file://{tmp_path}/store"


def test_publish_says_what_it_did(path, url, capsys):
    code, out, err = run(capsys, "publish", path, url)
    assert (code, err) == (0, "")
    assert f"{url} has generation 1 of {path}: 6 files, " in out
    assert out.endswith(" bytes uploaded\n")
    code, out, _ = run(capsys, "publish", path, url)
    assert out == f"{url} has generation 1 of {path} already\n"
    code, out, _ = run(capsys, "publish", path, url, "--prune")
    assert out == f"{url} has generation 1 of {path} already; 0 old publications and 0 files removed\n"
    delete_documents(path, ["d1"])
    code, out, _ = run(capsys, "publish", path, url, "--prune", "--json")
    record = json.loads(out)
    assert record.pop("uploaded_bytes") > 0
    assert record == {
        "url": url,
        "generation": 2,
        "number": 2,
        "is_new": True,
        "uploaded_files": 1,
        "removed_publications": 0,
        "removed_files": 0,
    }


def test_a_conflict_is_a_failure_and_a_mistake_is_wrong_usage(path, url, tmp_path, capsys):
    run(capsys, "publish", path, url)
    build_index(DOCUMENTS[:2], tmp_path / "other", encoder=ENCODER, reranker=None)
    code, _, err = run(capsys, "publish", tmp_path / "other", url)
    assert (code, "holds another index" in err) == (1, True)
    code, _, err = run(capsys, "publish", path, "ftp://bucket/index")
    assert (code, "url must begin with one of s3, " in err) == (2, True)
    code, _, err = run(capsys, "publish", path, url, "--prune", "--grace", "5")
    assert (code, "3600" in err) == (2, True)


def test_commands_search_a_url(path, url, capsys):
    run(capsys, "publish", path, url)
    query = "word3 text"
    expected = json.loads(run(capsys, "search", path, query, "--json")[1])
    code, out, err = run(capsys, "search", url, query, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == expected
    code, out, _ = run(capsys, "info", url, "--json")
    assert (code, json.loads(out)["documents"]) == (0, 6)


@pytest.mark.parametrize(
    "arguments", [["compact"], ["delete", "d1"], ["rollback", "--to-generation", "1"], ["verify"], ["tune", "judged"]]
)
def test_commands_that_change_an_index_refuse_a_url(path, url, arguments, capsys):
    run(capsys, "publish", path, url)
    command, *more = arguments
    code, _, err = run(capsys, command, url, *more)
    assert code == 2
    assert "path must be a folder or a file of this machine, not the URL" in err


def test_fetch_makes_an_index_to_change(path, url, tmp_path, capsys):
    run(capsys, "publish", path, url)
    code, out, err = run(capsys, "fetch", url, "-o", tmp_path / "copy")
    assert (code, out, err) == (0, f"{tmp_path / 'copy'} is a copy of {url}, at generation 1\n", "")
    assert run(capsys, "delete", tmp_path / "copy", "d1")[0] == 0
    code, out, _ = run(capsys, "fetch", url, "-o", tmp_path / "json", "--json")
    assert json.loads(out) == {"url": url, "path": str(tmp_path / "json"), "generation": 1}
    code, _, err = run(capsys, "fetch", url, "-o", tmp_path / "json")
    assert (code, "already holds an index" in err) == (1, True)


def test_a_pipeline_opens_a_url_and_follows_it(path, url, capsys):
    run(capsys, "publish", path, url)
    with SearchPipeline.open(url, encoder=ENCODER, reranker=OverlapReranker()) as pipeline:
        assert pipeline.search("word2 and text")[0].document.id == "d2"
        delete_documents(path, ["d2"])
        run(capsys, "publish", path, url)
        assert pipeline.refresh()
        assert pipeline.search("word2 and text")[0].document.id != "d2"


def test_nothing_is_embedded_for_a_url(path, url, capsys):
    run(capsys, "publish", path, url)

    class Untouched(HashEncoder):
        def encode_documents(self, *arguments, **options):
            raise AssertionError("nothing is to be embedded")

    new = [Document("new", "text")]
    for place in (url, Index.open(url).path):
        with pytest.raises(IndexReadOnly, match="is read only"):
            add_documents(place, new, encoder=Untouched())
        with pytest.raises(IndexReadOnly, match="is read only"):
            upsert_documents(place, new, encoder=Untouched())
        with pytest.raises(IndexReadOnly, match="is read only"):
            delete_documents(place, ["d1"])
