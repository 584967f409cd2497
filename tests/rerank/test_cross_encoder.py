import itertools
import json
import logging
import shutil

import numpy as np
import pytest
import torch
from bicross.errors import ArgumentError, ModelError, QueryError
from bicross.rerank import CrossEncoderReranker, Platt, calibration_of
from helpers.tiny_models import MAX_LENGTH, WORDS, save_cross_encoder
from sentence_transformers import CrossEncoder

pytestmark = pytest.mark.slow

PASSAGES = ["the cat sleeps", "a dog runs in the park all day", "", "an owl", " ".join(WORDS[:20]), "the"]
PAIRS = list(itertools.product(["who sleeps at night ?", "dog", "what does the owl hunt"], PASSAGES))


@pytest.fixture(scope="module", params=[1, 2])
def folder(request, tmp_path_factory):
    return save_cross_encoder(tmp_path_factory.mktemp("model") / f"outputs-{request.param}", outputs=request.param)


def oracle(folder, pairs):
    outputs = CrossEncoder(str(folder), device="cpu").predict(
        [list(pair) for pair in pairs], activation_fn=torch.nn.Identity(), batch_size=1
    )
    outputs = np.asarray(outputs).reshape(len(pairs), -1)
    return outputs[:, 0] if outputs.shape[1] == 1 else outputs[:, 1] - outputs[:, 0]


def test_scores_are_those_of_sentence_transformers_in_any_batch_and_order(folder):
    expected = oracle(folder, PAIRS)
    assert expected.std() > 0.1, "the model tells the pairs apart"
    order = np.random.default_rng(0).permutation(len(PAIRS))
    for batch_size in (1, 4, 64):
        reranker = CrossEncoderReranker(folder, device="cpu", batch_size=batch_size)
        logits = reranker.score(PAIRS)
        assert (logits.dtype, logits.shape) == (np.float32, (len(PAIRS),))
        np.testing.assert_allclose(logits, expected, atol=1e-4)
        np.testing.assert_allclose(reranker.score([PAIRS[i] for i in order]), expected[order], atol=1e-4)


def test_of_two_outputs_the_sigmoid_is_the_softmax_probability_of_the_second(tmp_path):
    folder = save_cross_encoder(tmp_path / "two", outputs=2)
    probabilities = CrossEncoder(str(folder), device="cpu").predict([list(p) for p in PAIRS], apply_softmax=True)
    logits = CrossEncoderReranker(folder, device="cpu").score(PAIRS)
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), probabilities[:, 1], atol=1e-5)


def test_a_long_passage_is_cut_and_logged_and_the_query_is_not(folder, caplog):
    reranker = CrossEncoderReranker(folder, device="cpu")
    query = " ".join(["who sleeps at night"] * 5)  # 20 tokens; 3 are special, which leaves 9 of 32 for the passage
    long, cut = " ".join(["cat dog owl"] * 20), "cat dog owl " * 3
    with caplog.at_level(logging.INFO, logger="bicross"):
        [first] = reranker.score([(query, long)])
    assert "1 of 1 passages were cut to fit into 32 tokens" in caplog.text
    [second] = reranker.score([(query, cut)])
    assert first == pytest.approx(second, abs=1e-5)


def test_a_query_that_leaves_no_room_is_refused(folder):
    reranker = CrossEncoderReranker(folder, device="cpu")
    with pytest.raises(QueryError, match=r"has 31 tokens; the reranker reads 32 .* at most 25"):
        reranker.score([("cat " * 31, "dog")])


def test_long_queries_are_found_and_cut_on_request(folder):
    reranker = CrossEncoderReranker(folder, device="cpu")
    queries = ["cat", "cat " * 25, "cat " * 25 + "owl"]
    assert reranker.long_queries(queries) == {
        2: "has 26 tokens; the reranker reads 32 of query and passage together, so a query has at most 25"
    }
    pairs = [(query, passage) for query in queries for passage in PASSAGES]
    cut = reranker.cutting_queries()
    assert cut.fingerprint == reranker.fingerprint
    expected = reranker.score([(query.removesuffix("owl"), passage) for query, passage in pairs])
    np.testing.assert_allclose(cut.score(pairs), expected, atol=1e-5)
    with pytest.raises(QueryError, match="has 26 tokens"):
        reranker.score(pairs)


def test_max_length_lowers_the_limit_and_never_raises_it(folder):
    assert CrossEncoderReranker(folder, device="cpu", max_length=1000).max_length == MAX_LENGTH
    short = CrossEncoderReranker(folder, device="cpu", max_length=8)
    whole = CrossEncoderReranker(folder, device="cpu")
    np.testing.assert_allclose(
        short.score([("cat", "dog owl the a cat")]), whole.score([("cat", "dog owl the a")]), atol=1e-5
    )


def test_no_pairs_give_no_scores(folder):
    assert CrossEncoderReranker(folder, device="cpu").score([]).shape == (0,)


