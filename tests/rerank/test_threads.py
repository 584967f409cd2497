"""Threads that share a model, a tokenizer or a pipeline get what they would get one after the other."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest
from bicross.index import Document
from bicross.pipelines import SearchPipeline, build_index
from bicross.rerank import CrossEncoderReranker
from bicross.retrieval import BiEncoder
from helpers.published_rerankers import generating
from helpers.tiny_architectures import save_bi_encoder, save_cross_encoder

pytestmark = pytest.mark.slow

THREADS = 4
ROUNDS = 3
NAMES = ["bert", "modernbert", "data2vec"]  # of which the last is run by sentence-transformers
WORDS = "the cat dog owl sleeps runs hunts all day night on warm sofa park field".split()  # noqa: SIM905


def texts(seed: int, number: int = 12) -> list[str]:
    """Of very different lengths, one beyond the limit of 512 tokens that a tokenizer has to cut at."""
    random = np.random.default_rng(seed)
    sizes = [600, *random.choice([0, 1, 5, 30], number - 1)]
    return [" ".join(random.choice(WORDS, size)) for size in sizes]


def at_once(calls):
    """What each call gave, all of them having begun together."""
    barrier = Barrier(len(calls))

    def run(call):
        barrier.wait(timeout=60)
        return [call() for _ in range(ROUNDS)]

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


@pytest.fixture(scope="module", params=NAMES)
def name(request):
    return request.param


def require_scores_of_one_thread(reranker, inputs):
    expected = [reranker.score(pairs) for pairs in inputs]
    assert not np.array_equal(expected[0], expected[1])
    answers = at_once([lambda pairs=pairs: reranker.score(pairs) for pairs in inputs])
    for rounds, alone in zip(answers, expected, strict=True):
        for scores in rounds:
            np.testing.assert_array_equal(scores, alone)


def test_one_reranker(name, tmp_path):
    reranker = CrossEncoderReranker(save_cross_encoder(tmp_path / name, name), device="cpu")
    inputs = [[(f"who {WORDS[seed]}", text) for text in texts(seed)] for seed in range(THREADS)]
    require_scores_of_one_thread(reranker, inputs)


def test_one_reranker_with_a_chat_template(tmp_path):
    reranker = CrossEncoderReranker(generating(tmp_path / "model"), device="cpu")
    inputs = [[(f"who {WORDS[seed]}", text) for text in texts(seed, 6)] for seed in range(THREADS)]
    require_scores_of_one_thread(reranker, inputs)


def test_one_encoder(name, tmp_path):
    encoder = BiEncoder(save_bi_encoder(tmp_path / name, name), device="cpu")
    calls = [(encoder.encode_queries, encoder.encode_documents, encoder.count_tokens)[i % 3] for i in range(THREADS)]
    inputs = [texts(seed) for seed in range(THREADS)]
    expected = [call(text) for call, text in zip(calls, inputs, strict=True)]
    answers = at_once([lambda call=call, text=text: call(text) for call, text in zip(calls, inputs, strict=True)])
    for rounds, alone in zip(answers, expected, strict=True):
        for result in rounds:
            np.testing.assert_array_equal(result, alone)


def test_one_pipeline(name, tmp_path):
    encoder = BiEncoder(save_bi_encoder(tmp_path / "bi", name), device="cpu")
    reranker = CrossEncoderReranker(save_cross_encoder(tmp_path / "cross", name), device="cpu")
    documents = [Document(f"d{i}", f"a {text}") for i, text in enumerate(texts(99, 20))]
    build_index(documents, tmp_path / "index", encoder=encoder)
    cutoffs = {"retrieve_k": 8, "rerank_k": 8, "top_k": 4}
    pipeline = SearchPipeline.open(tmp_path / "index", encoder=encoder, reranker=reranker, **cutoffs)
    queries = [[f"who {WORDS[seed]} ?", f"the {WORDS[-seed]}"][: 1 + seed % 2] for seed in range(THREADS)]
    expected = [pipeline.search_batch(batch) for batch in queries]
    assert all(len(results) == 4 for batch in expected for results in batch)
    answers = at_once([lambda batch=batch: pipeline.search_batch(batch) for batch in queries])
    for rounds, alone in zip(answers, expected, strict=True):
        assert all(results == alone for results in rounds)
