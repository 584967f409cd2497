"""What the models do at their limits: many pairs, long texts, numbers that are not finite, and texts that are none."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from bicross.errors import ArgumentError, BicrossError, ModelError
from bicross.index import Document
from bicross.pipelines import SearchPipeline, build_index
from bicross.rerank import CrossEncoderReranker
from bicross.retrieval import BiEncoder
from helpers.fakes import HashEncoder
from helpers.tiny_architectures import ARCHITECTURES, LIMIT, save_bi_encoder, save_cross_encoder
from safetensors.torch import load_file, save_file

pytestmark = pytest.mark.slow

TESTS = next(folder for folder in Path(__file__).parents if folder.name == "tests")


@pytest.fixture(scope="module", params=["bert", "roberta", "modernbert", "data2vec"])
def name(request):
    return request.param


@pytest.fixture(scope="module")
def bi(name, tmp_path_factory):
    return save_bi_encoder(tmp_path_factory.mktemp("bi") / name, name)


@pytest.fixture(scope="module")
def reranker(cross):
    return CrossEncoderReranker(cross, device="cpu")


@pytest.fixture(scope="module")
def encoder(bi):
    return BiEncoder(bi, device="cpu")


MEASURE = """
import resource, sys
sys.path.insert(0, sys.argv[1])
import numpy as np
from pathlib import Path
from helpers.tiny_architectures import ARCHITECTURES, save_cross_encoder
from bicross.rerank import CrossEncoderReranker

