"""Encoders of servers: vectors as of the model itself, for every dialect, and answers that cannot be."""

import numpy as np
import pytest
from bicross.errors import ArgumentError, IndexModelMismatch, ModelError
from bicross.inference.remote import RemoteOptions
from bicross.pipelines import SearchPipeline, build_index
from bicross.pipelines.commands import main
from bicross.retrieval import RemoteEncoder
from helpers.fakes import HashEncoder
from helpers.model_servers import ModelServer, running
from helpers.served import ANIMALS, KEY, animals, listening

TEXTS = ["Bees collect nectar", "An owl hunts at night", "who sleeps?", "The cat", "ü 日本", "The cat"]
VECTORS = HashEncoder().encode_documents(TEXTS)


@pytest.fixture
def remote():
    """Open an encoder of a server."""
    opened = []

    def make(url, **options):
        opened.append(RemoteEncoder(url, **{"options": RemoteOptions(backoff=0.0)} | options))
        return opened[-1]

    yield make
    for encoder in opened:
        encoder.close()


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    with listening({"animals": animals(tmp_path_factory.mktemp("own") / "index")}, key=KEY) as url:
        yield url


@pytest.mark.parametrize("dialect", ["openai", "jina", "voyage", "cohere", "tei"])
def test_every_dialect_gives_the_vectors_of_the_model(remote, dialect):
    server = ModelServer(dialect)
    with running(server) as url:
        encoder = remote(url, dialect=dialect, model=None if dialect == "tei" else "hash")
        np.testing.assert_allclose(encoder.encode_documents(TEXTS), VECTORS, atol=1e-6)
        np.testing.assert_allclose(encoder.encode_queries(TEXTS[:1]), VECTORS[:1], atol=1e-6)
        assert encoder.encode_documents([]).shape == (0, 64)
    assert encoder.fingerprint.id == ("org/tei" if dialect == "tei" else "hash")
    assert encoder.fingerprint.dimension == 64


@pytest.mark.parametrize(
    ("dialect", "field", "kinds"),
    [("voyage", "input_type", ["document", "query"]), ("cohere", "input_type", ["search_document", "search_query"])],
)
def test_queries_and_documents_are_told_apart(remote, dialect, field, kinds):
    server = ModelServer(dialect)
    with running(server) as url:
        encoder = remote(f"{dialect}+{url}#hash")
        encoder.encode_queries(["night"])
    assert [body[field] for body in server.bodies] == kinds
    assert {body["model"] for body in server.bodies} == {"hash"}


def test_what_tei_says_of_itself_is_used(remote):
    server = ModelServer("tei")
    with running(server) as url:
        encoder = remote(url)
        np.testing.assert_allclose(encoder.encode_documents(TEXTS), VECTORS, atol=1e-6)
        with pytest.raises(ModelError, match="is 'org/tei', not 'another'"):
            remote(f"{url}#another")
    assert [len(body["inputs"]) for body in server.bodies[1:]] == [3, 3]
    assert (encoder.max_tokens, encoder.fingerprint.revision) == (30, "abc")


def test_our_own_server_says_which_model_it_has(remote, own, tmp_path):
    """An index that was built here is searched with the encoder of a server, and the other way round."""
    encoder = remote(own, key=KEY)
    assert encoder.fingerprint == HashEncoder().fingerprint
    assert encoder.max_tokens == 32
    np.testing.assert_allclose(encoder.encode_documents(TEXTS), VECTORS, atol=1e-7)
    here = SearchPipeline.open(animals(tmp_path / "here"), encoder=HashEncoder(), reranker=None)
    there = build_index(ANIMALS, tmp_path / "there", encoder=encoder, reranker=None)
    for opened in (there, here.retriever.index):
        pipeline = SearchPipeline.open(opened, encoder=encoder, reranker=None)
        results = [(result.document.id, pytest.approx(result.score, abs=1e-6)) for result in here.search("who sleeps?")]
        assert [(result.document.id, result.score) for result in pipeline.search("who sleeps?")] == results


def test_names_of_encoders_may_be_addresses(own, tmp_path, monkeypatch):
    monkeypatch.setenv("BICROSS_REMOTE_KEY", KEY)
    index = build_index(ANIMALS, tmp_path / "index", encoder=own, reranker=own)
    pipeline = SearchPipeline.open(index, encoder=own, reranker=own)
    assert pipeline.search("who sleeps at night?")[0].document.id == "dog"
    (tmp_path / "more.jsonl").write_text('{"id": "comet", "text": "A comet passed"}\n', encoding="utf-8")
    assert main(["add", str(index.path), str(tmp_path / "more.jsonl"), "--encoder", own, "--json"]) == 0
    assert pipeline.refresh()
    assert pipeline.search("comet")[0].document.id == "comet"
    with pytest.raises(ArgumentError, match="device='cpu' is for a model that runs here"):
        SearchPipeline.open(index, encoder=own, reranker=None, device="cpu")


