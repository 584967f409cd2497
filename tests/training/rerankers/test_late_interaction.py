"""The trainer of late-interaction rerankers: what it learns, that it can be repeated, and what it keeps."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from bicross.errors import ArgumentError, ModelError, TrainingError
from bicross.rerank import LateInteractionReranker
from bicross.training import RankingList, train_late_interaction
from bicross.training.rerankers import LateInteractionMethod, Sampling
from bicross.training.rerankers.late_interaction_model import TokenProjection, score_pairs, starting_point
from bicross.training.rerankers.token_states import TokenStates, open_first_layers
from helpers.tiny_models import MAX_LENGTH, save_bi_encoder, save_cross_encoder
from helpers.tiny_reranker_training import judged_by_a_word, measured, settings, ten_lists
from safetensors.numpy import load_file

pytestmark = pytest.mark.slow

METHOD = LateInteractionMethod(layer=1, dim=16, prior_weight=1.0, sampling=Sampling(hard=0, other=5, hard_depth=0))
WEIGHTS = "late_interaction.safetensors"


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base") / "encoder"
    save_bi_encoder(folder)
    return folder


def misjudged():
    """A passage is relevant if it has the word "sofa", and the first stage puts it last."""
    return [
        replace(item, prior=tuple(0.1 * n for n in range(6))) for item in judged_by_a_word(np.random.default_rng(0))
    ]


def train(base, output, *, steps=40, method=METHOD, lists=None, **options):
    lists = misjudged() if lists is None else lists
    chosen = settings(output, max_steps=steps, learning_rate=2e-2, evaluate_every=10)
    return train_late_interaction(lists, chosen, model=base, method=method, **options)


def test_it_learns_and_writes_a_model_that_scores_as_it_was_measured(base, tmp_path):
    lists = misjudged()
    progress = []
    record = train(base, tmp_path / "m", evaluate=measured(lists), watch=progress.append, describe=lambda _: "# Card\n")
    assert record.losses[-1][1] < 0.5 * record.losses[0][1]
    assert [entry["step"] for entry in record.evaluations] == [10, 20, 30, 40]
    assert record.best["alone"] > 0.75 > 0.5 > record.best["stage_one"]
    assert [item.step for item in progress] == list(range(1, 41))
    assert (tmp_path / "m" / "README.md").read_text() == "# Card\n"
    names = {path.name for path in (tmp_path / "m").iterdir()}
    assert names == {"late_interaction.json", WEIGHTS, "README.md", "training.json"}
    written = json.loads((tmp_path / "m" / "late_interaction.json").read_text())
    assert (written["layer"], written["dim"], written["max_length"]) == (1, 16, MAX_LENGTH)
    assert written["base"] == str(base)
    reranker = LateInteractionReranker(tmp_path / "m", device="cpu")
    assert reranker.blend == record.best["blend"]
    again = measured(lists)(reranker.score)
    assert again["alone"] == pytest.approx(record.best["alone"], abs=0.02)  # its states are not rounded to bfloat16


def test_the_same_call_makes_the_same_model_and_a_stopped_one_keeps_its_states(base, tmp_path, monkeypatch):
    train(base, tmp_path / "one", steps=6)

    class Stopped(BaseException):
        pass

    def stop(progress):
        if progress.step == 3:
            raise Stopped

    with pytest.raises(Stopped):
        train(base, tmp_path / "two", steps=6, watch=stop)
    states = tmp_path / "two" / "checkpoints" / "states.bin"
    with states.open("ab") as file:  # what a kill leaves: states that are not named yet
        file.write(b"half of a text")
    size = len((tmp_path / "two" / "checkpoints" / "states.jsonl").read_text().splitlines())
    assert size > 10
    train(base, tmp_path / "two", steps=6)
    first, second = (load_file(tmp_path / name / WEIGHTS) for name in ("one", "two"))
    assert all((first[name] == second[name]).all() for name in first)
    with pytest.raises(ArgumentError, match="holds a finished model"):
        train(base, tmp_path / "two", steps=6)


def test_another_run_in_the_same_folder_is_refused(base, tmp_path):
    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(base, tmp_path / "m", steps=6, watch=stop)
    with pytest.raises(ArgumentError, match=r"was started with dim=16, not with dim=5: use the same value to resume"):
        train(base, tmp_path / "m", steps=6, method=replace(METHOD, dim=5))


def opened(base, path, *, layer=1):
    layers = open_first_layers(base, layer=layer, dtype="float32", device="cpu", max_length=MAX_LENGTH)
    return TokenStates(layers, path)


def test_states_are_computed_once_and_found_again(base, tmp_path, monkeypatch):
    texts = ["the cat sleeps", "", "dog " * 50]
    states = opened(base, tmp_path / "s.bin")
    states.compute([*texts, *texts])
    kept = [states[text] for text in texts]
    assert [len(part) for part in kept] == [5, 2, MAX_LENGTH]
    assert [len(states.of_query(text)) for text in texts] == [3, 2, MAX_LENGTH - 2]
    again = opened(base, tmp_path / "s.bin")
    monkeypatch.setattr(again._packed, "run_tokens", None)  # nothing is left to compute
    again.compute(texts)
    assert all((again[text] == part).all() for text, part in zip(texts, kept, strict=True))
    monkeypatch.undo()
    states.compute(["owl"])
    with pytest.raises(TrainingError, match="another training writes to"):
        again.compute(["park"])
    assert opened(base, tmp_path / "s.bin", layer=2)._places == {}  # others are not taken for these


def test_scores_in_training_are_those_in_int8_but_for_rounding(base, tmp_path):
    states = opened(base, tmp_path / "s.bin", layer=2)
    texts = ["the cat sleeps", "a dog runs", "owl"]
    model = TokenProjection(starting_point(states, texts, 8, seed=0))
    states.compute(["who sleeps ?"])
    exact = model(states.of_query("who sleeps ?"), [states[text] for text in texts]).detach().numpy()
    found = score_pairs(model, states, [("who sleeps ?", text) for text in texts])
    np.testing.assert_allclose(found, exact, atol=0.3)
    components = torch.from_numpy(model.exported().project)
    np.testing.assert_allclose(components @ components.T, np.eye(8), atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"lists": []}, ArgumentError, "there are no lists to train on"),
        ({"lists": [RankingList("q", ("a",), (1.0,), (0.0,))]}, ArgumentError, "no list has a negative passage"),
        ({"method": replace(METHOD, layer=3)}, ModelError, "it has 2 layers, and 3 are needed"),
        ({"method": replace(METHOD, dim=25)}, ArgumentError, r"dim is 25, and the states of .* have 24 units"),
        ({"evaluate": lambda _: {"loss": 1.0}}, ArgumentError, "an evaluation must have the key 'quality'"),
    ],
)
def test_what_cannot_be_trained(base, tmp_path, changes, error, message):
    with pytest.raises(error, match=message):
        train(base, tmp_path / "m", **{"steps": 1} | changes)


def test_bases_and_losses_that_do_not_work(base, tmp_path, monkeypatch):
    cross = save_cross_encoder(tmp_path / "cross", outputs=1)
    with pytest.raises(ModelError, match="is not an encoder: it is a reranker"):
        train(cross, tmp_path / "m")
    lists = [replace(item, prior=(1e300, *item.prior[1:])) for item in ten_lists()]
    with pytest.raises(TrainingError, match="the loss is nan at step 1: train with a lower learning rate"):
        train(base, tmp_path / "m", lists=lists, method=replace(METHOD, prior_weight=1e300))
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ArgumentError, match="is trained in one process"):
        train(base, tmp_path / "n")
