import itertools
import json

import numpy as np
import pytest
import torch
from bicross.errors import ArgumentError, ModelError, ModelNotFound
from bicross.rerank import DEFAULT_SIMILARITY, PairScorer, RankedText, classify_texts
from helpers.tiny_models import WORDS, save_bi_encoder, save_cross_encoder, with_labels
from helpers.wrong_values import call_with_wrong_values
from sentence_transformers import CrossEncoder, SentenceTransformer

pytestmark = pytest.mark.slow

LONG = " ".join(WORDS[:20])
TEXTS = ["the cat sleeps", "a dog runs in the park all day", "an owl", LONG, f"{LONG} {LONG}", "the"]
PAIRS = list(itertools.product(TEXTS, TEXTS))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return {outputs: save_cross_encoder(folder / f"outputs-{outputs}", outputs=outputs) for outputs in (1, 2, 3)}


@pytest.fixture(scope="module")
def nli(folders, tmp_path_factory):
    return with_labels(folders[3], tmp_path_factory.mktemp("nli") / "nli", "neutral", "entailment", "contradiction")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return save_bi_encoder(tmp_path_factory.mktemp("encoder") / "encoder", prompts={"query": "what "})


def predicted(folder, pairs, **options):
    values = CrossEncoder(str(folder), device="cpu").predict([list(pair) for pair in pairs], batch_size=1, **options)
    return np.asarray(values)


@pytest.mark.parametrize("outputs", [1, 2, 3])
def test_logits_and_scores_are_those_of_sentence_transformers_also_of_pairs_that_are_cut(folders, outputs):
    folder = folders[outputs]
    scorer = PairScorer(folder, device="cpu", label="LABEL_2" if outputs == 3 else None)
    logits = scorer.logits(PAIRS)
    assert (logits.dtype, logits.shape) == (np.float32, (36,) if outputs == 1 else (36, outputs))
    np.testing.assert_allclose(logits, predicted(folder, PAIRS, activation_fn=torch.nn.Identity()), atol=1e-4)
    own = predicted(folder, PAIRS, apply_softmax=outputs > 1)
    assert own.std() > 0.01, "the model tells the pairs apart"
    scores = scorer.score(PAIRS)
    assert (scores.dtype, scores.shape) == (np.float32, (36,))
    np.testing.assert_allclose(scores, own if outputs == 1 else own[:, -1], atol=1e-4)


def test_a_model_that_does_not_run_packed_gives_the_same(folders, monkeypatch):
    expected = PairScorer(folders[1], device="cpu").logits(PAIRS)
    monkeypatch.setattr("bicross.inference.packed.packed_reranker", lambda *_, **__: None)
    monkeypatch.setattr("bicross.rerank.pairs.models.load_reranker", lambda folder, device: CrossEncoder(str(folder)))
    scorer = PairScorer(folders[1], device="cpu")
    assert not scorer.runs_packed
    np.testing.assert_allclose(scorer.logits(PAIRS), expected, atol=1e-4)


@pytest.mark.parametrize("packed", [True, False])
def test_what_is_cut_is_what_has_more_tokens_than_the_model_takes(folders, encoder, packed, monkeypatch):
    if not packed:
        for name in ("packed_reranker", "packed_embedder"):
            monkeypatch.setattr(f"bicross.inference.packed.{name}", lambda *_, **__: None)
        models = "bicross.rerank.pairs.models"
        monkeypatch.setattr(f"{models}.load_reranker", lambda folder, device: CrossEncoder(str(folder)))
        monkeypatch.setattr(f"{models}.load_encoder", lambda folder, device: SentenceTransformer(str(folder)))
    scorer, cosine = (PairScorer(folder, device="cpu") for folder in (folders[1], encoder))
    assert scorer.runs_packed == cosine.runs_packed == packed
    tokenizer = CrossEncoder(str(folders[1])).tokenizer
    together = [len(tokenizer(first, second)["input_ids"]) > scorer.max_length for first, second in PAIRS]
    alone = [any(len(tokenizer(text)["input_ids"]) > cosine.max_length for text in pair) for pair in PAIRS]
    assert scorer.is_cut(PAIRS).tolist() == together
    assert cosine.is_cut(PAIRS).tolist() == alone
    assert {*together} == {*alone} == {True, False}
    empty = scorer.is_cut([])
    assert (empty.dtype, empty.shape) == (np.bool_, (0,))