def test_an_index_of_a_server_of_which_only_a_name_is_known(remote, tmp_path):
    with running(ModelServer("openai")) as url:
        index = build_index(ANIMALS, tmp_path / "index", encoder=remote(f"{url}/v1#hash"), reranker=None)
        again = SearchPipeline.open(index, encoder=remote(f"{url}/v1#hash"), reranker=None)
        assert again.search("bees")[0].document.id == "a/b c"
        with pytest.raises(IndexModelMismatch, match="'hash', which is not 'other'"):
            SearchPipeline.open(index, encoder=remote(f"{url}#other"), reranker=None)
        with pytest.raises(ModelError, match="'hash' of a server: name the server as the encoder"):
            SearchPipeline.open(index, reranker=None)


def test_many_texts_go_in_several_requests_at_once(remote):
    server = ModelServer("openai")
    texts = [f"text {number}" for number in range(25)]
    with running(server) as url:
        encoder = remote(url, options=RemoteOptions(batch_size=4, parallel=3))
        np.testing.assert_allclose(encoder.encode_documents(texts), HashEncoder().encode_documents(texts), atol=1e-6)
        sizes = sorted(len(body["input"]) for body in server.bodies[1:])
        assert sizes == [1, 4, 4, 4, 4, 4, 4]
        long = ["x" * 600_000] * 3
        assert encoder.encode_documents(long).shape == (3, 64)
    assert [len(body["input"]) for body in server.bodies[-3:]] == [1, 1, 1]


def data(change):
    return lambda answer: answer | {"data": change(answer["data"])}


def vector(change):
    return data(lambda rows: [rows[0] | {"embedding": change(rows[0]["embedding"])}, *rows[1:]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda _: [1], "has no 'data': it may speak another dialect"),
        (data(lambda rows: rows[1:]), "answers 1 results for 2 texts"),
        (data(lambda rows: [rows[0], rows[0]]), "answers index 1 for 2 texts: once too often"),
        (data(lambda rows: [{**row, "index": 7} for row in rows]), "index 7 for 2 texts"),
        (data(lambda rows: [{**row, "index": True} for row in rows]), "index True"),
        (data(lambda rows: {"0": rows}), "answers no list"),
        (vector(lambda numbers: numbers[1:]), "lists of different lengths"),
        (
            data(lambda rows: [row | {"embedding": row["embedding"][1:]} for row in rows]),
            "vectors of 63 numbers, not 64",
        ),
        (vector(lambda numbers: [float("nan"), *numbers[1:]]), "a number that is not finite"),
        (vector(lambda numbers: [1e300, *numbers[1:]]), "a number that is not finite"),
        (vector(lambda numbers: ["1.0", *numbers[1:]]), "something else than numbers"),
        (vector(lambda numbers: [None, *numbers[1:]]), "something else than numbers"),
        (vector(lambda numbers: [10**400, *numbers[1:]]), "something else than numbers"),
        (vector(lambda numbers: [0.0 for _ in numbers]), "a vector of length zero"),
        (vector(lambda _: "not base64!"), "not base64 of float32"),
        (vector(lambda _: "AAA="), "not base64 of float32"),
    ],
)
def test_answers_that_cannot_be(remote, change, message):
    server = ModelServer("openai")
    with running(server) as url:
        encoder = remote(url)
        server.change = change
        with pytest.raises(ModelError, match=message) as caught:
            encoder.encode_documents(TEXTS[:2])
    assert f"{url}/v1/embeddings" in str(caught.value)


def test_a_server_that_changes_its_model_is_noticed(remote, tmp_path):
    with listening({"animals": animals(tmp_path / "index")}) as url:
        encoder = remote(url)
        encoder._model = type(encoder._model)("bicross", "before", 8)
        with pytest.raises(ModelError, match="now has the model 'hash-encoder', no longer 'before'"):
            encoder.encode_queries(["night"])


def test_tokens_are_estimated(remote):
    with running(ModelServer("openai")) as url:
        encoder = remote(url, max_tokens=7)
        assert encoder.count_tokens(["", "owl", "nightfall, 日本 12"]) == [0, 1, 8]
        assert encoder.max_tokens == 7
        for texts in ("owl", [3], ["\ud800"]):
            for method in (encoder.count_tokens, encoder.encode_queries, encoder.encode_documents):
                with pytest.raises(ArgumentError):
                    method(texts)
