"""Eight bits: near float32 for every architecture, the same in any company, and refused where it would be slow."""

import numpy as np
import pytest
import torch
from bicross.errors import ArgumentError, ModelError
from bicross.inference.packed.layers import int8
from bicross.inference.packed.layers.int8 import Int8Linears
from bicross.rerank import CrossEncoderReranker
from bicross.retrieval import BiEncoder
from helpers.tiny_architectures import OTHERS, SENTENCES, SUPPORTED, save_bi_encoder, save_cross_encoder
from torch import nn
from transformers.activations import ACT2FN

pytestmark = pytest.mark.slow

PASSAGES = [*SENTENCES, "cat", "the cat sleeps", " ".join(SENTENCES), "A Dog runs; in the PARK all day!", "owl " * 200]
PAIRS = [(query, passage) for query in ("who sleeps at night ?", "dog", "où est la façade ?") for passage in PASSAGES]

fast = pytest.mark.skipif(
    not (torch.cpu._is_vnni_supported() and torch.backends.mkldnn.is_available()), reason="this processor refuses int8"
)


@fast
@pytest.mark.parametrize("name", SUPPORTED)
def test_scores_follow_those_of_float32(name, tmp_path):
    folder = save_cross_encoder(tmp_path / name, name)
    full = CrossEncoderReranker(folder, device="cpu").score(PAIRS)
    scores = CrossEncoderReranker(folder, device="cpu", dtype="int8").score(PAIRS)
    assert scores.dtype == np.float32
    assert np.corrcoef(scores, full)[0, 1] > 0.95, "random weights are a worst case"
    assert not np.array_equal(scores, CrossEncoderReranker(folder, device="cpu", dtype="bfloat16").score(PAIRS))


@fast
@pytest.mark.parametrize("name", SUPPORTED)
def test_scores_do_not_depend_on_the_company(name, tmp_path):
    """Up to a rounding of bfloat16 that attention and products of another size may do the other way."""
    reranker = CrossEncoderReranker(save_cross_encoder(tmp_path / name, name), device="cpu", dtype="int8")
    together = reranker.score(PAIRS)
    alone = np.concatenate([reranker.score([pair]) for pair in PAIRS])
    np.testing.assert_allclose(together, alone, atol=0.05 * together.std())
    np.testing.assert_array_equal(together, reranker.score(PAIRS))


@fast
def test_loading_twice_gives_the_same_scores(tmp_path):
    folder = save_cross_encoder(tmp_path / "bert", "bert")
    first, second = (CrossEncoderReranker(folder, device="cpu", dtype="int8") for _ in range(2))
    first.score(PAIRS[:3])  # what was scored before changes nothing
    np.testing.assert_array_equal(first.score(PAIRS), second.score(PAIRS))


@fast
def test_a_bi_encoder(tmp_path):
    folder = save_bi_encoder(tmp_path / "bi", "bert")
    full_vectors, int8_vectors = (
        BiEncoder(folder, device="cpu", dtype=dtype).encode_documents(PASSAGES) for dtype in ("float32", "int8")
    )
    assert (full_vectors * int8_vectors).sum(1).min() > 0.98


@fast
@pytest.mark.parametrize("bias", [True, False])
def test_a_layer_whose_channels_are_of_very_different_size(bias):
    torch.manual_seed(0)
    module, x, other = (
        nn.Linear(40, 24, bias=bias),
        torch.randn(64, 40) * torch.logspace(-2, 1, 40),
        torch.randn(64, 24),
    )
    linears = Int8Linears(torch.device("cpu"))
    layer = linears.layer(module)
    with torch.inference_mode():
        watched = layer(x, other)
        linears.quantise()
        output = layer(x.to(linears.dtype), other.to(linears.dtype))
        expected = module(x) + other
    torch.testing.assert_close(watched, expected)
    assert output.dtype == linears.dtype
    assert (output - expected).abs().max() < 0.03 * expected.abs().max()


@fast
@pytest.mark.parametrize("activation", ["gelu", "gelu_new", "relu"])
@pytest.mark.parametrize("bias", [True, False])
def test_units_far_larger_than_the_others_take_few_steps_from_them(activation, bias, monkeypatch):
    """The error is far less than that of bytes which reach up to the largest unit."""
    torch.manual_seed(0)
    up, down, x = nn.Linear(24, 960, bias=bias), nn.Linear(960, 24, bias=bias), torch.randn(256, 24)
    with torch.no_grad():
        up.weight[17] *= 10
        down.weight[:, 17] /= 10
        expected = down(ACT2FN[activation](up(x)))

    def error() -> float:
        linears = Int8Linears(torch.device("cpu"))
        first, second = linears.feed_forward(up, down, activation)
        with torch.inference_mode():
            second(first(x))
            linears.quantise()
            output = second(first(x.to(linears.dtype)), torch.zeros(256, 24, dtype=linears.dtype))
        return float((output - expected).square().mean().sqrt() / expected.std())

    split = error()
    monkeypatch.setattr(int8, "_SPLIT_SHARE", 10**6)
    assert split < 0.05
    assert split < error() / 1.5


@fast
def test_an_activation_that_is_not_fused_comes_after():
    torch.manual_seed(0)
    up, down, x = nn.Linear(24, 40), nn.Linear(40, 24), torch.randn(256, 24)
    linears = Int8Linears(torch.device("cpu"))
    first, second = linears.feed_forward(up, down, "silu")
    with torch.inference_mode():
        second(first(x.to(linears.dtype)))
        linears.quantise()
        output, expected = second(first(x.to(linears.dtype))).float(), down(ACT2FN["silu"](up(x)))
    assert (output - expected).square().mean().sqrt() < 0.03 * expected.std()


@fast
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite(value):
    linears = Int8Linears(torch.device("cpu"))
    first, second = linears.feed_forward(nn.Linear(24, 40), nn.Linear(40, 24), "gelu")
    with torch.inference_mode():
        second(first(torch.full((1, 24), value)))
        with pytest.raises(ModelError, match="the model computes NaN or infinity"):
            linears.quantise()


def test_it_is_refused_where_it_would_be_slow(tmp_path, monkeypatch):
    with pytest.raises(
        ArgumentError, match="dtype='int8' is for a CPU, not for the device 'meta'; use dtype='bfloat16'"
    ):
        Int8Linears(torch.device("meta"))
    monkeypatch.setattr(torch.cpu, "_is_vnni_supported", lambda: False)
    folder = save_cross_encoder(tmp_path / "bert", "bert")
    with pytest.raises(ArgumentError, match="dtype='int8' needs a processor with AVX-512 VNNI"):
        CrossEncoderReranker(folder, device="cpu", dtype="int8")


@fast
@pytest.mark.parametrize("name", OTHERS)
def test_models_that_sentence_transformers_runs_have_no_int8(name, tmp_path):
    with pytest.raises(ArgumentError, match="dtype='int8' is for models that run packed"):
        CrossEncoderReranker(save_cross_encoder(tmp_path / "cross", name), device="cpu", dtype="int8")
    with pytest.raises(ArgumentError, match="dtype='int8' is for models that run packed"):
        BiEncoder(save_bi_encoder(tmp_path / "bi", name), device="cpu", dtype="int8")
