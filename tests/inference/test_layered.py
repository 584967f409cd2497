"""LayeredRun against transformers' own hidden states, and against reading everything at once."""

import logging

import numpy as np
import pytest
import torch
from bicross.inference.packed import engine
from bicross.inference.packed.engine import PackedEncoder
from bicross.rerank import CrossEncoderReranker
from helpers.fake_gpu import NoWaiting, pretend
from helpers.gpu_cases import PAIRS
from helpers.tiny_architectures import SUPPORTED
from helpers.tiny_exit_models import DEPTH, first_tokens, save_deep
from hypothesis import given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.slow

SOME = [*PAIRS[:8], PAIRS[-1]]


@pytest.fixture(scope="module", params=list(SUPPORTED))
def folder(request, tmp_path_factory):
    return save_deep(tmp_path_factory.mktemp("deep") / request.param, request.param)


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return CrossEncoderReranker(save_deep(tmp_path_factory.mktemp("deep") / "bert", "bert"), device="cpu")


def reading(reranker, pairs=PAIRS):
    tokenizer = reranker._packed.tokenizer
    return reranker._packed.run_layered([tuple(tokenizer.encode(pair)) for pair in pairs])


def test_first_tokens_are_those_of_transformers_at_every_layer(folder):
    expected = first_tokens(folder, SOME)
    assert expected.shape[1] == DEPTH
    states, logits = CrossEncoderReranker(folder, device="cpu").first_tokens(SOME, [1, 2, 3, 4])
    np.testing.assert_allclose(states, expected[:, :-1], atol=1e-4)
    np.testing.assert_allclose(logits, CrossEncoderReranker(folder, device="cpu").score(SOME), atol=1e-4)
    assert expected.std(axis=0).min() > 1e-3, "pairs differ in every layer"


@pytest.mark.parametrize("outputs", [1, 2])
def test_what_goes_on_ends_as_if_it_had_been_read_at_once(folder, outputs, tmp_path):
    if outputs == 2:
        folder = save_deep(tmp_path / folder.name, folder.name, outputs=2)
    reranker = CrossEncoderReranker(folder, device="cpu")
    expected = reranker._packed.run_pairs([tuple(reranker._packed.tokenizer.encode(pair)) for pair in PAIRS])
    walk, rows = reading(reranker), np.arange(len(PAIRS))
    walk.first_tokens(2, rows)
    rows = rows[1::2]
    walk.first_tokens(4, rows)
    rows = rows[::3]
    np.testing.assert_allclose(walk.outputs(rows), expected[rows], atol=1e-4)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_way_through_gives_the_same(bert, data):
    """Whoever goes on, after whichever layers: states and outputs do not depend on it."""
    states, logits = bert.first_tokens(PAIRS, [1, 2, 3, 4])
    walk, rows = reading(bert), np.arange(len(PAIRS))
    for layer in data.draw(st.lists(st.integers(1, DEPTH - 1), unique=True).map(sorted)):
        np.testing.assert_allclose(walk.first_tokens(layer, rows), states[rows, layer - 1], atol=1e-5)
        kept_rows = data.draw(st.lists(st.sampled_from(rows.tolist()), min_size=1, unique=True).map(sorted))
        rows = np.array(kept_rows)
    np.testing.assert_allclose(walk.outputs(rows)[:, 0], logits[rows], atol=1e-5)


def test_no_layer_is_computed_twice_for_all_tokens(bert, monkeypatch):
    """Each layer sees all tokens of those that need it once, and those that stopped not at all."""
    encoder, computed = bert._packed.encoder, []

    class Counted:
        def __init__(self, number, layer):
            self.number, self.layer = number, layer

        def __call__(self, x, sequences, read, before=None):
            computed.append((self.number, read is None))
            return self.layer(x, sequences, read, before)

    counted = [Counted(number, layer) for number, layer in enumerate(encoder.layers, start=1)]
    monkeypatch.setattr(PackedEncoder, "layers", counted)
    monkeypatch.setattr(engine, "CPU_LEAST_TOKENS", 10**6)  # one batch a step
    monkeypatch.setattr(encoder, "_budget", 10**6)
    walk = reading(bert)
    walk.first_tokens(2, np.arange(len(PAIRS)))
    walk.first_tokens(4, np.arange(3))
    walk.outputs(np.arange(2))
    assert computed == [(1, True), (2, False), (2, True), (3, True), (4, False), (4, True), (5, False)]


@pytest.mark.parametrize("name", ["bert", "modernbert", "modernbert-biases"])
def test_as_a_gpu_runs_it(name, tmp_path, monkeypatch):
    folder = save_deep(tmp_path / name, name)
    states, logits = CrossEncoderReranker(folder, device="cpu").first_tokens(PAIRS, [2, 4])
    pretend(monkeypatch)
    gpu_states, gpu_logits = CrossEncoderReranker(folder, device="cpu").first_tokens(PAIRS, [2, 4])
    np.testing.assert_allclose(gpu_states, states, atol=1e-4)
    np.testing.assert_allclose(gpu_logits, logits, atol=1e-4)


def test_nothing_waits_for_the_device_within_a_batch(bert):
    walk, rows = reading(bert), np.arange(len(PAIRS))
    with NoWaiting():
        assert len(walk.first_tokens(2, rows)) == len(rows)
        assert len(walk.outputs(rows[:4])) == 4


def test_memory_that_runs_out_between_the_layers(bert, monkeypatch, caplog):
    expected, _ = bert.first_tokens(PAIRS, [2, 3])
    encoder, embed = bert._packed.encoder, PackedEncoder.to_device

    def limited(self, batch):
        if batch.tokens > 600:
            raise torch.OutOfMemoryError("no more than that")
        return embed(self, batch)

    monkeypatch.setattr(PackedEncoder, "to_device", limited)
    monkeypatch.setattr(encoder, "_budget", 2048)
    monkeypatch.setattr(engine, "CPU_LEAST_TOKENS", 2048)
    with caplog.at_level(logging.WARNING, logger="bicross"):
        states, _ = bert.first_tokens(PAIRS, [2, 3])
    np.testing.assert_allclose(states, expected, atol=1e-5)
    assert "batches now have 512 tokens" in caplog.text
