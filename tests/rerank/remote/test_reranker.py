"""Rerankers of servers: the logits of the model itself, for every dialect, and answers that cannot be."""

import numpy as np
import pytest
from bicross.errors import ArgumentError, ModelError
from bicross.inference.remote import RemoteOptions
from bicross.pipelines import SearchPipeline
from bicross.rerank import RemoteReranker
from helpers.fakes import HashEncoder, OverlapReranker
from helpers.model_servers import ModelServer, running
from helpers.served import KEY, animals, listening

QUERY = "who sleeps at night?"
TEXTS = ["Bees collect nectar", "An owl sleeps all day and hunts at night", "The dog sleeps at night", "who", "ü 日本"]
PAIRS = [*((QUERY, text) for text in TEXTS), ("nectar", TEXTS[0]), (QUERY, TEXTS[0]), ("nectar", "")]
LOGITS = OverlapReranker().score(PAIRS)


@pytest.fixture
def remote():
    """Open a reranker of a server."""
    opened = []

    def make(url, **options):
        opened.append(RemoteReranker(url, **{"options": RemoteOptions(backoff=0.0)} | options))
        return opened[-1]

    yield make
    for reranker in opened:
        reranker.close()


@pytest.mark.parametrize("dialect", ["jina", "voyage", "cohere", "tei"])
def test_every_dialect_gives_the_logits_of_the_model(remote, dialect):
    server = ModelServer(dialect)
    with running(server) as url:
        reranker = remote(f"{dialect}+{url}" + ("" if dialect == "tei" else "#overlap"))
        np.testing.assert_allclose(reranker.score(PAIRS), LOGITS, atol=1e-5)
        assert reranker.score([]).shape == (0,)
    assert sum(len(body.get("texts") or body["documents"]) for body in server.bodies) == len(PAIRS) - 1, (
        "each pair once"
    )
    assert (reranker.blend, reranker.fingerprint, reranker.model_fingerprint) == (1.0, "", "")


def test_other_servers_are_asked_as_jina(remote):
    server = ModelServer("jina")
    with running(server) as url:
        np.testing.assert_allclose(remote(f"{url}/v1/rerank#overlap").score(PAIRS), LOGITS, atol=1e-5)
    assert {path for path, body in server.requests if body is not None} == {"/v1/rerank"}
    assert {body["model"] for body in server.bodies} == {"overlap"}


def test_our_own_server_gives_the_scores_of_the_library(remote, tmp_path):
    index = animals(tmp_path / "index")
    local = SearchPipeline.open(index, encoder=HashEncoder(), reranker=OverlapReranker())
    with listening({"animals": index}, key=KEY) as url:
        reranker = remote(url, key=KEY)
        np.testing.assert_array_equal(reranker.score(PAIRS), LOGITS)
        pipeline = SearchPipeline.open(index, encoder=HashEncoder(), reranker=reranker)
        queries = [QUERY, "warm sofa"]
        assert pipeline.search_batch(queries) == local.search_batch(queries)


def test_pairs_go_in_several_requests_of_one_query(remote):
    server = ModelServer("tei")
    pairs = [(f"query {number % 3}", f"text {number}") for number in range(20)]
    with running(server) as url:
        np.testing.assert_allclose(remote(url).score(pairs), OverlapReranker().score(pairs), atol=1e-6)
    assert len(server.bodies) == 8
    assert all(len(body["texts"]) <= 3 for body in server.bodies)


def test_relevance_that_was_rounded_has_a_finite_logit(remote):
    answer = {"results": [{"index": 0, "relevance_score": 1}, {"index": 1, "relevance_score": 0.0}]}
    with running(ModelServer("jina", change=lambda _: answer)) as url:
        high, low = remote(url).score(PAIRS[:2])
    assert high == pytest.approx(-low, rel=1e-5)
    assert 20 < high < 40


def test_logits_that_are_said_to_be_relevance(remote):
    answer = {"results": [{"index": 0, "relevance_score": 3.5}, {"index": 1, "relevance_score": -2}]}
    with running(ModelServer("jina", change=lambda _: answer)) as url:
        with pytest.raises(ModelError, match=r"from -2 to 3\.5, not from 0 to 1: if they are logits, say so"):
            remote(url).score(PAIRS[:2])
        assert remote(url, logits=True).score(PAIRS[:2]).tolist() == [3.5, -2]


def results(change):
    return lambda answer: answer | {"results": change(answer["results"])}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda answer: answer["results"], "has no 'results'"),
        (results(lambda rows: rows[1:]), "answers 1 results for 2 texts"),
        (results(lambda rows: [rows[0]] * 2), "index 1 for 2 texts"),
        (results(lambda rows: [{"index": row["index"], "score": 0.5} for row in rows]), "no 'relevance_score'"),
        (results(lambda rows: [row | {"relevance_score": float("nan")} for row in rows]), "not finite"),
        (results(lambda rows: [row | {"relevance_score": "0.5"} for row in rows]), "something else than numbers"),
        (results(lambda rows: [row | {"relevance_score": [0.5]} for row in rows]), "something else than numbers"),
        (results(lambda rows: [3, 4]), "no 'index'"),
    ],
)
def test_answers_that_cannot_be(remote, change, message):
    server = ModelServer("jina", change=change)
    with running(server) as url, pytest.raises(ModelError, match=message) as caught:
        remote(url).score(PAIRS[1:3])
    assert f"{url}/v1/rerank" in str(caught.value)


def test_a_server_with_another_reranker(remote, tmp_path):
    with (
        listening({"animals": animals(tmp_path / "index")}) as url,
        pytest.raises(ModelError, match=r"^the model of http://127.0.0.1:\d+ is .*, not 'another'$"),
    ):
        remote(f"{url}#another")


@pytest.mark.parametrize("pairs", ["x", [("a",)], [("a", 3)], [("a", "\ud800")], None])
def test_what_are_no_pairs(remote, pairs):
    with running(ModelServer("jina")) as url, pytest.raises(ArgumentError):
        remote(url).score(pairs)
