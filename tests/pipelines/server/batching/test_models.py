"""Models behind the thread answer as they do alone."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from bicross.index import Document
from bicross.pipelines import SearchPipeline, build_index
from bicross.pipelines.server.batching import BatchedEncoder, ModelThread, batched_reranker
from bicross.rerank import Platt
from helpers.fakes import HashEncoder, OverlapReranker

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