def test_neither_the_order_of_pairs_nor_the_cache_changes_a_score(folders):
    expected = PairScorer(folders[2], device="cpu", cache_size=0).score(PAIRS)
    scorer = PairScorer(folders[2], device="cpu", cache_size=7)
    order = np.random.default_rng(0).permutation(len(PAIRS))
    for rows in (order, order[:5], order[::-1], order[3:20]):
        np.testing.assert_allclose(scorer.score([PAIRS[row] for row in rows]), expected[rows], atol=1e-6)


def test_a_pair_is_computed_once(folders, monkeypatch):
    scorer, ran = PairScorer(folders[1], device="cpu"), []
    run = scorer._model.run
    monkeypatch.setattr(scorer._model, "run", lambda pairs: ran.extend(pairs) or run(pairs))
    first = scorer.score([PAIRS[0], PAIRS[1], PAIRS[0]])
    assert first[0] == first[2]
    np.testing.assert_array_equal(scorer.score([PAIRS[1], PAIRS[2]]), [first[1], *scorer.score([PAIRS[2]])])
    assert ran == PAIRS[:3]


def test_a_symmetric_scorer_takes_the_mean_of_both_orders(folders):
    turned = [(second, first) for first, second in PAIRS]
    plain, symmetric = (PairScorer(folders[1], device="cpu", symmetric=both) for both in (False, True))
    assert not np.allclose(plain.logits(PAIRS), plain.logits(turned), atol=1e-2)
    np.testing.assert_allclose(symmetric.logits(PAIRS), (plain.logits(PAIRS) + plain.logits(turned)) / 2, atol=1e-5)
    np.testing.assert_allclose(symmetric.score(PAIRS), symmetric.score(turned), atol=1e-6)


def test_rank_puts_the_best_first_and_ties_by_their_place(folders):
    scorer = PairScorer(folders[1], device="cpu")
    documents = [TEXTS[1], TEXTS[0], TEXTS[1], TEXTS[2], TEXTS[0]]
    scores = scorer.score([(TEXTS[3], text) for text in documents])
    order = np.argsort(-scores, kind="stable")
    expected = [RankedText(int(position), float(scores[position])) for position in order]
    assert scorer.rank(TEXTS[3], documents) == expected
    assert scorer.rank(TEXTS[3], documents, top_k=2) == expected[:2]
    assert scorer.rank(TEXTS[3], []) == []
    falling = PairScorer(folders[1], device="cpu", label="different").rank(TEXTS[3], documents)
    assert [entry.score for entry in falling] == sorted((entry.score for entry in falling), reverse=True)


def test_labels_come_from_the_config_in_any_order(folders, nli, tmp_path):
    probabilities = predicted(nli, PAIRS, apply_softmax=True)
    names = ("neutral", "entailment", "contradiction")
    labels = PairScorer(nli, device="cpu").classify(PAIRS)
    assert [pair.label for pair in labels] == [names[number] for number in probabilities.argmax(1)]
    np.testing.assert_allclose([list(pair.scores.values()) for pair in labels], probabilities, atol=1e-5)
    assert all(pair.score == pair.scores[pair.label] for pair in labels)
    assert PairScorer(nli, device="cpu", label="Entailment").label == "entailment"
    denied = with_labels(folders[2], tmp_path / "two", "entailment", "not_entailment")
    scores = PairScorer(denied, device="cpu").score(PAIRS)
    np.testing.assert_allclose(scores, predicted(folders[2], PAIRS, apply_softmax=True)[:, 0], atol=1e-5)


def test_a_threshold_decides_between_two_labels(folders):
    for folder, yes, no in ((folders[1], "similar", "different"), (folders[2], "LABEL_1", "LABEL_0")):
        scorer = PairScorer(folder, device="cpu")
        scores = scorer.score(PAIRS)
        middle = float(np.median(scores))
        labels = scorer.classify(PAIRS, threshold=middle)
        assert [pair.label for pair in labels] == [yes if score >= middle else no for score in scores]
        assert {pair.label for pair in labels} == {yes, no}
        assert [pair.label for pair in scorer.classify(PAIRS)] == [yes if score >= 0.5 else no for score in scores]


