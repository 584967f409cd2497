"""PackedEncoder where memory runs out, and where there is nothing to read."""

import logging

import numpy as np
import pytest
import torch
from bicross.errors import ArgumentError, ModelError
from bicross.inference.packed import engine
from bicross.inference.packed.engine import PackedEncoder
from bicross.rerank import CrossEncoderReranker
from bicross.retrieval import BiEncoder
from helpers.tiny_architectures import byte_level, save_bi_encoder, save_cross_encoder
from tokenizers import processors

pytestmark = pytest.mark.slow

PAIRS = [(query, "cat " * size) for query in ("who sleeps", "dog") for size in (1, 60, 3, 100, 0, 25, 25, 80, 7, 90)]


@pytest.fixture(scope="module", params=["bert", "roberta", "modernbert"])
def reranker(request, tmp_path_factory):
    return CrossEncoderReranker(save_cross_encoder(tmp_path_factory.mktemp("m") / "m", request.param), device="cpu")


@pytest.fixture
def memory(reranker, monkeypatch):
    """Gives ``reranker`` a budget of 1000 tokens, and memory for fewer; returns the tokens of each batch it tries."""

    def limit(tokens: int) -> list[int]:
        tried: list[int] = []
        read = PackedEncoder.start

        def limited(self, batch, rows):
            tried.append(batch.tokens)
            if batch.tokens > tokens:
                raise torch.OutOfMemoryError("no more than that")
            return read(self, batch, rows)

        monkeypatch.setattr(PackedEncoder, "start", limited)
        monkeypatch.setattr(reranker._packed.encoder, "_budget", 1000)
        monkeypatch.setattr(engine, "CPU_LEAST_TOKENS", 1000)
        return tried

    return limit


@pytest.mark.parametrize("budget", [500, 250])
def test_where_memory_runs_out_batches_become_smaller_and_stay_so(reranker, memory, caplog, budget):
    expected = reranker.score(PAIRS)
    tried = memory(budget)
    with caplog.at_level(logging.WARNING, logger="bicross"):
        np.testing.assert_allclose(reranker.score(PAIRS), expected, atol=1e-5)
    halves = [500, 250][: [500, 250].index(budget) + 1]
    lines = [f"the device cpu is out of memory; batches now have {half} tokens" for half in halves]
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == lines
    assert sum(tokens > budget for tokens in tried) >= len(halves)
    tried.clear()
    np.testing.assert_allclose(reranker.score(PAIRS), expected, atol=1e-5)
    assert tried and max(tried) <= budget, "the smaller budget is kept"


def test_memory_that_runs_out_after_some_batches(reranker, monkeypatch):
    """What was computed before is neither lost nor computed again."""
    expected = reranker.score(PAIRS)
    read, ran = PackedEncoder.start, []

    def second_fails(self, batch, rows):
        if len(ran) == 1 and self._budget == 500:
            raise torch.OutOfMemoryError("for once")
        ran.append(batch.tokens)
        return read(self, batch, rows)

    monkeypatch.setattr(PackedEncoder, "start", second_fails)
    monkeypatch.setattr(reranker._packed.encoder, "_budget", 500)
    monkeypatch.setattr(engine, "CPU_LEAST_TOKENS", 500)
    np.testing.assert_allclose(reranker.score(PAIRS), expected, atol=1e-5)
    tokenizer = reranker._packed.tokenizer
    encoded = [tokenizer.encode(pair) for pair in dict.fromkeys(PAIRS)]  # an equal pair is computed once
    assert sum(ran) == sum(tokenizer.pair(*ids, max_length=10**6).shape[1] for ids in encoded)


def test_one_text_that_is_too_much_is_an_error(reranker, memory):
    tried = memory(10)
    with pytest.raises(ModelError, match=r"the device cpu has not enough memory for a text of \d+ tokens: no more"):
        reranker.score(PAIRS)
    assert len(tried) < 20


def bare(folder):
    """A tokenizer that puts nothing around a text, so that an empty one has no token at all."""
    tokens = byte_level()
    tokens.backend_tokenizer.post_processor = processors.TemplateProcessing(single="$A", pair="$A $B")
    tokens.save_pretrained(folder)
    return folder


def test_a_text_without_any_token_is_an_error_that_names_it(tmp_path):
    encoder = BiEncoder(bare(save_bi_encoder(tmp_path / "bi", "roberta")), device="cpu")
    assert encoder._packed is not None
    assert encoder.encode_documents(["cat", "a"]).shape == (2, 24)
    with pytest.raises(ArgumentError, match="text 1 has no token, so there is nothing for the model to read"):
        encoder.encode_documents(["cat", "", "dog"])
    reranker = CrossEncoderReranker(bare(save_cross_encoder(tmp_path / "cross", "roberta")), device="cpu")
    assert np.isfinite(reranker.score([("cat", ""), ("", "dog")])).all()
    with pytest.raises(ArgumentError, match="text 1 has no token"):
        reranker.score([("cat", "dog"), ("", "")])


def test_without_the_engine_a_text_without_any_token_is_an_error_too(tmp_path):
    encoder = BiEncoder(bare(save_bi_encoder(tmp_path / "bi", "data2vec")), device="cpu")
    assert encoder._packed is None
    with pytest.raises(ModelError, match="a vector of length zero for ''"):
        encoder.encode_documents(["cat", ""])


def test_a_token_id_that_the_model_does_not_have_is_an_error(reranker):
    vocabulary = reranker._packed.encoder._architecture.vocabulary
    assert np.isfinite(reranker.score_tokens([("cat", np.array([vocabulary - 1], np.uint32))])).all()
    for wrong in (vocabulary, 2**32 - 1):
        with pytest.raises(ModelError, match=rf"has {vocabulary} token ids, and {wrong} is none of them"):
            reranker.score_tokens([("cat", np.array([0, wrong], np.uint32))])
