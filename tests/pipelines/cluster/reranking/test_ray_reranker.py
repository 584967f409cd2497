"""RayReranker on Ray: the scores of one process, whatever becomes of the workers. The page test has a real model."""

import os
import signal

import numpy as np
import pytest
from bicross.errors import ArgumentError, ClusterError, ModelNotFound, QueryError
from bicross.index import Document
from bicross.pipelines import SearchPipeline, build_index
from bicross.pipelines.cluster import RayReranker
from bicross.pipelines.cluster.reranking import ray_reranker
from helpers.examples import thorough
from helpers.fakes import HashEncoder
from helpers.reranker_on_ray import WordReranker, WordSpec
from helpers.wrong_values import WRONG, call_with_wrong_values, is_answered

pytestmark = pytest.mark.slow

WORDS = "the a cat dog owl sleeps runs hunts all day night on in warm sofa park field what who does at and".split()  # noqa: SIM905
RANDOM = np.random.default_rng(3)
QUERIES = [" ".join(RANDOM.choice(WORDS, 3)) for _ in range(6)]
PAIRS = [(QUERIES[n % 6], " ".join(RANDOM.choice(WORDS, RANDOM.integers(1, 60)))) for n in range(300)]
PAIRS += PAIRS[:20]
EXPECTED = WordReranker().score(PAIRS)


@pytest.fixture(scope="module")
def reranker(ray_address):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ray_reranker, "RerankerSpec", WordSpec)
        with RayReranker("words", workers=3, address=ray_address, cpus=1, seconds=60.0) as reranker:
            yield reranker


def test_it_is_the_reranker_of_its_workers(reranker):
    one = WordReranker()
    for name in ("blend", "calibration", "fingerprint", "model_fingerprint", "tokenizer_fingerprint", "max_length"):
        assert getattr(reranker, name) == getattr(one, name)
    assert reranker.unknown_shares(["a", "b"]) == [0.25, 0.25]
    assert (reranker.workers, str(reranker)) == (3, "words")


def test_scores_are_those_of_one_process_in_every_order_and_split(reranker):
    np.testing.assert_array_equal(reranker.score(PAIRS), EXPECTED)
    for part in np.split(RANDOM.permutation(len(PAIRS)), [1, 3, 40]):
        np.testing.assert_array_equal(reranker.score([PAIRS[row] for row in part]), EXPECTED[part])
    tokens = [(query, np.arange(n % 50, dtype=np.uint16)) for n, (query, _) in enumerate(PAIRS)]
    np.testing.assert_array_equal(reranker.score_tokens(tokens), WordReranker().score_tokens(tokens))
    assert reranker.score([]).shape == reranker.score_tokens([]).shape == (0,)


def test_a_worker_that_is_killed_or_stopped_changes_no_score(reranker, tmp_path):
    for trouble in ("kill", "stop"):
        flag = tmp_path / trouble
        found = reranker.score([*PAIRS, (f"{trouble} {flag}", "the cat")])
        np.testing.assert_array_equal(found[:-1], EXPECTED)
        np.testing.assert_array_equal(reranker.score(PAIRS), EXPECTED)
        pid = int(flag.read_text())
    os.kill(pid, signal.SIGCONT)
    np.testing.assert_array_equal(reranker.score(PAIRS), EXPECTED)


@pytest.mark.skipif(not thorough(), reason="it starts six processes; test_workers.py has it without Ray")
def test_a_pair_that_kills_its_worker_each_time_is_named_and_others_are_scored_again(reranker):
    with pytest.raises(ClusterError, match=r"the reranking of 1 pairs? from 'kill' failed 3 times: its process died"):
        reranker.score([("kill", "the cat")])
    np.testing.assert_array_equal(reranker.score(PAIRS), EXPECTED)


def test_a_pipeline_has_the_results_of_one_process(reranker, tmp_path):
    documents = [Document(f"d{n:03}", passage) for n, (_, passage) in enumerate(PAIRS)]
    index = build_index(documents, tmp_path / "index", encoder=HashEncoder(), reranker=None)
    options = {"encoder": HashEncoder(), "retrieve_k": 50, "rerank_k": 40, "top_k": 20}
    one, many = (SearchPipeline.open(index, reranker=used, **options) for used in (WordReranker(), reranker))
    assert many.search_batch(QUERIES) == one.search_batch(QUERIES)
    assert many.search(QUERIES[0], deadline_ms=1e-6) == one.search(QUERIES[0], deadline_ms=1e-6)
    assert many.settings == one.settings
    long = " ".join(WORDS)
    with pytest.raises(QueryError, match="has 22 words"):
        many.search(long)
    with pytest.raises(QueryError, match="has 22 words"):
        reranker.score([(long, "cat")])
    one, many = (
        SearchPipeline.open(index, reranker=used, long_queries="cut", **options) for used in (WordReranker(), reranker)
    )
    assert many.search(long) == one.search(long)
    with pytest.raises(ArgumentError, match=r"cascade"):
        SearchPipeline.open(index, reranker=reranker, cascade=[(1, 20)], **options)


def test_a_model_that_is_not_there_is_an_error(ray_address, monkeypatch):
    monkeypatch.setattr(ray_reranker, "RerankerSpec", WordSpec)
    with (
        RayReranker("nowhere", workers=1, address=ray_address, cpus=1) as reranker,
        pytest.raises(ModelNotFound, match="there is no model 'nowhere'"),
    ):
        reranker.score([("a", "b")])


def test_wrong_values(reranker, ray_address, monkeypatch):
    for call, argument, right in (
        (reranker.score, "pairs", PAIRS[:2]),
        (reranker.score_tokens, "pairs", [("the", np.array([5, 6], np.uint16))]),
        (reranker.long_queries, "queries", ["the"]),
        (reranker.unknown_shares, "texts", ["the"]),
    ):
        call_with_wrong_values(call, {argument: right}, argument)
    monkeypatch.setattr(ray_reranker, "RayWorker", lambda *_: None)
    monkeypatch.setattr(ray_reranker, "RerankerWorkers", lambda handles, **_: handles)
    options = {"model": "words", "workers": 1, "address": ray_address, "device": None, "dtype": "float32"}
    for argument in options | {"cpus": None, "seconds": 5.0}:
        for make in WRONG.values():
            made = lambda **given: (RayReranker(**given), [])[1]  # noqa: E731 - it is not to be closed
            is_answered(made, options | {argument: make()})
    for name, value, message in (
        ("model", "http://127.0.0.1:1", "is a server"),
        ("model", 5, "model must be the name of a reranker or its folder, not 5"),
        ("workers", 0, "workers must be"),
        ("seconds", 0.0, "seconds must be above 0"),
        ("cpus", -1, "cpus must be a number from 0"),
        ("device", 5, "device must be the name of a torch device"),
        ("dtype", "float8", "float8"),
    ):
        with pytest.raises(ArgumentError, match=message):
            RayReranker(**options | {name: value})
