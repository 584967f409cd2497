import json
import logging
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from bicross.errors import ModelError, ModelNotFound
from bicross.retrieval import BiEncoder
from helpers.tiny_models import MAX_LENGTH, save_bi_encoder
from sentence_transformers import SentenceTransformer

pytestmark = pytest.mark.slow

TEXTS = ["the cat sleeps all day", "a dog", "", "an owl hunts at night in the field . " * 10, "cat"]
PROMPTS = {"query": "what does ", "document": "the "}


@pytest.fixture(scope="module", params=[None, PROMPTS], ids=["plain", "prompts"])
def folder(request, tmp_path_factory):
    return save_bi_encoder(tmp_path_factory.mktemp("model") / "bi", prompts=request.param)


def test_vectors_are_those_of_sentence_transformers(folder):
    model = SentenceTransformer(str(folder), device="cpu")
    encoder = BiEncoder(folder, device="cpu", batch_size=2)
    for ours, theirs in [
        (encoder.encode_queries, model.encode_query),
        (encoder.encode_documents, model.encode_document),
    ]:
        vectors = ours(TEXTS)
        assert (vectors.dtype, vectors.shape) == (np.float32, (5, 24))
        np.testing.assert_allclose(vectors, theirs(TEXTS, normalize_embeddings=True), atol=1e-5)
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_half_precision_still_gives_unit_float32_vectors(folder):
    vectors = BiEncoder(folder, device="cpu", dtype="bfloat16").encode_documents(TEXTS)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_the_fingerprint_says_what_the_model_is(folder):
    encoder = BiEncoder(folder, device="cpu")
    print_ = encoder.fingerprint
    assert (print_.id, print_.revision) == (str(folder), "")
    assert (print_.dimension, print_.pooling, print_.max_length) == (24, "mean", MAX_LENGTH)
    assert len(print_.weights_sha256) == len(print_.tokenizer_sha256) == 64
    prompts = SentenceTransformer(str(folder), device="cpu").prompts
    assert (print_.query_prompt, print_.document_prompt) == (prompts.get("query", ""), prompts.get("document", ""))
    assert BiEncoder(folder, device="cpu").fingerprint == print_
    assert BiEncoder(folder, device="cpu", max_length=16).fingerprint != print_


@pytest.mark.parametrize("name", ["document", "passage", "corpus"])
def test_the_fingerprint_has_the_prompt_that_passages_are_read_with(tmp_path, name):
    """Whatever sentence-transformers makes of its name: vectors made with another prompt are another index."""
    folder = save_bi_encoder(tmp_path / "bi", prompts={"query": "what does ", name: "the "})
    encoder, model = BiEncoder(folder, device="cpu"), SentenceTransformer(str(folder), device="cpu")
    assert encoder.fingerprint.query_prompt == "what does "
    assert name != "document" or encoder.fingerprint.document_prompt == "the "
    expected = model.encode_document(TEXTS, normalize_embeddings=True)
    np.testing.assert_allclose(encoder.encode_documents(TEXTS), expected, atol=1e-5)
    prompted = [encoder.fingerprint.document_prompt + text for text in TEXTS]
    np.testing.assert_allclose(model.encode(prompted, normalize_embeddings=True), expected, atol=1e-5)


def test_max_length_lowers_what_is_read(folder):
    encoder = BiEncoder(folder, device="cpu", max_length=10)
    prompt = len(encoder.fingerprint.document_prompt.split())  # a token, in its place a passage has one less
    assert encoder.max_tokens == 8 - prompt
    long = "cat dog owl " * 20
    np.testing.assert_allclose(
        encoder.encode_documents([long]), encoder.encode_documents(["cat dog owl " * 4]), atol=1e-5
    )
    assert BiEncoder(folder, device="cpu", max_length=1000).max_tokens == MAX_LENGTH - 2 - prompt


def test_tokens_are_counted_without_special_ones(folder):
    encoder = BiEncoder(folder, device="cpu")
    assert encoder.count_tokens(["", "cat", "the cat sleeps . ?", "cat " * 1000]) == [0, 1, 5, 1000]
    assert encoder.count_tokens([]) == []


def test_a_query_beyond_the_limit_is_cut_and_logged(folder, caplog):
    encoder = BiEncoder(folder, device="cpu")
    prompt = len(encoder.fingerprint.query_prompt.split())
    with caplog.at_level(logging.WARNING, logger="bicross"):
        encoder.encode_queries(["cat", "dog " * 40])
    assert f"the first stage reads {30 - prompt} of the 40 tokens of 'dog dog" in caplog.text


def test_many_cut_queries_are_told_in_few_lines(folder, caplog):
    encoder = BiEncoder(folder, device="cpu")
    with caplog.at_level(logging.WARNING, logger="bicross"):
        for _ in range(3):
            encoder.encode_queries(["dog " * 40] * 7)
    counts = [record.args[-1] for record in caplog.records]
    assert counts == [1, 10]


def test_no_texts_give_no_vectors(folder):
    encoder = BiEncoder(folder, device="cpu")
    assert encoder.encode_documents([]).shape == encoder.encode_queries([]).shape == (0, 24)


@pytest.mark.parametrize("kind", ["evil.Model", "os.system"])
def test_a_model_that_brings_code_runs_none_of_it(tmp_path, kind):
    folder = save_bi_encoder(tmp_path / "bi")
    sentinel = tmp_path / "ran"
    (folder / "evil.py").write_text(f"open({str(sentinel)!r}, 'w')\nclass Model: pass\n")
    modules = json.loads((folder / "modules.json").read_text())
    modules[1]["type"] = kind
    (folder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(ModelError, match="cannot be loaded"):
        BiEncoder(folder, device="cpu")
    assert not sentinel.exists()


def test_models_that_cannot_be_loaded(tmp_path, folder):
    with pytest.raises(ModelNotFound, match="does not exist"):
        BiEncoder(tmp_path / "nowhere")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{}")
    (tmp_path / "broken" / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ModelError, match=r"broken cannot be loaded"):
        BiEncoder(tmp_path / "broken", device="cpu")


def test_one_thread_may_count_tokens_while_another_encodes(folder):
    encoder = BiEncoder(folder, device="cpu", batch_size=2)
    texts = TEXTS * 20
    expected, vectors = encoder.count_tokens(texts), encoder.encode_documents(texts)
    with ThreadPoolExecutor(1) as thread:
        encoding = thread.submit(lambda: [encoder.encode_documents(texts) for _ in range(5)])
        while not encoding.done():
            assert encoder.count_tokens(texts) == expected
    for again in encoding.result():
        np.testing.assert_array_equal(again, vectors)
