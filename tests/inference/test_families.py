"""One reranker and one encoder of each further family, against sentence-transformers."""

import logging

import numpy as np
import pytest
import torch
from bicross.inference.packed import beginnings
from bicross.rerank import CrossEncoderReranker
from bicross.retrieval import BiEncoder
from helpers.fake_gpu import pretend
from helpers.tiny_architectures import FAMILIES, SENTENCES, Head, save_bi_encoder, save_cross_encoder
from hypothesis import given, settings
from hypothesis import strategies as st
from sentence_transformers import CrossEncoder, SentenceTransformer

pytestmark = pytest.mark.slow

PASSAGES = [
    "",
    "cat",
    "the cat sleeps",
    " ".join(SENTENCES),
    "naïve 東京 ночь 🙂",
    "cat " * 700,
    "ends in padding <pad>",
]
PAIRS = [(query, passage) for query in ("who sleeps at night ?", "a dog runs " * 12) for passage in PASSAGES]
DECODERS = ("qwen3", "qwen2", "llama", "mistral", "gemma", "gemma2", "gemma3")
RERANKERS = (*DECODERS, "albert", "camembert", "deberta", "deberta-unshared", "deberta-c2p", "mpnet", "nomic")
ENCODERS = {
    **{name: (name, Head(pooling)) for name, pooling in (("mpnet", "mean"), ("albert", "max"), ("nomic", "mean"))},
    "deberta-max-and-mean": ("deberta", Head(("max", "mean"))),
    "t5": ("t5", Head("mean", dense=30)),
    "t5-gated": ("t5-gated", Head("mean")),
    **{f"{name}-last": (name, Head("lasttoken")) for name in DECODERS},
    "gemma3-both-ways": ("gemma3-both-ways", Head("mean", dense=30)),
    "qwen3-mean": ("qwen3", Head("mean")),
}


@pytest.mark.parametrize("name", RERANKERS)
def test_scores_are_those_of_the_oracle(name, tmp_path, monkeypatch):
    folder = save_cross_encoder(tmp_path / "m", name)
    ours = CrossEncoderReranker(folder, device="cpu")
    assert ours._packed is not None
    theirs = CrossEncoder(str(folder), device="cpu", model_kwargs={"dtype": torch.float32})
    expected = theirs.predict(
        [list(pair) for pair in PAIRS],
        activation_fn=torch.nn.Identity(),
        batch_size=1,
        processing_kwargs={"text": {"truncation": "only_second"}},
    )
    assert expected.std() > 0.05
    np.testing.assert_allclose(ours.score(PAIRS), expected, atol=2e-5)
    monkeypatch.setattr(beginnings, "LEAST_SAVED", 1)
    np.testing.assert_allclose(ours.score(PAIRS[::-1])[::-1], expected, atol=2e-5)


@pytest.fixture(scope="module")
def decoder(tmp_path_factory):
    """A decoder with local layers, and the score of each of PAIRS without company."""
    reranker = CrossEncoderReranker(save_cross_encoder(tmp_path_factory.mktemp("m") / "m", "gemma3"), device="cpu")
    return reranker, np.concatenate([reranker.score([pair]) for pair in PAIRS])


@settings(max_examples=15, deadline=None, derandomize=True)
@given(rows=st.lists(st.integers(0, len(PAIRS) - 1), max_size=12), least=st.sampled_from([1, 40, 10**6]))
def test_a_score_depends_on_its_own_pair_alone(decoder, rows, least):
    """Whatever is in the same call, and whether what it has in common with others is computed once or not."""
    reranker, alone = decoder
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(beginnings, "LEAST_SAVED", least)
        np.testing.assert_allclose(reranker.score([PAIRS[row] for row in rows]), alone[rows], atol=2e-5)


@pytest.mark.parametrize("case", ENCODERS)
def test_vectors_are_those_of_the_oracle(case, tmp_path):
    name, head = ENCODERS[case]
    folder = save_bi_encoder(tmp_path / "m", name, head)
    ours = BiEncoder(folder, device="cpu")
    assert ours._packed is not None
    theirs = SentenceTransformer(str(folder), device="cpu", model_kwargs={"dtype": torch.float32})
    expected = theirs.encode_document(PASSAGES, normalize_embeddings=True, batch_size=1)
    np.testing.assert_allclose(ours.encode_documents(PASSAGES), expected, atol=2e-5)


@pytest.mark.parametrize("name", ["qwen3", "mistral", "gemma2", "deberta"])
def test_as_a_gpu_runs_it(name, tmp_path, monkeypatch):
    """The kernel for all lengths knows neither caps nor biases: such models run length by length there too."""
    folder = save_bi_encoder(tmp_path / "m", name, Head("lasttoken"))
    expected = BiEncoder(folder, device="cpu").encode_documents(PASSAGES)
    recorders = pretend(monkeypatch)
    np.testing.assert_allclose(BiEncoder(folder, device="cpu").encode_documents(PASSAGES), expected, atol=2e-5)
    assert len(recorders) == (name in ("qwen3", "mistral"))


@pytest.mark.parametrize("name", ["qwen3", "gemma2", "deberta", "t5"])
def test_half_precision_is_close(name, tmp_path):
    folder = save_bi_encoder(tmp_path / "m", name)
    expected = BiEncoder(folder, device="cpu").encode_documents(PASSAGES)
    rounded = BiEncoder(folder, device="cpu", dtype="bfloat16").encode_documents(PASSAGES)
    assert (rounded * expected).sum(axis=1).min() > 0.99


def test_positions_that_change_with_the_length_are_refused(tmp_path, caplog):
    rope = {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 2.0}
    with pytest.MonkeyPatch.context() as patch, caplog.at_level(logging.INFO, logger="bicross"):
        patch.setitem(FAMILIES["llama"].settings, "rope_parameters", rope)
        assert BiEncoder(save_bi_encoder(tmp_path / "m", "llama"), device="cpu")._packed is None
    assert "its rotary positions are of the type 'dynamic', which change with the length" in caplog.text
