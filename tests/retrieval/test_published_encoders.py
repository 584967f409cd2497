"""Encoders in the layouts of published models give the vectors of sentence-transformers."""

import json
import logging

import numpy as np
import pytest
import torch
from bicross.errors import ArgumentError, ModelError
from bicross.index import Document
from bicross.pipelines import SearchPipeline, build_index
from bicross.retrieval import BiEncoder
from helpers.published_encoders import (
    PACKED,
    REFUSED,
    UNPACKED,
    longer_than_positions,
    potion,
    router,
    router_with_static_queries,
    static,
    truncated,
)
from sentence_transformers import SentenceTransformer

pytestmark = pytest.mark.slow

TEXTS = [
    "who sleeps at night ?",
    "cat",
    "A Dog runs; in the PARK all day!\n",
    "naïve 東京 ночь 🙂",
    "the cat sleeps all day on a warm sofa and the dog hunts",
    "cat dog owl " * 200,
]


def oracle(folder, texts=TEXTS):
    model = SentenceTransformer(str(folder), device="cpu", model_kwargs={"dtype": torch.float32})
    encoders = (model.encode_query, model.encode_document)
    return [encode(texts, normalize_embeddings=True, batch_size=2) for encode in encoders]


def assert_equal(encoder, folder, texts=TEXTS):
    queries, documents = oracle(folder, texts)
    assert encoder.fingerprint.dimension == documents.shape[1]
    assert np.abs(documents @ documents.T).min() < 0.99, "the model tells the texts apart"
    np.testing.assert_allclose(encoder.encode_queries(texts), queries, atol=1e-5)
    np.testing.assert_allclose(encoder.encode_documents(texts), documents, atol=1e-5)


@pytest.mark.parametrize("name", [*PACKED, *UNPACKED])
def test_vectors_are_those_of_sentence_transformers(name, tmp_path, caplog):
    folder = {**PACKED, **UNPACKED}[name](tmp_path / "model")
    with caplog.at_level(logging.INFO, logger="bicross"):
        encoder = BiEncoder(folder, device="cpu", batch_size=2)
    reasons = [record for record in caplog.records if "runs through sentence-transformers" in record.message]
    assert len(reasons) == (name in UNPACKED), "what runs packed says nothing, the others say why, once"
    assert encoder.runs_packed == (name in PACKED)
    assert_equal(encoder, folder)


def test_a_limit_beyond_the_positions_is_that_of_the_positions(tmp_path):
    folder = longer_than_positions(tmp_path / "model")
    encoder = BiEncoder(folder, device="cpu")
    assert encoder.max_tokens == 510
    assert_equal(encoder, folder, TEXTS[:-1])
    assert encoder.encode_documents(TEXTS[-1:]).shape == (1, 24)


def test_static_embeddings_index_and_search(tmp_path):
    folder = potion(tmp_path / "model")
    documents = [Document(str(number), text) for number, text in enumerate(TEXTS)]
    build_index(documents, tmp_path / "index", encoder=folder)
    with SearchPipeline.open(tmp_path / "index", encoder=folder, reranker=None) as pipeline:
        assert pipeline.search("the dog runs in the park")[0].document.id == "2"


def test_static_embeddings_read_whole_texts_unless_they_are_limited(tmp_path):
    folder = static(tmp_path / "model")
    whole, short = BiEncoder(folder, device="cpu"), BiEncoder(folder, device="cpu", max_length=3)
    long = "cat " * 600 + "owl"
    assert (whole.max_tokens, short.max_tokens) == (512, 3)
    assert whole.count_tokens([long]) == short.count_tokens([long]) == [601]
    assert np.abs(whole.encode_documents([long]) - whole.encode_documents(["cat"])).max() > 1e-4
    np.testing.assert_allclose(short.encode_documents([long]), whole.encode_documents(["cat"]), atol=1e-6)


def test_lengths_of_queries_and_documents_hold_for_each(tmp_path, caplog):
    folder = PACKED["query_length and document_length"](tmp_path / "model")
    encoder = BiEncoder(folder, device="cpu")
    assert (encoder.max_tokens, encoder.fingerprint.max_length) == (17, 20)  # two special tokens, one of the prompt
    encoder.encode_queries(["cat " * 9])
    assert "reads 8 of the 9 tokens" in caplog.text
    assert BiEncoder(folder, device="cpu", max_length=10).max_tokens == 7


def test_each_route_has_its_own_tokenizer_and_limit(tmp_path, caplog):
    encoder = BiEncoder(router_with_static_queries(tmp_path / "model"), device="cpu")
    encoder.encode_queries(["cat " * 600])
    assert not caplog.records, "a static embedding cuts no query"
    assert encoder.max_tokens == 509


def test_a_prompt_takes_its_tokens_from_the_passage(tmp_path):
    encoder = BiEncoder(truncated(tmp_path / "model"), device="cpu", max_length=6)
    assert encoder.max_tokens == 3
    whole, cut = encoder.encode_documents(["cat dog owl", "cat dog owl cat"])
    np.testing.assert_allclose(whole, cut, atol=1e-6)
    with pytest.raises(ArgumentError, match="max_length is 3; with this model the least that leaves room for text is"):
        BiEncoder(tmp_path / "model", device="cpu", max_length=3)


def test_a_model_without_a_route_for_queries_is_refused(tmp_path):
    folder = router(tmp_path / "model")
    [settings] = folder.rglob("router_config.json")
    routes = json.loads(settings.read_text())
    routes["structure"]["question"] = routes["structure"].pop("query")
    settings.write_text(json.dumps(routes))
    with pytest.raises(ModelError, match="has routes for document, question, and none for a query; name another"):
        BiEncoder(folder, device="cpu")


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_an_encoder_is_refused_and_its_code_is_not_run(name, tmp_path):
    make, message = REFUSED[name]
    folder = make(tmp_path / "model")
    with pytest.raises(ModelError, match=message):
        BiEncoder(folder, device="cpu")
    assert not (folder / "ran").exists()