def test_labels_with_a_sigmoid_of_their_own_do_not_sum_to_one(folders, tmp_path):
    folder = with_labels(folders[3], tmp_path / "several", "a", "b", "c")
    config = json.loads((folder / "config.json").read_text())
    config["sentence_transformers"] = {"activation_fn": "torch.nn.modules.activation.Sigmoid"}
    (folder / "config.json").write_text(json.dumps(config))
    own = predicted(folder, PAIRS)
    np.testing.assert_allclose(PairScorer(folder, device="cpu").probabilities(PAIRS), own, atol=1e-4)
    assert abs(own.sum(1) - 1).max() > 0.1


def test_an_encoder_scores_by_its_cosine_in_any_order(encoder, monkeypatch):
    scorer = PairScorer(encoder, device="cpu")
    model = SentenceTransformer(str(encoder), device="cpu")
    vectors = {text: model.encode(text, normalize_embeddings=True) for text in TEXTS}
    expected = np.array([vectors[first] @ vectors[second] for first, second in PAIRS])
    np.testing.assert_allclose(scorer.logits(PAIRS), expected, atol=1e-5)
    np.testing.assert_allclose(scorer.score(PAIRS), expected.clip(0, 1), atol=1e-5)
    np.testing.assert_allclose(scorer.score([pair[::-1] for pair in PAIRS]), expected.clip(0, 1), atol=1e-5)
    assert scorer.is_cosine
    assert scorer.labels == ("different", "similar")
    monkeypatch.setattr("bicross.inference.packed.packed_embedder", lambda *_, **__: None)
    monkeypatch.setattr(
        "bicross.rerank.pairs.models.load_encoder", lambda folder, device: SentenceTransformer(str(folder))
    )
    np.testing.assert_allclose(PairScorer(encoder, device="cpu").logits(PAIRS), expected, atol=1e-5)


def test_no_pairs_give_no_scores(folders):
    scorer = PairScorer(folders[3], device="cpu", label="LABEL_0")
    assert scorer.score([]).shape == (0,)
    assert scorer.logits([]).shape == (0, 3)
    assert scorer.classify([]) == []


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([("a", "b"), ("", "b")], r"pair 1 has an empty first text"),
        ([("a", " \n")], r"pair 0 has an empty second text: \('a', ' \\n'\); leave the pair out"),
        ("ab", "pairs must be a list of pairs"),
        ([("a", "b", "c")], "pair 0 must be"),
        ([("a", 3)], "pair 0 must be"),
        ([("a", "\ud800")], "lone surrogate"),
    ],
)
def test_what_is_no_pair_of_texts_is_refused(folders, pairs, message):
    scorer = PairScorer(folders[1], device="cpu")
    for method in (scorer.score, scorer.logits, scorer.classify, scorer.probabilities):
        with pytest.raises(ArgumentError, match=message):
            method(pairs)


def test_a_score_of_three_labels_needs_the_name_of_one(nli):
    scorer = PairScorer(nli, device="cpu")
    for call in (lambda: scorer.score(PAIRS), lambda: scorer.rank("cat", ["dog"])):
        with pytest.raises(ModelError, match=r"has 3 labels \(neutral, entailment, contradiction\), and a score is"):
            call()
    with pytest.raises(ArgumentError, match="threshold is for two labels"):
        scorer.classify(PAIRS, threshold=0.5)


def test_unknown_labels_are_refused_before_the_model_is_loaded(nli, folders, monkeypatch):
    def load(*_, **__):
        raise AssertionError

    monkeypatch.setattr("bicross.rerank.pairs.models.load_reranker", load)
    with pytest.raises(ModelError, match="has no label 'entails'; its labels are neutral, entailment, contradiction"):
        PairScorer(nli, device="cpu", label="entails")
    monkeypatch.undo()
    with pytest.raises(ModelError, match="has no label 'yes'; its labels are different, similar"):
        PairScorer(folders[1], device="cpu", label="yes")


