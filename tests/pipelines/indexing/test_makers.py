"""Vectors and token vectors of one run through the layers are those of two runs."""

import numpy as np
import pytest
from bicross.errors import ModelError
from bicross.index import Document, Index
from bicross.pipelines import add_documents, build_index
from bicross.pipelines.indexing import ColumnMakers
from bicross.rerank import LateInteractionReranker
from bicross.retrieval import BiEncoder
from helpers.tiny_late_interaction import save_late_interaction
from helpers.tiny_models import MAX_LENGTH, save_bi_encoder

TEXTS = ["the cat sleeps on the sofa", "", "dogs run", "an owl hunts at night and sleeps all day " * 20, "bees"]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return save_bi_encoder(tmp_path_factory.mktemp("base") / "model")


def opened(base, tmp_path, *, dtype="float32", **settings):
    folder = save_late_interaction(tmp_path / "fast", base, **{"max_length": MAX_LENGTH} | settings)
    encoder = BiEncoder(base, device="cpu", dtype=dtype)
    return encoder, LateInteractionReranker(folder, device="cpu", dtype=dtype)


def counted(monkeypatch, encoder):
    """Count how often the encoder's own layers run for nothing but its vectors."""
    runs, plain = [], encoder.encode_documents
    monkeypatch.setattr(encoder, "encode_documents", lambda texts: runs.append(len(texts)) or plain(texts))
    return runs


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("texts", [TEXTS, TEXTS[:1], [], TEXTS * 40])
def test_one_run_gives_the_same_as_two(base, tmp_path, monkeypatch, texts, dtype):
    encoder, fast = opened(base, tmp_path, dtype=dtype)
    vectors, token_vectors = encoder.encode_documents(texts), fast.token_vectors(texts)
    runs = counted(monkeypatch, encoder)
    shared_vectors, shared_token_vectors = ColumnMakers(fast_reranker=fast).encoded(encoder, texts)
    assert sum(runs) == 0
    np.testing.assert_array_equal(shared_vectors, vectors)
    assert len(shared_token_vectors) == len(texts)
    for shared, alone in zip(shared_token_vectors, token_vectors, strict=True):
        np.testing.assert_array_equal(shared, alone)


@pytest.mark.parametrize("change", [{"max_length": MAX_LENGTH - 1}, {"layer": 2}])
def test_models_that_read_otherwise_run_each_for_itself(base, tmp_path, monkeypatch, change):
    encoder, fast = opened(base, tmp_path, **change)
    runs = counted(monkeypatch, encoder)
    vectors, token_vectors = ColumnMakers(fast_reranker=fast).encoded(encoder, TEXTS)
    assert runs == [len(TEXTS)]
    np.testing.assert_array_equal(vectors, encoder.encode_documents(TEXTS))
    for made, alone in zip(token_vectors, fast.token_vectors(TEXTS), strict=True):
        np.testing.assert_array_equal(made, alone)


def test_another_number_format_or_a_prompt_is_another_reading(base, tmp_path):
    encoder, fast = opened(base, tmp_path)
    assert encoder.reading == fast.reading
    assert BiEncoder(base, device="cpu", dtype="bfloat16").reading != fast.reading
    prompted = save_bi_encoder(tmp_path / "prompted", prompts={"document": "passage: ", "query": "query: "})
    assert BiEncoder(prompted, device="cpu").reading is None


def test_states_after_the_last_layer_cannot_be_read_on_the_way(base, tmp_path):
    encoder, fast = opened(base, tmp_path, layer=2)
    assert not encoder.can_tap(2)
    with pytest.raises(ModelError, match="has no states after layer 2 that could be read"):
        encoder.encode_documents_tapped(TEXTS, fast.tap)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_fast_reranker_by_name_runs_as_the_encoder_does(base, tmp_path, monkeypatch, dtype):
    encoder, fast = opened(base, tmp_path, dtype=dtype)
    runs = counted(monkeypatch, encoder)
    index = build_index(TEXTS[2:], tmp_path / "index", encoder=encoder, reranker=None, precompute=tmp_path / "fast")
    add_documents(index.path, [Document("late", TEXTS[0])], encoder=encoder)
    assert sum(runs) == 0
    [hits] = Index.open(index.path).search(encoder.encode_queries(["owl"]), 10)
    for hit in hits:
        np.testing.assert_array_equal(hit.token_vectors, fast.token_vectors([hit.passage.text])[0])
