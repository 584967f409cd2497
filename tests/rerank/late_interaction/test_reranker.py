"""Late interaction against transformers' states, its batches, its limits, and what is no such model."""

import json
import logging

import numpy as np
import pytest
import torch
from bicross.errors import ArgumentError, ModelCorrupt, ModelError, ModelNotFound, QueryError
from bicross.inference import kind_of, load_model, require_encoder, require_reader, resolve_model
from bicross.rerank import (
    CrossEncoderReranker,
    LateInteractionReranker,
    PairScorer,
    takes_token_ids,
    takes_token_vectors,
)
from bicross.rerank.late_interaction import read_late_interaction
from helpers import tiny_architectures
from helpers.examples import examples
from helpers.tiny_late_interaction import save_late_interaction
from helpers.tiny_models import save_bi_encoder, save_cross_encoder
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

pytestmark = pytest.mark.slow

QUERIES = ["who sleeps at night ?", "dog", "the owl hunts"]
PASSAGES = ["the cat sleeps all day", "", "a dog runs in the park . " * 9, "Élan, 東京", "dog", "owl " * 3]
PAIRS = [(query, passage) for query in QUERIES for passage in PASSAGES]
FAMILIES = ("roberta", "xlm-roberta", "distilbert", "electra", "modernbert")
FAMILIES += ("deberta", "mpnet", "albert", "nomic", "t5", "qwen3", "gemma3-both-ways")


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("late") / "encoder"
    save_bi_encoder(folder)
    return folder


@pytest.fixture(scope="module")
def folder(base):
    return save_late_interaction(base.with_name("fast"), base)


@pytest.fixture(scope="module")
def reranker(folder):
    return LateInteractionReranker(folder, device="cpu")


def oracle(folder, base, texts):
    """Token vectors and weights by transformers, a text at a time, in float64 from the states on."""
    from transformers import AutoModel, AutoTokenizer

    settings, projection = read_late_interaction(folder)
    model, tokenizer = AutoModel.from_pretrained(base, dtype=torch.float32).eval(), AutoTokenizer.from_pretrained(base)
    model = getattr(model, "encoder", model) if model.config.model_type == "t5" else model
    for text in texts:
        encoded = tokenizer(text, return_tensors="pt", truncation=True, max_length=settings.max_length)
        with torch.inference_mode():
            states = model(**encoded, output_hidden_states=True).hidden_states[settings.layer][0].double().numpy()
        z = (states - projection.mean) / projection.deviation
        vectors = z @ projection.project.T
        weights = np.logaddexp(0, z @ projection.weigh_weight[0] + projection.weigh_bias)
        yield vectors / np.linalg.norm(vectors, axis=1, keepdims=True), weights


@pytest.mark.parametrize("name", ["bert", *FAMILIES])
def test_token_vectors_are_projected_states_of_transformers(name, tmp_path):
    base = tiny_architectures.save_bi_encoder(tmp_path / "base", name)
    for layer in (1, 2):
        folder = save_late_interaction(tmp_path / str(layer), base, layer=layer, max_length=24)
        found = LateInteractionReranker(folder, device="cpu").token_vectors(PASSAGES)
        for vectors, (expected, _) in zip(found, oracle(folder, base, PASSAGES), strict=True):
            assert vectors.dtype == np.int8
            np.testing.assert_allclose(vectors / 127, expected, atol=0.5 / 127 + 1e-4)


def test_scores_are_weighted_means_of_the_highest_cosines(folder, base, reranker):
    found = reranker.score(PAIRS).reshape(len(QUERIES), -1)
    vectors = [vectors for vectors, _ in oracle(folder, base, PASSAGES)]
    for row, (query, weights) in zip(found, oracle(folder, base, QUERIES), strict=True):
        own, counted = query[1:-1], weights[1:-1]  # without [CLS] and [SEP]
        means = [(own @ passage.T).max(axis=1) @ counted / counted.sum() for passage in vectors]
        np.testing.assert_allclose(row, np.exp(3) * np.array(means), atol=0.4)
        assert np.argmax(row) == np.argmax(means)


