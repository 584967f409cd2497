from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from bicross.errors import ArgumentError, ModelError
from bicross.inference import merged_model, read_exits
from bicross.rerank import CrossEncoderReranker
from bicross.training import checkpoints
from bicross.training.rerankers import RerankerMethod, train_reranker
from bicross.training.rerankers.joint_exits import add_exits, exits_of, remove_exits
from bicross.training.rerankers.losses import ListwiseLoss, pair_scores
from helpers.tiny_exit_models import first_tokens, save_deep
from helpers.tiny_models import save_cross_encoder
from helpers.tiny_reranker_training import METHOD, judged_by_a_word, save_base, settings, ten_lists
from sentence_transformers import CrossEncoder
from torch import nn

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]

PAIRS = [("who sleeps ?", "the cat sleeps"), ("who sleeps ?", "a dog runs in the park all day"), ("an owl", "the owl")]
WITH_EXITS = replace(METHOD, exits=(1,))


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return save_base(tmp_path_factory.mktemp("base"))


def train(base, output, *, method=WITH_EXITS, watch=None, steps=9):
    lists = ten_lists()
    return train_reranker(lists, settings(output, max_steps=steps), model=base, method=method, watch=watch)


# What they say while they learn.


@pytest.mark.parametrize("name", ["bert", "distilbert", "modernbert"])
def test_they_say_what_the_engine_makes_of_the_same_heads(tmp_path, name):
    folder = save_deep(tmp_path / name, name, exits=(2, 4))
    heads = read_exits(folder)
    encoder = CrossEncoder(str(folder), device="cpu")
    before = list(encoder.model.state_dict())
    add_exits(encoder.model, (2, 4), heads)
    with torch.no_grad():
        scores = pair_scores(encoder, PAIRS).numpy()
    states = first_tokens(folder, PAIRS)
    for column, layer in enumerate((2, 4), 1):
        np.testing.assert_allclose(scores[:, column], heads[layer](states[:, layer - 1]), atol=1e-4)
    removed = remove_exits(encoder.model)
    assert list(encoder.model.state_dict()) == before
    assert exits_of(encoder.model) is None
    for layer in (2, 4):
        np.testing.assert_array_equal(removed[layer].weight, heads[layer].weight)
        np.testing.assert_array_equal(removed[layer].bias, heads[layer].bias)
    with torch.no_grad():
        np.testing.assert_allclose(pair_scores(encoder, PAIRS).numpy(), scores[:, :1], atol=1e-6)


def test_their_loss_is_the_cross_entropy_to_what_the_last_layer_says(tmp_path):
    folder = save_deep(tmp_path / "bert", "bert", exits=(2, 4))
    encoder = CrossEncoder(str(folder), device="cpu")
    columns, labels = [["who sleeps ?"], [[passage for _, passage in PAIRS]]], [torch.tensor([0.0, 1.0, 0.0])]
    plain = ListwiseLoss(encoder)(columns, labels).item()
    add_exits(encoder.model, (2, 4), read_exits(folder))
    with torch.no_grad():
        last, *exit_logits = (
            pair_scores(encoder, [("who sleeps ?", passage) for _, passage in PAIRS]).double().numpy().T
        )

    def softmax(scores):
        return np.exp(scores) / np.exp(scores).sum()

    expected = plain + np.mean([-(softmax(last) * np.log(softmax(logits))).sum() for logits in exit_logits])
    assert ListwiseLoss(encoder)(columns, labels).item() == pytest.approx(expected, abs=1e-4)


def test_the_last_layer_is_not_moved_by_what_exits_say(tmp_path):
    encoder = CrossEncoder(str(save_cross_encoder(tmp_path / "model", outputs=1)), device="cpu")
    columns, labels = [["who sleeps ?"], [[passage for _, passage in PAIRS]]], [torch.tensor([0.0, 1.0, 0.0])]

    def gradient():
        encoder.zero_grad()
        ListwiseLoss(encoder)(columns, labels).backward()
        return encoder.model.classifier.weight.grad.clone()

    alone = gradient()
    add_exits(encoder.model, (1,), {})
    torch.testing.assert_close(gradient(), alone)
    assert exits_of(encoder.model).heads[0].weight.grad.abs().max() > 0


