import threading

import numpy as np
import pytest
from bicross.errors import ArgumentError
from bicross.retrieval import BiEncoder, Encoder, ParallelEncoder
from helpers.fakes import HashEncoder
from helpers.tiny_models import save_bi_encoder
from hypothesis import given
from hypothesis import strategies as st

SECONDS = 30  # how long a test waits for what should happen at once


@pytest.fixture(autouse=True)
def no_thread_stays():
    yield
    assert [thread for thread in threading.enumerate() if thread.name.startswith("bicross")] == []


@given(st.lists(st.text("ab ", max_size=12), max_size=150), st.integers(1, 4))
def test_vectors_are_those_of_one_encoder_in_the_order_of_the_passages(passages, copies):
    encoders = [HashEncoder(8) for _ in range(copies)]
    vectors = ParallelEncoder(encoders).encode_documents(passages)
    assert vectors.dtype == np.float32
    np.testing.assert_array_equal(vectors, HashEncoder(8).encode_documents(passages))
    assert sorted(text for encoder in encoders for text in encoder.encoded) == sorted(passages)


def test_the_first_answers_for_all():
    first = HashEncoder()
    encoder: Encoder = ParallelEncoder([first, HashEncoder()])
    assert (encoder.fingerprint, encoder.max_tokens) == (first.fingerprint, first.max_tokens)
    assert encoder.count_tokens(["one two", ""]) == [2, 0]
    np.testing.assert_array_equal(encoder.encode_queries(["a query"]), first.encode_queries(["a query"]))


def test_copies_of_one_model_are_required():
    with pytest.raises(ArgumentError, match="at least one encoder, and got none"):
        ParallelEncoder([])
    with pytest.raises(ArgumentError, match=r"encoder 1 .* is another model than the first: .*'stranger'"):
        ParallelEncoder([HashEncoder(), HashEncoder(name="stranger")])


class Portions(HashEncoder):
    """Calls ``before`` with the number of each portion that it begins."""

    def __init__(self, before):
        super().__init__(4)
        self.before = before
        self.portions = []

    def encode_documents(self, passages):
        self.portions.append(list(passages))
        self.before(len(self.portions))
        return super().encode_documents(passages)


PASSAGES = ["word " * (1 + i % 7) for i in range(512)]


def test_a_faster_device_takes_more_and_long_passages_go_first():
    finished = threading.Event()
    slow = Portions(lambda number: finished.wait(SECONDS))
    fast = Portions(lambda number: number == 7 and finished.set())
    vectors = ParallelEncoder([slow, fast]).encode_documents(PASSAGES)
    np.testing.assert_array_equal(vectors, HashEncoder(4).encode_documents(PASSAGES))
    assert (len(slow.portions), len(fast.portions)) == (1, 7)
    for encoder in (slow, fast):
        lengths = [len(text) for portion in encoder.portions for text in portion]
        assert lengths == sorted(lengths, reverse=True)


@pytest.mark.parametrize("failing", [0, 1])
def test_an_error_of_one_is_raised_and_all_threads_end(failing):
    failed = threading.Event()

    def fail(number):
        failed.set()
        raise MemoryError("the device is full")

    def work(number):
        assert failed.wait(SECONDS)

    encoders = [Portions(fail if worker == failing else work) for worker in range(2)]
    with pytest.raises(MemoryError, match="the device is full"):
        ParallelEncoder(encoders).encode_documents(PASSAGES)
    assert len(encoders[failing].portions) == 1


@pytest.mark.slow
def test_real_models_share_the_work(tmp_path):
    folder = save_bi_encoder(tmp_path / "bi")
    texts = [" ".join(["the cat", "sleeps", "and a dog runs in the park"][: 1 + i % 3]) for i in range(100)]
    pair = ParallelEncoder([BiEncoder(folder, device="cpu") for _ in range(2)])
    alone = BiEncoder(folder, device="cpu")
    np.testing.assert_allclose(pair.encode_documents(texts), alone.encode_documents(texts), atol=1e-5)
    np.testing.assert_array_equal(pair.encode_documents(texts), pair.encode_documents(texts))