@pytest.fixture(scope="module", params=["float32", "bfloat16", "int8"])
def of_any_format(request, folder):
    return LateInteractionReranker(folder, device="cpu", dtype=request.param)


@settings(max_examples=examples(15), deadline=None)
@given(data=st.data())
def test_a_score_depends_on_nothing_else_in_the_call(of_any_format, data):
    reranker = of_any_format
    pairs = data.draw(st.lists(st.sampled_from(PAIRS), min_size=1, max_size=12))
    together = reranker.score(pairs)
    vectors = reranker.token_vectors([passage for _, passage in pairs])
    stored = [(query, passage) for (query, _), passage in zip(pairs, vectors, strict=True)]
    assert together.tolist() == reranker.score_token_vectors(stored).tolist()
    for pair, score in zip(pairs, together.tolist(), strict=True):
        assert reranker.score([pair]).tolist() == [score]


def test_scores_do_not_depend_on_how_many_are_in_memory(reranker, monkeypatch):
    expected = reranker.score(PAIRS).tolist()
    monkeypatch.setattr("bicross.rerank.late_interaction.reranker.PAIRS_AT_ONCE", 4)
    monkeypatch.setattr("bicross.rerank.late_interaction.token_encoder.TEXTS_AT_ONCE", 2)
    assert reranker.score(PAIRS).tolist() == expected


def test_passages_and_queries_without_tokens(reranker):
    nothing = np.empty((0, reranker.dim), np.int8)
    [lowest, other] = reranker.score_token_vectors([("dog", nothing), ("dog", reranker.token_vectors(["a cat"])[0])])
    assert np.isfinite(lowest)
    assert lowest == pytest.approx(-np.exp(3))
    assert lowest < other
    assert len(reranker.token_vectors([""])[0]) == 2  # its special tokens
    assert np.isfinite(reranker.score([("", "a dog"), (" ", "")])).all()
    assert reranker.score([]).shape == reranker.score_token_vectors([]).shape == (0,)
    assert reranker.token_vectors([]) == []


def test_long_queries_are_refused_or_cut_and_long_passages_cut(reranker, caplog):
    long = "dog " * 40
    assert reranker.max_length == 32
    assert reranker.long_queries(["dog", long]) == {1: "has 40 tokens; the reranker reads 30 of a query"}
    with pytest.raises(QueryError, match=r"the query 'dog dog .*has 40 tokens; the reranker reads 30.*Shorten it"):
        reranker.score([(long, "a dog")])
    cutting = reranker.cutting_queries()
    assert cutting.score([(long, "a dog")]).tolist() == cutting.score([("dog " * 30, "a dog")]).tolist()
    assert cutting.fingerprint == reranker.fingerprint
    with caplog.at_level(logging.INFO, "bicross"):
        [cut, whole] = reranker.token_vectors([long, "dog " * 30])
    assert "1 of 2 passages were cut to fit into 32 tokens" in caplog.text
    assert cut.tolist() == whole.tolist()


def test_max_length_lowers_the_limit(folder):
    short = LateInteractionReranker(folder, device="cpu", max_length=5)
    assert short.max_length == 5
    assert len(short.token_vectors(["a dog runs in the park"])[0]) == 5
    with pytest.raises(ArgumentError, match=r"max_length is 2; .* the least that leaves room for text is 3"):
        LateInteractionReranker(folder, device="cpu", max_length=2)


def test_what_it_says_of_itself(folder, base, reranker, tmp_path):
    assert (reranker.blend, reranker.calibration, reranker.runs_packed, reranker.dim) == (0.5, None, True, 8)
    assert takes_token_vectors(reranker)
    assert not takes_token_ids(reranker)
    assert reranker.unknown_shares(["dog", "🙂"]) == [0.0, 1.0]
    same = LateInteractionReranker(folder, device="cpu", dtype="bfloat16")
    assert same.late_interaction_fingerprint == same.model_fingerprint == reranker.late_interaction_fingerprint
    assert same.fingerprint != reranker.fingerprint
    others = [LateInteractionReranker(folder, device="cpu", max_length=20)]
    for name, changes in {"layer": {"layer": 2}, "seed": {"seed": 1}, "dim": {"dim": 7}}.items():
        others.append(LateInteractionReranker(save_late_interaction(tmp_path / name, base, **changes), device="cpu"))
    marks = {other.late_interaction_fingerprint for other in (reranker, *others)}
    assert len(marks) == 5
    assert all(len(mark) == 64 and int(mark, 16) >= 0 for mark in marks)