ARCHITECTURES["bert"].settings.update(num_attention_heads=12, hidden_size=48)
reranker = CrossEncoderReranker(save_cross_encoder(Path(sys.argv[2]), "bert"), device="cpu")
sizes = np.random.default_rng(0).choice([1, 5, 20, 500], 10_000, p=[0.6, 0.28, 0.1, 0.02])
pairs = [("who sleeps", "cat " * int(size)) for size in sizes]
reranker.score(pairs[:50])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
scores = reranker.score(pairs)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(scores.shape, bool(np.isfinite(scores).all()), (after - before) * 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kilobytes there")
def test_ten_thousand_pairs_in_one_call_take_little_memory(tmp_path):
    """Memory may grow with the tokens that are read at once, never with the pairs of a call.

    A fiftieth of the passages is long. All pairs padded to them are 5 million tokens, 1 GB for each tensor of the
    width of 48; the long ones alone with their attention of 12 heads written out, as real models have, are 2.4 GB. More
    layers would take time and no memory.
    """
    process = subprocess.run(
        [sys.executable, "-c", MEASURE, str(TESTS), str(tmp_path / "model")],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert process.returncode == 0, process.stderr
    shape, finite, grown = process.stdout.strip().rsplit(" ", 2)
    assert (shape, finite) == ("(10000,)", "True")
    assert int(grown) < 2e8


def change(folder: Path, parameter: str, new) -> Path:
    """Let ``new`` change, in place, the one parameter whose name ends so."""
    file = folder / "model.safetensors"
    weights = load_file(file)
    [key_found] = [key for key in weights if key.endswith(parameter)]
    new(weights[key_found])
    save_file(weights, file, metadata={"format": "pt"})
    return folder


def poisoned(folder, name):
    """With numbers, for the letter z, whose sum is infinite. No tokenizer here has it as part of another token."""
    [token] = ARCHITECTURES[name].tokenizer()("z", add_special_tokens=False)["input_ids"]
    embeddings = "tok_embeddings.weight" if name == "modernbert" else "word_embeddings.weight"
    return change(folder, embeddings, lambda weight: weight[token].fill_(3e38).view(-1, 2)[:, 0].neg_())


def test_a_score_that_is_not_finite_is_an_error_of_the_pipeline(name, tmp_path):
    build_index([Document("1", "the cat"), Document("2", "a z")], tmp_path / "index", encoder=HashEncoder())
    model = CrossEncoderReranker(poisoned(save_cross_encoder(tmp_path / name, name), name), device="cpu")
    pipeline = SearchPipeline.open(tmp_path / "index", encoder=HashEncoder(), reranker=model)
    with pytest.raises(ModelError, match="the reranker gave a score that is not finite for 'cat' and 'a z'"):
        pipeline.search("cat")


def test_a_score_that_is_not_finite_leaves_the_other_scores_alone(name, tmp_path, reranker):
    pairs = [("cat", "the cat"), ("cat", "a z"), ("cat", "cat " * 30), ("z", "cat"), ("dog", "")]
    model = CrossEncoderReranker(poisoned(save_cross_encoder(tmp_path / name, name), name), device="cpu")
    scores = model.score(pairs)
    assert np.isnan(scores).tolist() == [False, True, False, True, False]
    good = [0, 2, 4]
    np.testing.assert_allclose(scores[good], reranker.score([pairs[i] for i in good]), atol=1e-5)


@pytest.mark.parametrize("method", ["encode_queries", "encode_documents"])
def test_a_vector_that_is_not_finite_is_an_error_that_names_the_text(name, tmp_path, method):
    model = BiEncoder(poisoned(save_bi_encoder(tmp_path / name, name), name), device="cpu")
    with pytest.raises(ModelError, match=r"not finite.*'a z'"):
        getattr(model, method)(["the cat", "a z", "a dog"])


def test_a_vector_without_a_direction_is_an_error(tmp_path):
    folder = save_bi_encoder(tmp_path / "bi", "bert")
    file = folder / "model.safetensors"
    weights = {key: value * 0 for key, value in load_file(file).items()}
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(ModelError, match="'the cat'"):
        BiEncoder(folder, device="cpu").encode_documents(["the cat"])


def test_a_passage_of_fifty_thousand_tokens_is_read_as_far_as_the_limit(name, reranker, encoder):
    long, cut = "dog " * 50_000, "dog " * 2 * LIMIT
    pairs = [("cat", long), ("cat", "dog"), ("cat", cut)]
    scores = reranker.score(pairs)
    np.testing.assert_allclose(scores[0], scores[2], atol=1e-5)
    np.testing.assert_allclose(scores[1], reranker.score(pairs[1:2])[0], atol=1e-5)
    vectors = encoder.encode_documents([long, "dog", cut])
    np.testing.assert_allclose(vectors[0], vectors[2], atol=1e-5)


def test_one_word_without_a_space_as_long_as_a_book(reranker, encoder):
    scores = reranker.score([("cat", "x" * 200_000), ("cat", "dog")])
    np.testing.assert_allclose(scores[1], reranker.score([("cat", "dog")])[0], atol=1e-5)
    assert np.isfinite(scores).all()
    np.testing.assert_allclose(np.linalg.norm(encoder.encode_documents(["x" * 200_000]), axis=1), 1, atol=1e-6)


def test_nothing_gives_nothing(reranker, encoder):
    assert (reranker.score([]).shape, reranker.score([]).dtype) == ((0,), np.float32)
    for vectors in (encoder.encode_documents([]), encoder.encode_queries([])):
        assert (vectors.shape, vectors.dtype) == ((0, encoder.fingerprint.dimension), np.float32)
    assert encoder.count_tokens([]) == []


def test_a_tokenizer_without_a_pad_token(tmp_path):
    """Whoever does not pad, or pads with any token at all, does not need one; else it is a clear error."""
    folder = save_cross_encoder(tmp_path / "bert", "bert")
    pairs = [("cat", "dog"), ("cat", "dog owl")]
    expected = CrossEncoderReranker(folder, device="cpu").score(pairs)
    file = folder / "tokenizer_config.json"
    configuration = json.loads(file.read_text())
    del configuration["pad_token"]
    file.write_text(json.dumps(configuration))
    try:
        scores = CrossEncoderReranker(folder, device="cpu").score(pairs)
    except ModelError as error:
        assert "pad" in str(error)
    else:
        np.testing.assert_allclose(scores, expected, atol=1e-5)


@pytest.mark.parametrize("pair", [("cat \ud800", "dog"), ("cat", "dog \udfff")], ids=["query", "passage"])
def test_a_lone_surrogate_in_a_pair_is_an_error_that_names_it(reranker, pair):
    with pytest.raises(BicrossError, match=r"[Ss]urrogate|\\ud"):
        reranker.score([("cat", "dog"), pair])


@pytest.mark.parametrize("method", ["encode_queries", "encode_documents"])
def test_a_lone_surrogate_in_a_text_is_an_error_that_names_it(encoder, method):
    with pytest.raises(BicrossError, match=r"[Ss]urrogate|\\ud"):
        getattr(encoder, method)(["cat", "dog \ud800"])


@pytest.mark.parametrize("value", [None, 3, b"dog", ["dog"]])
def test_what_is_no_text_is_an_error_that_names_it(reranker, encoder, value):
    with pytest.raises(BicrossError, match=re.escape(f"must be (query, passage), two texts, not {('cat', value)}")):
        reranker.score([("cat", value)])
    with pytest.raises(BicrossError, match=type(value).__name__):
        encoder.encode_documents(["cat", value])


@pytest.mark.parametrize("text", ["", "cat", b"cat"])
@pytest.mark.parametrize("method", ["encode_queries", "encode_documents", "count_tokens"])
def test_one_text_where_a_list_is_wanted_is_an_error(encoder, method, text):
    with pytest.raises(ArgumentError, match=re.escape(f"a list of texts is wanted, not one text; write [{text!r}]")):
        getattr(encoder, method)(text)


@pytest.mark.parametrize("pair", [("cat", "dog"), ("at", "up")], ids=["words", "of two letters"])
def test_one_pair_where_a_list_is_wanted_is_an_error(reranker, pair):
    with pytest.raises(ArgumentError, match=r"pair 0 must be \(query, passage\), two texts, not '\w+'"):
        reranker.score(pair)


def test_a_nul_in_a_text_is_read_as_the_tokenizer_reads_it(name, reranker, encoder):
    """The pipeline refuses it in queries; in documents of old it may stand, and is no reason to fail."""
    assert np.isfinite(reranker.score([("cat", "dog \0 owl"), ("c\0at", "dog")])).all()
    assert np.isfinite(encoder.encode_documents(["dog \0 owl"])).all()
    if name == "bert":  # whose normaliser removes it
        np.testing.assert_allclose(*np.split(reranker.score([("cat", "d\0og"), ("cat", "dog")]), 2), atol=1e-6)


@pytest.mark.parametrize("max_length", [-1, 0, 1, 2, 3])
def test_a_max_length_that_leaves_no_room_for_texts_is_refused(cross, bi, max_length):
    with pytest.raises(ArgumentError, match=f"max_length.*{max_length}"):
        CrossEncoderReranker(cross, device="cpu", max_length=max_length)
    with pytest.raises(ArgumentError, match=f"max_length.*{max_length}"):
        BiEncoder(bi, device="cpu", max_length=min(max_length, 2))


def test_the_shortest_query_of_the_shortest_limit(cross):
    """Either there is room for a token of the passage, or a refusal says so; never an error of a library."""
    for limit in range(4, 12):
        try:
            short = CrossEncoderReranker(cross, device="cpu", max_length=limit)
            scores = short.score([("a", "a a a a a a a a a a a a"), ("a", "")])
        except ArgumentError as error:
            assert str(limit) in str(error)
        else:
            assert np.isfinite(scores).all()


@pytest.mark.parametrize("name", ["bert", "distilbert", "roberta", "xlm-roberta", "data2vec"])
def test_a_limit_that_only_the_position_table_tells(name, tmp_path):
    """Of RoBERTa's 514 positions two are never used: they begin after the padding's."""
    for folder, kind in [
        (save_cross_encoder(tmp_path / "cross", name), CrossEncoderReranker),
        (save_bi_encoder(tmp_path / "bi", name), BiEncoder),
    ]:
        file = folder / "tokenizer_config.json"
        configuration = json.loads(file.read_text())
        del configuration["model_max_length"]
        file.write_text(json.dumps(configuration))
        model = kind(folder, device="cpu")
        if kind is CrossEncoderReranker:
            assert np.isfinite(model.score([("cat", "dog " * 1000)])).all()
            assert model.max_length == LIMIT
        else:
            assert np.isfinite(model.encode_documents(["dog " * 1000])).all()
            assert model.fingerprint.max_length == LIMIT
            assert model.max_tokens == LIMIT - 2


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("parameter", ["layer.0.attention.self.query.weight", "layer.1.attention.self.key.bias"])
def test_one_weight_that_is_not_finite_is_an_error_that_names_the_parameter(tmp_path, parameter, number):
    """Attention on a CPU may make a finite score of it."""
    folder = change(save_cross_encoder(tmp_path / "bert", "bert"), parameter, lambda weight: weight[-1:].fill_(number))
    with pytest.raises(ModelError, match=f"its parameter .*{parameter} holds numbers that are not finite"):
        CrossEncoderReranker(folder, device="cpu")