def test_wrong_arguments_are_refused(folders, encoder):
    for options, message in [
        ({"label": 3}, "label must be a str"),
        ({"symmetric": "yes"}, "symmetric must be True or False"),
        ({"cache_size": -1}, "cache_size must be at least 0"),
        ({"dtype": "float8"}, "dtype must be one of"),
        ({"max_length": 2}, "max_length is 2"),
    ]:
        with pytest.raises(ArgumentError, match=message):
            PairScorer(folders[1], device="cpu", **options)
    with pytest.raises(ArgumentError, match="max_length is 2"):
        PairScorer(encoder, device="cpu", max_length=2)
    scorer = PairScorer(folders[1], device="cpu")
    with pytest.raises(ArgumentError, match="threshold must be a number from 0 to 1"):
        scorer.classify(PAIRS, threshold=1.5)
    with pytest.raises(ArgumentError, match="document 1 is empty"):
        scorer.rank("cat", ["dog", ""])
    with pytest.raises(ArgumentError, match="query is empty"):
        scorer.rank(" ", ["dog"])
    with pytest.raises(ArgumentError, match="top_k must be at least 1"):
        scorer.rank("cat", ["dog"], top_k=0)


def test_values_of_wrong_types_are_errors_of_bicross(folders, nli):
    scorer, pairs = PairScorer(folders[1], device="cpu"), {"pairs": [("the", "cat")]}
    texts = {"texts": ["the cat"], "labels": ["dog", "owl"], "scorer": PairScorer(nli, device="cpu")}
    for method, arguments in [
        (scorer.score, pairs),
        (scorer.logits, pairs),
        (scorer.is_cut, pairs),
        (scorer.probabilities, pairs),
        (scorer.classify, pairs | {"threshold": 0.5}),
        (scorer.rank, {"query": "the", "documents": ["cat"], "top_k": 1}),
        (classify_texts, texts | {"template": "a {}", "several": True, "entailment_label": "entailment"}),
    ]:
        for argument in arguments:
            call_with_wrong_values(method, arguments, argument)
    options = {"label": "similar", "symmetric": True, "max_length": 20, "cache_size": 1, "dtype": "float32"}
    for argument in ("model", *options):
        call_with_wrong_values(PairScorer, {"model": folders[1], "device": "cpu", **options}, argument)


def test_models_that_compare_no_pairs_are_refused(folders, tmp_path):
    reader = with_labels(folders[2], tmp_path / "reader")
    config = json.loads((reader / "config.json").read_text())
    (reader / "config.json").write_text(json.dumps(config | {"architectures": ["BertForQuestionAnswering"]}))
    with pytest.raises(ModelError, match=r"it is a reader \(BertForQuestionAnswering\), which finds answers"):
        PairScorer(reader, device="cpu")
    (reader / "config.json").write_text(json.dumps(config | {"architectures": ["BertForMaskedLM"]}))
    with pytest.raises(ModelError, match=r"cannot compare two texts: it is BertForMaskedLM, without a head"):
        PairScorer(reader, device="cpu")
    with pytest.raises(ModelNotFound):
        PairScorer(tmp_path / "nowhere", device="cpu")


def test_a_config_with_unclear_names_is_refused(folders, tmp_path):
    folder = with_labels(folders[3], tmp_path / "twice", "a", "a", "b")
    with pytest.raises(ModelError, match="gives two outputs the same name"):
        PairScorer(folder, device="cpu")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"id2label": {"1": "a", "2": "b", "3": "c"}}))
    with pytest.raises(ModelError, match="the model has 3 outputs: name the outputs 0 to 2 there"):
        PairScorer(folder, device="cpu")


def test_an_activation_of_unknown_range_is_refused(folders, tmp_path):
    folder = with_labels(folders[1], tmp_path / "tanh")
    config = json.loads((folder / "config.json").read_text())
    config["sentence_transformers"] = {"activation_fn": "torch.nn.modules.activation.Tanh"}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"names the activation torch.nn.modules.activation.Tanh, and only Sigmoid"):
        PairScorer(folder, device="cpu")


def test_the_default_model_gives_the_order_that_people_expect():
    scorer = PairScorer()
    assert scorer.name == DEFAULT_SIMILARITY
    food, meal, guitar = "A man is eating food", "A man is eating a meal", "A man plays a guitar"
    same, near, far, other = scorer.score([(food, food), (food, meal), (food, guitar), (meal, guitar)])
    assert same == pytest.approx(1, abs=1e-5)
    assert same > near > 0.8 > 0.4 > max(far, other)
    assert [entry.index for entry in scorer.rank(food, [guitar, meal, food])] == [2, 1, 0]