def test_models_of_other_kinds_name_the_class_that_opens_them(folder, base, tmp_path):
    assert kind_of(resolve_model(folder)) == "late interaction"
    cross = save_cross_encoder(tmp_path / "cross", outputs=1)
    with pytest.raises(
        ModelError, match=r"it has no late_interaction\.json\. Open a cross-encoder with CrossEncoderReranker"
    ):
        LateInteractionReranker(cross)
    with pytest.raises(ModelError, match=r"is not a cross-encoder.*Open it with LateInteractionReranker\('.*fast'\)"):
        CrossEncoderReranker(folder)
    with pytest.raises(ModelError, match=r"is not an encoder: it is a late-interaction.*with --reranker"):
        require_encoder(folder, folder)
    with pytest.raises(ModelError, match="is not a reader: it is a late-interaction"):
        require_reader(folder, folder)
    with pytest.raises(ModelError, match="cannot compare two texts: it is a late interaction model"):
        PairScorer(folder)
    with pytest.raises(ModelError, match=r"holds a late-interaction reranker, which is no model of"):
        load_model(None, folder, device="cpu")  # which trainers call


def changed(folder, target, **fields):
    """A copy of a model with other settings; None removes one."""
    target.mkdir()
    (target / "late_interaction.safetensors").write_bytes((folder / "late_interaction.safetensors").read_bytes())
    record = json.loads((folder / "late_interaction.json").read_text()) | fields
    kept = {name: value for name, value in record.items() if value is not None}
    (target / "late_interaction.json").write_text(json.dumps(kept))
    return target


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"layer": 3}, ModelError, "it has 2 layers, and 3 are needed"),
        ({"layer": 0}, ModelCorrupt, "layer"),
        ({"layer": True}, ModelCorrupt, "layer"),
        ({"dim": 7}, ModelCorrupt, r"has project as float32 of shape \(8, 24\), which does not fit"),
        ({"dim": 2000}, ModelCorrupt, "dim must be at most 1024, not 2000"),
        ({"dim": None}, ModelCorrupt, r"other fields than this version of bicross knows \(dim\)"),
        ({"more": 1}, ModelCorrupt, r"other fields .* \(more\)"),
        ({"blend": 1.5}, ModelCorrupt, "blend must be"),
        ({"max_length": 2}, ModelError, "3 are the least that leave room for text"),
        ({"max_length": "32"}, ModelCorrupt, "max_length"),
        ({"base": ""}, ModelCorrupt, "base must be the name of a model"),
        ({"base": "/nowhere"}, ModelNotFound, "does not exist"),
        (
            {"base_sha256": "0" * 64},
            ModelError,
            r"on other weights of .* \(sha256 0000.*than there are here",
        ),
        ({"base_sha256": 5}, ModelCorrupt, "base_sha256 must have 64 hex digits, not 5"),
        ({"weights_sha256": "0" * 64}, ModelCorrupt, "is missing, damaged or another"),
        ({"weights_sha256": ""}, ModelCorrupt, "is missing, damaged or another"),
    ],
)
def test_settings_that_cannot_be_used(folder, tmp_path, fields, error, message):
    with pytest.raises(error, match=message):
        LateInteractionReranker(changed(folder, tmp_path / "changed", **fields), device="cpu")


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '"text"', "[" * 100_000, "\udcff"])
def test_settings_that_are_no_object(tmp_path, folder, text):
    target = changed(folder, tmp_path / "changed")
    (target / "late_interaction.json").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ModelCorrupt, match=r"late_interaction\.json"):
        LateInteractionReranker(target)


