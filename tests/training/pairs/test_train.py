import numpy as np
import pytest
import torch
from bicross.errors import ArgumentError
from bicross.rerank import PairScorer
from bicross.training.pairs import JudgedPair, PairMethod, measured, train_pairs
from bicross.training.settings import LoraSettings
from helpers.tiny_models import save_cross_encoder, with_labels
from helpers.tiny_pair_training import LABELS, before_or_after, settings, train, with_a_sofa
from helpers.tiny_reranker_training import save_base
from safetensors.torch import load_file
from sentence_transformers import CrossEncoder

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return save_base(tmp_path_factory.mktemp("base") / "model")


def texts(pairs):
    return [(pair.first, pair.second) for pair in pairs]


@pytest.mark.parametrize(("lora", "bare"), [(None, False), (None, True), (LoraSettings(8), False)])
def test_similarity_is_learned_and_opens_in_both_libraries(tmp_path, lora, bare):
    pairs, base = with_a_sofa(), save_base(tmp_path / "base", bare=bare)
    run = settings(tmp_path / "model", max_steps=80, evaluate_every=40, lists_per_step=9)
    record = train_pairs(pairs, run, model=base, method=PairMethod(lora=lora), held_out=pairs)
    assert record.best["spearman"] > 0.75
    assert record.losses[-1][1] < 0.5 * record.losses[0][1]
    scorer = PairScorer(tmp_path / "model", device="cpu")
    scores = scorer.score(texts(pairs))
    assert scorer.runs_packed
    assert scorer.labels == ("different", "similar")
    assert scores[[pair.target == 1 for pair in pairs]].min() > scores[[pair.target == 0 for pair in pairs]].max()
    predicted = CrossEncoder(str(tmp_path / "model"), device="cpu").predict([list(pair) for pair in texts(pairs)])
    np.testing.assert_allclose(scores, predicted, atol=1e-4)
    assert measured(pairs, scorer.logits(texts(pairs)), PairMethod())["spearman"] == pytest.approx(
        record.best["spearman"], abs=1e-3
    )


def test_entailment_is_learned_from_a_model_with_another_head_and_keeps_its_labels(base, tmp_path):
    pairs, method = before_or_after(), PairMethod(task="entailment", labels=LABELS)
    run = settings(tmp_path / "model", max_steps=120, evaluate_every=120, lists_per_step=9)
    record = train_pairs(pairs, run, model=base, method=method, held_out=pairs)
    assert record.best["accuracy"] == record.best["f1"] == 1.0
    labels = PairScorer(tmp_path / "model", device="cpu").classify(texts(pairs))
    assert [pair.label for pair in labels] == [LABELS[int(pair.target)] for pair in pairs]
    predicted = CrossEncoder(str(tmp_path / "model"), device="cpu").predict([list(p) for p in texts(pairs)])
    assert predicted.argmax(1).tolist() == [int(pair.target) for pair in pairs]


def test_a_model_with_the_same_labels_in_another_order_keeps_what_it_knows(tmp_path):
    folder = save_cross_encoder(tmp_path / "plain", outputs=3)
    nli = with_labels(folder, tmp_path / "nli", "neutral", "contradiction", "entailment")
    pairs, method = before_or_after(), PairMethod(task="entailment", labels=LABELS)
    train_pairs(pairs, settings(tmp_path / "model", max_steps=1, learning_rate=1e-9), model=nli, method=method)
    before, after = (PairScorer(path, device="cpu").classify(texts(pairs)) for path in (nli, tmp_path / "model"))
    for old, new in zip(before, after, strict=True):
        assert list(new.scores) == list(LABELS)
        assert new.scores == pytest.approx(old.scores, abs=1e-5)


def test_a_stopped_run_resumes_and_ends_with_the_same_weights(base, tmp_path):
    class StoppedError(BaseException):
        pass

    def stop(now):
        if now.step == 5:
            raise StoppedError

    expected = train(base, tmp_path / "undisturbed")
    with pytest.raises(StoppedError):
        train(base, tmp_path / "stopped", watch=stop)
    assert (tmp_path / "stopped" / "checkpoints" / "checkpoint-4").is_dir()
    with pytest.raises(ArgumentError, match="was started with seed=0, not with seed=1"):
        train(base, tmp_path / "stopped", seed=1)
    record = train(base, tmp_path / "stopped")
    assert record == expected
    stored, other = (load_file(tmp_path / name / "model.safetensors") for name in ("undisturbed", "stopped"))
    for name, tensor in stored.items():
        torch.testing.assert_close(tensor, other[name], rtol=0, atol=1e-6)
    with pytest.raises(ArgumentError, match="holds a finished model"):
        train(base, tmp_path / "stopped")


@pytest.mark.parametrize(
    ("pairs", "method", "message"),
    [
        ([], PairMethod(), "there are no pairs"),
        ([JudgedPair("a", " ", 1.0)], PairMethod(), "pair 0 has an empty text"),
        ([JudgedPair("a", "b", 5.0)], PairMethod(), "target of pair 0 is 5.0, and must be from 0 to 1"),
        ([JudgedPair("a", "b", 0.5)], PairMethod(task="paraphrase"), "must be 0 or 1"),
        ([JudgedPair("a", "b", 3.0)], PairMethod(task="entailment", labels=LABELS), "a whole number below 3"),
        ([JudgedPair("a", "b", 1.0)] * 2, PairMethod(), "all 2 pairs have the target 1.0"),
    ],
)
def test_pairs_that_teach_nothing_are_refused_before_the_model_is_opened(tmp_path, pairs, method, message):
    with pytest.raises(ArgumentError, match=message):
        train_pairs(pairs, settings(tmp_path / "model"), model=tmp_path / "nowhere", method=method)


def test_a_method_that_does_not_fit_is_refused():
    for options, message in [
        ({"task": "translation"}, "task must be one of similarity, paraphrase, entailment"),
        ({"task": "entailment"}, "two or more different ones"),
        ({"task": "entailment", "labels": ("a", "a")}, "two or more different ones"),
        ({"labels": LABELS}, "labels are for entailment, not for similarity"),
    ]:
        with pytest.raises(ArgumentError, match=message):
            PairMethod(**options)