# What comes of it.


def test_a_model_comes_with_exits_that_order_as_it_does(base, tmp_path):
    rng = np.random.default_rng(0)
    lists, held_out = judged_by_a_word(rng), judged_by_a_word(rng)
    method = RerankerMethod(lora=None, exits=(1,))
    train_reranker(lists, settings(tmp_path / "model", max_steps=60, lists_per_step=8), model=base, method=method)
    reranker = CrossEncoderReranker(tmp_path / "model", device="cpu")
    assert reranker.exit_layers == (1,)
    pairs = [(item.query, passage) for item in held_out for passage in item.passages]
    states, logits = reranker.first_tokens(pairs, (1,))
    assert np.corrcoef(reranker.exits[1](states[:, 0]), logits)[0, 1] > 0.9
    expected = CrossEncoder(str(tmp_path / "model"), device="cpu").predict(PAIRS, activation_fn=nn.Identity())
    np.testing.assert_allclose(reranker.score(PAIRS), expected, atol=1e-4)
    scores = reranker.score_cascade(PAIRS[:2], [(1, 1)])
    assert sorted(scores.stopped.tolist()) == [0, 1]


def test_exits_that_a_model_has_are_learned_further(tmp_path):
    folder = save_deep(tmp_path / "bert", "bert", exits=(2,))
    train_reranker(ten_lists(), settings(tmp_path / "model", max_steps=1, learning_rate=1e-9), model=folder,
                   method=replace(WITH_EXITS, exits=(2, 3)))  # fmt: skip
    before, after = read_exits(folder), read_exits(tmp_path / "model")
    assert list(after) == [2, 3]
    np.testing.assert_allclose(after[2].weight, before[2].weight, atol=1e-6)
    np.testing.assert_allclose(after[3].weight, 0.0, atol=1e-6)
    train_reranker(ten_lists(), settings(tmp_path / "other", max_steps=1), model=folder, method=METHOD)
    assert read_exits(tmp_path / "other") == {}, "those that it had do not fit the new weights"


def test_exits_of_a_training_that_was_cut_off_end_as_those_of_another(base, tmp_path):
    class Killed(BaseException):
        pass

    def kill(now):
        if now.step == 5:
            raise Killed

    train(base, tmp_path / "undisturbed")
    with pytest.raises(Killed):
        train(base, tmp_path / "model", watch=kill)
    assert checkpoints.newest_checkpoint(tmp_path / "model" / "checkpoints").name == "checkpoint-4"
    train(base, tmp_path / "model")
    [undisturbed], [resumed] = (read_exits(tmp_path / name).values() for name in ("undisturbed", "model"))
    assert np.abs(undisturbed.weight).max() > 1e-3
    np.testing.assert_allclose(resumed.weight, undisturbed.weight, atol=1e-6)


def test_an_adapter_that_can_be_bundled_brings_them(tmp_path, monkeypatch):
    monkeypatch.setenv("BICROSS_CACHE", str(tmp_path / "cache"))
    train(save_base(tmp_path / "bare", bare=True), tmp_path / "model")
    merged = merged_model(tmp_path / "model" / "adapter", find_base=Path)
    [trained], [of_adapter] = (read_exits(folder).values() for folder in (tmp_path / "model", merged))
    np.testing.assert_array_equal(trained.weight, of_adapter.weight)


# What cannot be.


@pytest.mark.parametrize("layers", [(2,), (0, 1), (1, 1)])
def test_layers_that_a_model_does_not_have_are_an_error(base, tmp_path, layers):
    with pytest.raises(ArgumentError, match=r"layers from 1 to 1, in ascending order, of the model's 2; not \["):
        train(base, tmp_path / "model", method=replace(WITH_EXITS, exits=layers))


def test_what_has_no_layers_and_what_has_no_lists_take_no_exits():
    with pytest.raises(ModelError, match="Linear has no layers that exits are known for"):
        add_exits(nn.Linear(2, 2), (1,), {})
    with pytest.raises(ArgumentError, match="exits are for the listwise loss, not for 'binary'"):
        RerankerMethod(loss="binary", exits=(1,))