def damaged(folder, target, change):
    """A copy of a model whose arrays were changed, with the sha256 of the new file."""
    from bicross.inference import sha256_of

    arrays = load_file(folder / "late_interaction.safetensors")
    change(arrays)
    target.mkdir()
    save_file(arrays, target / "late_interaction.safetensors")
    record = json.loads((folder / "late_interaction.json").read_text())
    record["weights_sha256"] = sha256_of(target / "late_interaction.safetensors")
    (target / "late_interaction.json").write_text(json.dumps(record))
    return target


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda arrays: arrays.pop("mean"), "must hold mean, deviation"),
        (lambda arrays: arrays.update(more=np.ones(3, np.float32)), "must hold mean, deviation"),
        (lambda arrays: arrays["project"].fill(np.nan), "numbers in project that are not finite"),
        (lambda arrays: arrays["deviation"].fill(0), "deviations or a scale that are out of their range"),
        (lambda arrays: arrays.update(log_scale=np.array(50, np.float32)), "deviations or a scale"),
        (lambda arrays: arrays.update(mean=arrays["mean"].astype(np.float64)), "has mean as float64"),
        (lambda arrays: arrays.update(mean=arrays["mean"][None]), "which does not fit"),
        (lambda arrays: arrays.update(mean=arrays["mean"][:0]), "which does not fit"),
    ],
)
def test_arrays_that_cannot_be_used(folder, tmp_path, change, message):
    with pytest.raises(ModelCorrupt, match=message):
        LateInteractionReranker(damaged(folder, tmp_path / "changed", change), device="cpu")


def test_arrays_of_another_width_than_the_base_has(folder, tmp_path):
    def shortened(arrays):
        for name in ("mean", "deviation", "project", "weigh.weight"):
            arrays[name] = np.ascontiguousarray(arrays[name][..., :10])

    with pytest.raises(ModelError, match="its states have 24 units, and states of 10 are wanted"):
        LateInteractionReranker(damaged(folder, tmp_path / "changed", shortened), device="cpu")


def test_a_cut_or_missing_file_of_arrays(folder, tmp_path):
    target = changed(folder, tmp_path / "changed")
    whole = (target / "late_interaction.safetensors").read_bytes()
    (target / "late_interaction.safetensors").write_bytes(whole[:-8])
    with pytest.raises(ModelCorrupt, match="is missing, damaged or another"):
        LateInteractionReranker(target)
    (target / "late_interaction.safetensors").unlink()
    with pytest.raises(ModelNotFound, match="has no weights in safetensors"):
        LateInteractionReranker(target)


def test_a_base_that_does_not_run_packed(tmp_path):
    base = tiny_architectures.save_bi_encoder(tmp_path / "base", "data2vec")
    folder = save_late_interaction(tmp_path / "fast", base)
    message = r"cannot be the base of this late-interaction model: the architecture 'data2vec-text' is not among"
    with pytest.raises(ModelError, match=message):
        LateInteractionReranker(folder, device="cpu")


def test_vectors_that_are_not_those_of_the_model(reranker):
    for wrong in (np.ones((2, 9), np.int8), np.ones((2, 8), np.float32), np.ones(8, np.int8), "text", None):
        with pytest.raises(ArgumentError, match=r"pair 1 must be \(query, token vectors\), int8 of shape"):
            reranker.score_token_vectors([("dog", np.ones((2, 8), np.int8)), ("dog", wrong)])


def test_the_bundled_model_puts_the_answer_first():
    reranker = LateInteractionReranker(device="cpu")
    passages = [
        "Honey is made by bees from nectar, which they thicken in the hive.",
        "A vaccine trains the immune system to recognise a virus before an infection.",
        "The moon pulls at the sea, which rises and falls twice a day.",
    ]
    for query, best in [("how do vaccines work?", 1), ("why does the sea rise?", 2), ("what do bees make?", 0)]:
        assert np.argmax(reranker.score([(query, passage) for passage in passages])) == best
    assert reranker.token_vectors(passages[:1])[0].shape[1] == reranker.dim == 64
