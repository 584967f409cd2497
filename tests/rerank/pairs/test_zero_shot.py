import numpy as np
import pytest
from bicross.errors import ArgumentError, ModelError
from bicross.rerank import PairScorer, classify_texts, paired
from helpers.tiny_models import save_cross_encoder, with_labels

pytestmark = pytest.mark.slow

TEXTS = ["the cat sleeps in the park", "an owl hunts at night", "who runs ?"]
LABELS = ["cat", "dog", "owl"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_cross_encoder(tmp_path_factory.mktemp("model") / "plain", outputs=3)


@pytest.fixture(scope="module")
def scorer(model):
    return PairScorer(
        with_labels(model, model.with_name("nli"), "contradiction", "ENTAILMENT", "neutral"), device="cpu"
    )


def softmax(values):
    powers = np.exp(values - values.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def test_the_probabilities_are_those_of_the_entailment_of_each_hypothesis(scorer):
    logits = np.array([scorer.logits([(text, f"here is the {label} .") for label in LABELS]) for text in TEXTS])
    single = classify_texts(TEXTS, LABELS, scorer, template="here is the {} .")
    np.testing.assert_allclose([list(label.scores.values()) for label in single], softmax(logits[:, :, 1]), atol=1e-6)
    several = classify_texts(TEXTS, LABELS, scorer, template="here is the {} .", several=True)
    expected = softmax(logits[:, :, [0, 1]])[..., 1]
    np.testing.assert_allclose([list(label.scores.values()) for label in several], expected, atol=1e-6)
    for label in [*single, *several]:
        assert list(label.scores) == LABELS
        assert label.score == max(label.scores.values()) == label.scores[label.label]
    assert classify_texts([], LABELS, scorer) == []
    [alone] = classify_texts(TEXTS[:1], ["cat"], scorer, template="here is the {} .", several=True)
    assert alone.score == pytest.approx(expected[0, 0], abs=1e-6)


def test_two_labels_of_entailment_are_enough(model):
    folder = save_cross_encoder(model.with_name("two-outputs"), outputs=2)
    two = PairScorer(with_labels(folder, model.with_name("two"), "entailment", "not_entailment"), device="cpu")
    [label] = classify_texts(TEXTS[:1], ["cat"], two, several=True)
    assert label.score == pytest.approx(float(two.score([(TEXTS[0], "This text is about cat.")])[0]), abs=1e-6)


def test_a_label_without_a_name_of_its_own_can_be_said(model, scorer):
    unnamed = PairScorer(model, device="cpu")
    with pytest.raises(ModelError, match=r"is entailment \(LABEL_0, LABEL_1, LABEL_2\): its config names none"):
        classify_texts(TEXTS, LABELS, unnamed)
    with pytest.raises(ModelError, match="has no label 'LABEL_3'"):
        classify_texts(TEXTS, LABELS, unnamed, entailment_label="LABEL_3")
    expected = softmax(np.array([unnamed.logits([(t, f"{label}!") for label in LABELS])[:, 1] for t in TEXTS]))
    labels = classify_texts(TEXTS, LABELS, unnamed, template="{}!", entailment_label="LABEL_1")
    np.testing.assert_allclose([list(labels.scores.values()) for labels in labels], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        (["cat"], {}, "labels must be two or more, or there is nothing to choose, and not 1"),
        ([], {"several": True}, "labels must be two or more, or there is nothing to choose, and not 0"),
        (["cat", "cat"], {}, "labels must all be different: 'cat' is there twice"),
        (["cat", " "], {}, "label 1 is empty"),
        ("cat", {}, "labels must be a list"),
        (LABELS, {"template": "about"}, "template must have {} once"),
        (LABELS, {"template": 3}, "template must have {} once"),
        (LABELS, {"several": 1}, "several must be True or False"),
    ],
)
def test_wrong_arguments_are_refused(scorer, labels, options, message):
    with pytest.raises(ArgumentError, match=message):
        classify_texts(TEXTS, labels, scorer, **options)


def test_a_blank_text_and_a_similarity_model_are_refused(scorer, model):
    with pytest.raises(ArgumentError, match="pair 3 has an empty first text"):
        classify_texts([TEXTS[0], ""], LABELS, scorer)
    similarity = PairScorer(save_cross_encoder(model.with_name("one"), outputs=1), device="cpu")
    with pytest.raises(ModelError, match="has one output, which says how similar two texts are; this needs a model of"):
        classify_texts(TEXTS, LABELS, similarity)


def test_two_lists_are_paired_if_they_are_equally_long():
    assert paired(["a", "b"], ("c", "d")) == [("a", "c"), ("b", "d")]
    with pytest.raises(ArgumentError, match="firsts has 2 texts and seconds 1: give lists of the same length"):
        paired(["a", "b"], ["c"])
    with pytest.raises(ArgumentError, match="seconds must be a list"):
        paired(["a"], "c")
