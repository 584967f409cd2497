"""What only a GPU can show; ``test_graphs.py`` tests the same code on the CPU, with stand-ins."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from bicross.inference.packed import engine, graphs
from bicross.rerank import CrossEncoderReranker
from bicross.retrieval import BiEncoder
from helpers.gpu_cases import PAIRS, TEXTS
from helpers.tiny_architectures import SUPPORTED, save_cross_encoder

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")]

HALF = ["bfloat16", "float16"]
CLOSE = {"bfloat16": 0.1, "float16": 0.01}
"""How far half precision may take a number, as a share of how far the oracle's numbers are spread."""


@pytest.fixture
def recorders(monkeypatch):
    """How often each engine that is made from now on recorded and replayed."""
    counts = []

    def counting(device):
        capture, count = graphs.capture_on(device), {"recorded": 0, "replayed": 0}
        counts.append(count)

        def recorded(function):
            replay = capture(function)
            count["recorded"] += 1

            def replayed():
                count["replayed"] += 1
                return replay()

            return replayed

        return recorded

    monkeypatch.setattr(engine, "capture_on", counting)
    return counts


def test_float32_is_exact(cross, scores, bi, vectors):
    np.testing.assert_allclose(CrossEncoderReranker(cross, device="cuda").score(PAIRS), scores, atol=1e-4)
    np.testing.assert_allclose(BiEncoder(bi, device="cuda").encode_documents(TEXTS), vectors, atol=1e-4)


@pytest.mark.parametrize("dtype", HALF)
def test_half_precision_is_close(cross, scores, bi, vectors, dtype):
    half_scores = CrossEncoderReranker(cross, device="cuda", dtype=dtype).score(PAIRS)
    assert np.abs(half_scores - scores).max() < CLOSE[dtype] * np.ptp(scores)
    half_vectors = BiEncoder(bi, device="cuda", dtype=dtype).encode_documents(TEXTS)
    assert (half_vectors * vectors).sum(axis=1).min() > 1 - CLOSE[dtype] / 5


@pytest.mark.parametrize("dtype", HALF)
def test_one_kernel_for_all_lengths_is_as_good_as_one_for_each(cross, dtype, monkeypatch):
    together = CrossEncoderReranker(cross, device="cuda", dtype=dtype).score(PAIRS)
    monkeypatch.setattr(engine, "serves_all_lengths", lambda *_: False)
    apart = CrossEncoderReranker(cross, device="cuda", dtype=dtype).score(PAIRS)
    assert np.abs(together - apart).max() < CLOSE[dtype] * np.ptp(apart)


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """Four heads of 32, as the kernel wants them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SUPPORTED["bert"].settings, "hidden_size", 128)
        patch.setitem(SUPPORTED["bert"].settings, "num_attention_heads", 4)
        return save_cross_encoder(tmp_path_factory.mktemp("cross") / "wide", "bert")


def test_recordings_give_what_the_same_kernels_give_one_by_one(wide, recorders, monkeypatch):
    recorded = CrossEncoderReranker(wide, device="cuda", dtype="bfloat16")
    one_by_one = CrossEncoderReranker(wide, device="cuda", dtype="bfloat16")
    monkeypatch.setattr(one_by_one._packed.encoder, "_recordings", None)
    random = np.random.default_rng(0)
    spread = np.ptp(one_by_one.score(PAIRS))
    for _ in range(60):
        pairs = [PAIRS[row] for row in random.integers(len(PAIRS), size=random.integers(1, 9))]
        assert np.abs(recorded.score(pairs) - one_by_one.score(pairs)).max() < 0.05 * spread
    assert 0 < recorders[0]["recorded"] <= len(graphs.TOKENS) < recorders[0]["replayed"]


def test_the_same_batch_gives_the_same_bits(wide, recorders):
    reranker = CrossEncoderReranker(wide, device="cuda", dtype="bfloat16")
    first = reranker.score(PAIRS)
    for _ in range(3):
        reranker.score(PAIRS[::-1] * 2)
        np.testing.assert_array_equal(reranker.score(PAIRS), first)
    assert recorders[0]["replayed"] >= 4


def test_threads_take_turns(wide, recorders):
    """Two models, while both of them still record."""
    models = [CrossEncoderReranker(wide, device="cuda", dtype="bfloat16") for _ in range(2)]
    rows = np.random.default_rng(0).integers(len(PAIRS), size=200)
    with ThreadPoolExecutor(8) as threads:
        scored = list(threads.map(lambda row: models[row % 2].score(PAIRS[row : row + 1])[0], rows.tolist()))
    expected = np.concatenate([models[0].score(PAIRS[row : row + 1]) for row in range(len(PAIRS))])
    assert np.abs(np.array(scored) - expected[rows]).max() < 0.05 * np.ptp(expected)
    assert all(count["recorded"] for count in recorders)


def test_another_stream_runs_without_recordings(wide, recorders):
    reranker = CrossEncoderReranker(wide, device="cuda", dtype="bfloat16")
    torch.cuda.synchronize()  # its weights are there
    with torch.cuda.stream(torch.cuda.Stream()):
        scores = reranker.score(PAIRS)
    assert recorders[0]["recorded"] == 0
    assert np.abs(scores - reranker.score(PAIRS)).max() < 0.05 * np.ptp(scores)
    assert recorders[0]["recorded"] > 0


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_nothing_waits_for_the_device(wide, dtype, monkeypatch):
    """Whatever waits raises; the one copy of the result at the end is let through."""
    reranker = CrossEncoderReranker(wide, device="cuda", dtype=dtype)
    reranker.score(PAIRS)
    encoder, start = reranker._packed.encoder, reranker._packed.encoder.start

    def strictly(batch, rows):
        torch.cuda.set_sync_debug_mode("error")
        try:
            return start(batch, rows)
        finally:
            torch.cuda.set_sync_debug_mode("default")

    monkeypatch.setattr(encoder, "start", strictly)
    assert np.isfinite(reranker.score(PAIRS)).all()


def test_out_of_memory_makes_batches_smaller(wide, caplog):
    """A model that is given too little memory for its usual batches gives the same scores, in smaller ones."""
    pairs = [("cat", "dog " * 450)] * 300
    reranker = CrossEncoderReranker(wide, device="cuda")
    expected = reranker.score(pairs)
    budget = reranker._packed.encoder._budget
    torch.cuda.synchronize()
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 64 * 2**20) / total)
    try:
        scores = reranker.score(pairs)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert reranker._packed.encoder._budget < budget
    assert "is out of memory; batches now have" in caplog.text
    np.testing.assert_allclose(scores, expected, atol=1e-4)
