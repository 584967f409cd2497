"""Models behind the thread answer as they do alone."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from bicross.index import Document
from bicross.pipelines import SearchPipeline, build_index
from bicross.pipelines.server.batching import BatchedEncoder, ModelThread, batched_reranker
from bicross.rerank import LateInteractionReranker, Platt, takes_token_vectors
from helpers.fakes import HashEncoder, OverlapReranker
from helpers.served import served
from helpers.tiny_late_interaction import save_late_interaction
from helpers.tiny_models import save_bi_encoder

WORDS = ["red", "green", "blue", "dog", "cat", "bird", "sea", "sand", "wind"]


@pytest.fixture(scope="module")
def thread():
    thread = ModelThread(batch_tokens=40)
    yield thread
    thread.close()


def test_many_threads_get_what_each_would_get_alone(thread, tmp_path):
    generator = np.random.default_rng(3)
    documents = [Document(str(i), " ".join(generator.choice(WORDS, 6))) for i in range(60)]
    build_index(documents, tmp_path / "index", encoder=HashEncoder(), reranker=None)
    queries = [" ".join(generator.choice(WORDS, 3)) for _ in range(24)]
    encoder, reranker = HashEncoder(), OverlapReranker()
    reranker.calibration = Platt(0.5, -3.0)
    alone = SearchPipeline.open(tmp_path / "index", encoder=encoder, reranker=reranker, top_k=5)
    expected = [alone.search(query) for query in queries]
    batched = SearchPipeline.open(
        tmp_path / "index",
        encoder=BatchedEncoder(encoder, thread),
        reranker=batched_reranker(reranker, thread),
        top_k=5,
    )
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(batched.search, queries)) == expected


def test_no_texts_need_no_model(thread):
    encoder = BatchedEncoder(HashEncoder(dimension=7), thread)
    assert encoder.encode_queries([]).shape == (0, 7)
    assert batched_reranker(OverlapReranker(), thread).score([]).shape == (0,)


def test_a_fast_reranker_behind_the_thread_answers_as_it_does_alone(thread, tmp_path):
    base = save_bi_encoder(tmp_path / "base")
    alone = LateInteractionReranker(save_late_interaction(tmp_path / "fast", base), device="cpu")
    batched = batched_reranker(alone, thread)
    assert takes_token_vectors(batched)
    texts = ["the cat sleeps", "dogs run in the park", ""]
    vectors = alone.token_vectors(texts)
    for made, expected in zip(batched.token_vectors(texts), vectors, strict=True):
        np.testing.assert_array_equal(made, expected)
    pairs = [(query, of_passage) for query in ("a cat", "dogs") for of_passage in vectors]
    np.testing.assert_array_equal(batched.score_token_vectors(pairs), alone.score_token_vectors(pairs))
    np.testing.assert_array_equal(
        batched.score([("a cat", text) for text in texts]), alone.score_token_vectors(pairs[:3])
    )
    long = "a cat " * 40
    assert list(batched.long_queries([long])) == [0]
    assert batched.cutting_queries().score_token_vectors([(long, vectors[0])]).shape == (1,)
    names = ("late_interaction_fingerprint", "dim", "blend", "fingerprint", "model_fingerprint")
    assert [getattr(batched, name) for name in names] == [getattr(alone, name) for name in names]


def test_a_server_shares_one_fast_reranker_among_its_indexes(tmp_path):
    base = save_bi_encoder(tmp_path / "base")
    fast = save_late_interaction(tmp_path / "fast", base)
    indexes = {
        name: build_index(WORDS, tmp_path / name, encoder=base, reranker=None, precompute=fast) for name in ("a", "b")
    }
    with served(indexes, encoder=str(base), reranker=OverlapReranker(0.4)) as (client, service):
        models = {id(service.index(name).pipeline.fast_reranker) for name in indexes}
        assert len(models) == 1
        library = SearchPipeline.open(indexes["a"], reranker=OverlapReranker(0.4))
        assert library.options.late_interaction is True
        for more in ({}, {"blend": 0.7}, {"rerank": False}):
            answer = client.post("/v1/search", json={"query": "red dog", "index": "a"} | more).json()
            expected = SearchPipeline.open(indexes["a"], reranker=OverlapReranker(0.4), late_interaction=True, **more)
            assert [r["score"] for r in answer["results"]] == [r.score for r in expected.search("red dog")]