def test_a_model_with_three_outputs_is_refused(tmp_path):
    folder = save_cross_encoder(tmp_path / "three", outputs=3)
    with pytest.raises(ModelError, match=r"three has 3 outputs; a reranker has one, or two .* Name another model"):
        CrossEncoderReranker(folder)


def test_a_stated_blend_is_read_and_checked(tmp_path):
    folder = save_cross_encoder(tmp_path / "one", outputs=1)
    assert CrossEncoderReranker(folder, device="cpu").blend == 1.0
    (folder / "bicross.json").write_text('{"blend": 0.25}')
    assert CrossEncoderReranker(folder, device="cpu").blend == 0.25
    (folder / "bicross.json").write_text('{"blend": "much"}')
    with pytest.raises(ModelError, match="says blend='much'; it must be a number from 0 to 1"):
        CrossEncoderReranker(folder, device="cpu")


def test_a_stated_calibration_is_read_and_checked(tmp_path):
    folder = save_cross_encoder(tmp_path / "model", outputs=1)
    plain = CrossEncoderReranker(folder, device="cpu")
    assert (plain.calibration, calibration_of(plain)) == (None, None)
    curve = Platt(0.5, -3.0)
    (folder / "bicross.json").write_text(json.dumps({"calibration": curve.to_dict()}))
    calibrated = CrossEncoderReranker(folder, device="cpu")
    assert (calibrated.calibration, calibration_of(calibrated)) == (curve, curve)
    assert calibrated.fingerprint == plain.fingerprint, "what was tuned and cached before stays"
    assert calibrated.score([("a", "b")]) == plain.score([("a", "b")])
    (folder / "bicross.json").write_text('{"calibration": {"method": "platt"}}')
    with pytest.raises(ModelError, match=r"bicross\.json has a calibration that cannot be used: no calibration has"):
        CrossEncoderReranker(folder, device="cpu")


def test_only_a_curve_is_taken_for_the_calibration_of_a_reranker():
    class Own:
        blend, calibration = 1.0, "as a program calls something of its own"

        def score(self, pairs):
            return np.zeros(len(pairs), np.float32)

    assert calibration_of(None) is calibration_of(Own()) is None
    Own.calibration = Platt(1.0, 0.0)
    assert calibration_of(Own()) == Platt(1.0, 0.0)


def test_half_precision_gives_float32_scores_near_the_full_ones(folder):
    half = CrossEncoderReranker(folder, device="cpu", dtype="bfloat16").score(PAIRS)
    full = CrossEncoderReranker(folder, device="cpu").score(PAIRS)
    assert half.dtype == np.float32
    assert np.corrcoef(half, full)[0, 1] > 0.99
    assert not np.array_equal(half, full)


def test_a_device_or_number_format_that_is_not_there(folder):
    with pytest.raises(ArgumentError, match="the device 'warp' cannot be used here"):
        CrossEncoderReranker(folder, device="warp")
    with pytest.raises(ArgumentError, match="dtype must be one of auto, float32, bfloat16, float16, int8, not 'int4'"):
        CrossEncoderReranker(folder, dtype="int4")


def test_a_model_that_brings_code_runs_none_of_it(tmp_path):
    folder = save_cross_encoder(tmp_path / "evil", outputs=1)
    sentinel = tmp_path / "ran"
    (folder / "evil.py").write_text(f"open({str(sentinel)!r}, 'w')\nclass Model: pass\n")
    config = (folder / "config.json").read_text()
    auto_map = '"auto_map": {"AutoModelForSequenceClassification": "evil.Model", "AutoConfig": "evil.Model"},'
    (folder / "config.json").write_text(config.replace("{", "{" + auto_map, 1))
    CrossEncoderReranker(folder, device="cpu").score([("cat", "dog")])
    assert not sentinel.exists()


def test_the_bundled_reranker_tells_an_answer_from_a_distraction():
    reranker = CrossEncoderReranker(device="cpu")
    logits = reranker.score(
        [
            ("what is the capital of france?", "Paris is the capital and largest city of France."),
            ("what is the capital of france?", "Berlin is the capital of Germany, a federal republic."),
            ("what is the capital of france?", "Bees collect nectar from flowers."),
        ]
    )
    assert list(np.argsort(-logits)) == [0, 1, 2]
    assert 0.0 < reranker.blend < 1.0


def test_rerankers_that_differ_in_a_prompt_have_other_fingerprints(tmp_path):
    folder = save_cross_encoder(tmp_path / "one", outputs=1)
    plain = CrossEncoderReranker(folder, device="cpu")
    prompted = shutil.copytree(folder, tmp_path / "two")
    model = CrossEncoder(str(prompted), device="cpu", prompts={"rank": "the cat "}, default_prompt_name="rank")
    model.save_pretrained(str(prompted))
    other = CrossEncoderReranker(prompted, device="cpu")
    pair = [("who sleeps ?", "a dog")]
    assert plain.score(pair) != other.score(pair)
    assert plain.fingerprint != other.fingerprint and plain.model_fingerprint != other.model_fingerprint
