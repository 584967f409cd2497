"""What a GPU runs, on the CPU: attention over all lengths at once, and recordings, held to the oracle."""

import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from inspect import Parameter, signature

import numpy as np
import pytest
import torch
from bicross.inference.packed import packed_reranker
from bicross.inference.packed.graphs import SEQUENCES, SHORT, TOKENS, Size, lay_out, size_for
from bicross.inference.packed.layers import serves_all_lengths
from bicross.inference.packed.packing import pack
from bicross.rerank import CrossEncoderReranker
from bicross.retrieval import BiEncoder
from helpers.fake_gpu import NoWaiting, exact_attention, pretend
from helpers.gpu_cases import PAIRS, TEXTS
from helpers.tiny_architectures import LIMIT, save_cross_encoder
from sentence_transformers import CrossEncoder
from torch.nn.attention.varlen import varlen_attn

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("record", [False, True])
def test_scores_are_those_of_the_oracle(cross, scores, monkeypatch, record):
    grouped = CrossEncoderReranker(cross, device="cpu").score(PAIRS)
    recorders = pretend(monkeypatch, record=record)
    single_scores = CrossEncoderReranker(cross, device="cpu").score(PAIRS)
    np.testing.assert_allclose(single_scores, scores, atol=1e-4)
    np.testing.assert_allclose(single_scores, grouped, atol=1e-5)
    assert [recorder.replayed > 0 for recorder in recorders] == [record]


@pytest.mark.parametrize("record", [False, True])
def test_vectors_are_those_of_the_oracle(bi, vectors, monkeypatch, record):
    grouped = BiEncoder(bi, device="cpu").encode_documents(TEXTS)
    recorders = pretend(monkeypatch, record=record)
    single_vectors = BiEncoder(bi, device="cpu").encode_documents(TEXTS)
    np.testing.assert_allclose(single_vectors, vectors, atol=1e-4)
    np.testing.assert_allclose(single_vectors, grouped, atol=1e-5)
    assert [recorder.replayed > 0 for recorder in recorders] == [record]


def test_the_stand_in_is_called_as_the_kernel_is():
    theirs, ours = signature(varlen_attn).parameters, signature(exact_attention).parameters
    positional = [name for name, parameter in theirs.items() if parameter.kind is not Parameter.KEYWORD_ONLY]
    positional = positional[3:]  # after queries, keys and values
    assert list(ours)[3 : 3 + len(positional)] == positional
    for name in list(ours)[3 + len(positional) :]:
        assert ours[name].kind is theirs[name].kind
        assert ours[name].default == theirs[name].default
    assert not serves_all_lengths(torch.device("cpu"), torch.bfloat16, 64)


def test_nothing_of_an_earlier_batch_is_left(cross, scores, monkeypatch):
    """Batches of all sizes through the same few recordings, long ones before short ones and the other way round."""
    recorders = pretend(monkeypatch)
    reranker = CrossEncoderReranker(cross, device="cpu")
    [recorder] = recorders
    random = np.random.default_rng(0)
    for _ in range(20):
        rows = random.integers(len(PAIRS), size=random.integers(1, 9))
        np.testing.assert_allclose(reranker.score([PAIRS[row] for row in rows]), scores[rows], atol=1e-4)
    assert recorder.recorded <= len(TOKENS) < recorder.replayed


@pytest.mark.parametrize("pretended", [False, True])
def test_nothing_waits_for_the_device(cross, bi, monkeypatch, pretended):
    if pretended:
        pretend(monkeypatch, record=False)
    reranker, encoder = CrossEncoderReranker(cross, device="cpu"), BiEncoder(bi, device="cpu")
    with NoWaiting():
        assert len(reranker.score(PAIRS)) == len(PAIRS)
        assert len(encoder.encode_documents(TEXTS)) == len(TEXTS)


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return save_cross_encoder(tmp_path_factory.mktemp("cross") / "bert", "bert")


@pytest.fixture(scope="module")
def expected(bert):
    return CrossEncoderReranker(bert, device="cpu").score(PAIRS)


def test_rows_of_a_batch_survive_the_next_one_of_the_same_size(bert, expected, monkeypatch):
    recorders = pretend(monkeypatch)
    monkeypatch.setattr("bicross.inference.packed.engine.CPU_TOKENS", LIMIT)
    pairs = PAIRS + [(query, f"{passage} {word}") for word in ("again", "twice") for query, passage in PAIRS]
    scores = CrossEncoderReranker(bert, device="cpu").score(pairs)
    np.testing.assert_allclose(scores[: len(PAIRS)], expected, atol=1e-5)
    assert len(set(pairs)) == len(pairs)  # equal ones are scored once
    assert recorders[0].replayed > 2 * recorders[0].recorded


