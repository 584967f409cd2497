"""Half precision: every architecture gives finite numbers near those of float32."""

import logging

import numpy as np
import pytest
import torch
from bicross.inference import loading, resolve_dtype
from bicross.rerank import CrossEncoderReranker
from bicross.retrieval import BiEncoder
from helpers.tiny_architectures import ARCHITECTURES, SENTENCES, save_bi_encoder, save_cross_encoder

pytestmark = pytest.mark.slow

TEXTS = ["", "cat", *SENTENCES, "the dog runs", "owl " * 40, "[SEP] 東京 <s>", "cat dog owl " * 50]
PAIRS = [(query, text) for query in ("who sleeps at night ?", "dog") for text in TEXTS]
CASES = pytest.mark.parametrize(
    ("dtype", "score_error", "vector_error"), [("bfloat16", 0.25, 2e-3), ("float16", 0.04, 1e-4)], ids=["bf16", "fp16"]
)
"""Errors of scores in their standard deviations, and of vectors in the greatest distance between two texts.

A bfloat16 has 8 bits of precision, a float16 has 11; the bounds are a few times what two to four layers make of that.
"""


@CASES
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_scores(name, dtype, score_error, vector_error, tmp_path):
    folder = save_cross_encoder(tmp_path / name, name)
    full = CrossEncoderReranker(folder, device="cpu").score(PAIRS)
    half = CrossEncoderReranker(folder, device="cpu", dtype=dtype).score(PAIRS)
    assert half.dtype == np.float32
    assert np.isfinite(half).all()
    assert not np.array_equal(half, full), "it is another number format"
    assert np.abs(half - full).max() < score_error * full.std()


@CASES
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_vectors(name, dtype, score_error, vector_error, tmp_path):
    folder = save_bi_encoder(tmp_path / name, name)
    full = BiEncoder(folder, device="cpu").encode_documents(TEXTS)
    half = BiEncoder(folder, device="cpu", dtype=dtype).encode_documents(TEXTS)
    assert half.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(half, axis=1), 1, atol=1e-6)
    assert not np.array_equal(half, full), "it is another number format"
    assert (1 - np.sum(half * full, axis=1)).max() < vector_error * (1 - full @ full.T).max()


@pytest.fixture
def processor(monkeypatch):
    """Say which number formats the CPU has instructions for, in a process that has not warned yet."""

    def set_formats(*formats):
        monkeypatch.setattr(loading, "_multiplies_fast", lambda dtype: dtype in formats)

    loading.warn_if_slow.cache_clear()
    yield set_formats
    loading.warn_if_slow.cache_clear()


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("kind", ["packed", "through sentence-transformers"])
def test_a_format_without_instructions_is_warned_of_once(dtype, kind, processor, tmp_path, caplog):
    processor()
    folder = save_bi_encoder(tmp_path / "model", "bert" if kind == "packed" else "data2vec")
    for _ in range(2):
        BiEncoder(folder, device="cpu", dtype=dtype)
    [warning] = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert warning.name == "bicross"
    assert warning.getMessage() == (
        f"dtype='{dtype}' is several times slower than float32 on this CPU, which has no instructions for it; "
        "use dtype='float32' (--dtype float32)"
    )


def test_other_formats_processors_and_devices_are_not_warned_of(processor, caplog):
    processor()
    for dtype, device in (("float32", "cpu"), ("int8", "cpu"), ("bfloat16", "cuda"), ("float16", "mps")):
        loading.warn_if_slow(dtype, device)
    processor("bfloat16")
    loading.warn_if_slow("bfloat16", "cpu")
    assert not caplog.records
    loading.warn_if_slow("float16", "cpu")
    assert "dtype='float16'" in caplog.text


def test_the_processor_is_asked(monkeypatch):
    assert loading._multiplies_fast("bfloat16") == torch.ops.mkldnn._is_mkldnn_bf16_supported()
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert not loading._multiplies_fast("bfloat16")


@pytest.mark.parametrize(
    ("machine", "avx512", "onednn", "chosen"),
    [
        ("x86_64", True, True, "bfloat16"),
        ("AMD64", False, True, "float32"),  # oneDNN takes it, and converts it to float32
        ("aarch64", False, True, "bfloat16"),
        ("aarch64", True, False, "float32"),
    ],
)
def test_auto_is_what_the_processor_has_instructions_for(machine, avx512, onednn, chosen, monkeypatch):
    monkeypatch.setattr(loading.platform, "machine", lambda: machine)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512)
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: onednn)
    assert resolve_dtype("auto", "cpu") == resolve_dtype("auto", None) == chosen
    assert resolve_dtype("auto", "mps") == "float32"
    assert resolve_dtype("int8", "cpu") == "int8"
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert resolve_dtype("auto", "cpu") == "float32"


@pytest.mark.parametrize(("capability", "chosen"), [((7, 5), "float32"), ((8, 0), "bfloat16"), ((9, 0), "bfloat16")])
def test_auto_on_a_gpu_is_what_its_generation_has(capability, chosen, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    assert resolve_dtype("auto", "cuda:1") == resolve_dtype("auto", None) == chosen


def test_auto_gives_what_the_format_that_it_stands_for_gives(tmp_path):
    folder, chosen = save_cross_encoder(tmp_path / "pairs", "bert"), resolve_dtype("auto", "cpu")
    auto, named = (CrossEncoderReranker(folder, device="cpu", dtype=dtype) for dtype in ("auto", chosen))
    np.testing.assert_array_equal(auto.score(PAIRS), named.score(PAIRS))
    assert auto.fingerprint == named.fingerprint, "so that kept scores are found again"
    folder = save_bi_encoder(tmp_path / "texts", "bert")
    auto, named = (BiEncoder(folder, device="cpu", dtype=dtype) for dtype in ("auto", chosen))
    np.testing.assert_array_equal(auto.encode_documents(TEXTS), named.encode_documents(TEXTS))