def test_more_sequences_than_a_recording_has_run_without(bert, expected, monkeypatch):
    recorders = pretend(monkeypatch)
    for name in ("CPU_TOKENS", "CPU_LEAST_TOKENS"):  # all of them in one batch
        monkeypatch.setattr(f"bicross.inference.packed.engine.{name}", 10**6)
    reranker = CrossEncoderReranker(bert, device="cpu")
    pairs = [PAIRS[0], *((f"query {number}", "a passage") for number in range(SEQUENCES))]
    scores = reranker.score(pairs)
    assert recorders[0].recorded == 0
    np.testing.assert_allclose(scores[0], expected[0], atol=1e-5)
    np.testing.assert_allclose(reranker.score(pairs[1:]), scores[1:], atol=1e-5)
    assert recorders[0].recorded == 1


def test_threads_take_turns(bert, expected, monkeypatch):
    """Stage one and stage two, each from several threads, through recordings of the same sizes."""
    pretend(monkeypatch)
    models = [CrossEncoderReranker(bert, device="cpu") for _ in range(2)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def score(row: int) -> float:
        return models[row % 2].score(PAIRS[row : row + 1])[0]

    rows = np.random.default_rng(0).integers(len(PAIRS) - 1, size=200)
    try:
        with ThreadPoolExecutor(8) as threads:
            scored = list(threads.map(score, rows.tolist()))
    finally:
        sys.setswitchinterval(interval)
    np.testing.assert_allclose(scored, expected[rows], atol=1e-5)


def test_where_recording_fails_the_model_runs_without_and_says_so_once(bert, expected, monkeypatch, caplog):
    recorders = pretend(monkeypatch)
    reranker = CrossEncoderReranker(bert, device="cpu")
    reranker.score(PAIRS[:1])
    recorders[0].fails = True
    with caplog.at_level(logging.WARNING, "bicross"):
        for _ in range(2):
            np.testing.assert_allclose(reranker.score(PAIRS), expected, atol=1e-5)
            np.testing.assert_allclose(reranker.score(PAIRS[-1:]), expected[-1:], atol=1e-5)
    [record] = caplog.records
    assert "cpu records none: operation not permitted when stream is capturing" in record.getMessage()
    before = recorders[0].replayed
    np.testing.assert_allclose(reranker.score(PAIRS[:1]), expected[:1], atol=1e-5)
    assert recorders[0].replayed == before + 1, "what was recorded before is still used"


def test_a_device_that_is_neither_is_left_to_sentence_transformers(bert):
    model = CrossEncoder(str(bert), device="cpu")
    options = {"dtype": "float32", "max_length": LIMIT}
    assert packed_reranker(model, **options) is not None
    assert packed_reranker(model.to("meta"), **options) is None


def batch_of(lengths):
    sequences = [np.full((2, length), length, np.int32) for length in lengths]
    return pack(sequences, np.argsort(-np.array(lengths), kind="stable"))


@pytest.mark.parametrize(
    ("lengths", "longest", "size"),
    [
        ([1], 512, Size(256, 512)),
        ([255], 512, Size(256, 512)),
        ([256], 512, Size(512, 512)),
        ([100] * 100, 512, Size(12288, 512)),
        ([SHORT, 3], 8192, Size(1024, SHORT)),
        ([SHORT + 1, 3], 8192, Size(1024, 8192)),
        ([40], 64, Size(256, 64)),
        ([65], 64, None),
        ([1] * SEQUENCES, 512, Size(256, 512)),
        ([1] * (SEQUENCES + 1), 512, None),
        ([8192, 8191], 8192, Size(16384, 8192)),
        ([8192, 8192], 8192, None),
    ],
)
def test_the_size_that_a_batch_takes(lengths, longest, size):
    assert size_for(batch_of(lengths), longest) == size


def test_the_layout_keeps_the_batch_and_adds_nothing_that_counts():
    random = np.random.default_rng(0)
    for _ in range(200):
        batch = batch_of(random.integers(1, 513, size=random.integers(1, 33)))
        size = size_for(batch, 512)
        numbers = lay_out(batch, size)
        fields, starts = numbers[: 3 * size.tokens].reshape(3, -1), numbers[3 * size.tokens :]
        np.testing.assert_array_equal(
            fields[:, : batch.tokens], batch.numbers[: 3 * batch.filled].reshape(3, -1)[:, : batch.tokens]
        )
        assert not fields[:, batch.tokens :].any(), "token 0 of type 0 at place 0, which every model has"
        assert len(starts) == SEQUENCES + 1
        np.testing.assert_array_equal(starts[: batch.sequences + 1], batch.numbers[3 * batch.filled :])
        assert (starts[batch.sequences :] == batch.tokens).all(), "sequences of no tokens"
        assert starts.max() < size.tokens, "every first token that is read is there"
