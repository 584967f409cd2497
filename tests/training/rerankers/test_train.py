import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from bicross.errors import ArgumentError, TrainingError
from bicross.index import Document
from bicross.inference import merged_model
from bicross.pipelines import SearchPipeline, build_index
from bicross.rerank import CrossEncoderReranker
from bicross.training import RankingList, checkpoints
from bicross.training.rerankers import LoraSettings, RerankerMethod, Sampling, train_reranker
from helpers.tiny_models import MAX_LENGTH, save_bi_encoder
from helpers.tiny_reranker_training import (
    METHOD,
    TOPICS,
    judged_by_a_word,
    measured,
    save_base,
    settings,
    ten_lists,
    train,
)
from safetensors import SafetensorError
from safetensors.torch import load_file
from sentence_transformers import CrossEncoder

TESTS = next(folder for folder in Path(__file__).parents if folder.name == "tests")

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]

FULL = RerankerMethod(lora=None, sampling=Sampling(hard=6, other=3, hard_depth=6))


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return save_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def undisturbed(base, tmp_path_factory):
    """A training from beginning to end, and what it wrote."""
    output = tmp_path_factory.mktemp("undisturbed") / "model"
    return train(base, output), output


def pairs():
    return [(item.query, passage) for item in ten_lists() for passage in item.passages]


def weights(output):
    return load_file(Path(output) / "model.safetensors")


def assert_same_weights(output, other):
    for name, tensor in weights(output).items():
        torch.testing.assert_close(tensor, weights(other)[name], rtol=0, atol=1e-6)


# What is learned.


def test_ten_queries_are_learned_by_heart(base, tmp_path):
    lists = ten_lists()
    record = train_reranker(
        lists,
        settings(tmp_path / "model", max_steps=150, evaluate_every=50, lists_per_step=10),
        model=base,
        method=FULL,
        evaluate=measured(lists),
    )
    assert record.losses[0][1] > 1.0
    assert record.losses[-1][1] < 0.1
    assert record.best["alone"] == 1.0
    reranker = CrossEncoderReranker(tmp_path / "model", device="cpu")
    for item in lists:
        assert reranker.score([(item.query, passage) for passage in item.passages]).argmax() == 0


@pytest.mark.parametrize("shuffled", [False, True])
def test_what_was_learned_holds_for_other_queries_and_shuffled_labels_teach_nothing(base, tmp_path, shuffled):
    rng = np.random.default_rng(0)
    lists, held_out = judged_by_a_word(rng, shuffled=shuffled), judged_by_a_word(rng, shuffled=False)
    train_reranker(
        lists,
        settings(tmp_path / "model", max_steps=60, evaluate_every=60, lists_per_step=8),
        model=base,
        method=FULL,
    )
    reranker = CrossEncoderReranker(tmp_path / "model", device="cpu")
    rank_one = [reranker.score([(item.query, p) for p in item.passages]).argmax() == 0 for item in held_out]
    # By chance it is one in six; of 40, more than 15 are four deviations above it.
    assert np.sum(rank_one) <= 15 if shuffled else np.mean(rank_one) > 0.9


def test_very_long_queries_and_passages_train_as_sentence_transformers_cuts_them(base, tmp_path):
    """A query of 1,767 tokens with passages that are repeated 20 times: the same weights as of what the model sees."""
    query = " ".join([word for topic in TOPICS * 89 for word in topic][:1767])
    lists = [
        RankingList(query, tuple(" ".join([text] * 20) for text in item.passages), item.labels)
        for item in ten_lists()[:4]
    ]
    tokenizer = CrossEncoder(str(base), device="cpu").tokenizer
    assert len(tokenizer.tokenize(query)) == 1767

    def seen(query, passage):
        """Both texts as the model sees them."""
        encoded = tokenizer(query, passage, truncation="longest_first", max_length=MAX_LENGTH)
        parts = [[], []]
        for id_, sequence in zip(encoded["input_ids"], encoded.sequence_ids(), strict=True):
            if sequence is not None:
                parts[sequence].append(tokenizer.convert_ids_to_tokens(id_))
        return [" ".join(part) for part in parts]

    cut = []
    for item in lists:
        shown = [seen(item.query, passage) for passage in item.passages]
        assert len({query for query, _ in shown}) == 1
        cut.append(RankingList(shown[0][0], tuple(passage for _, passage in shown), item.labels))
    for name, texts in (("long", lists), ("cut", cut)):
        train_reranker(texts, settings(tmp_path / name, max_steps=2), model=base, method=FULL)
    assert_same_weights(tmp_path / "long", tmp_path / "cut")


@pytest.mark.parametrize("loss", ["binary", "lambda", "margin-mse"])
def test_the_other_losses_learn_too(base, tmp_path, loss):
    lists = ten_lists()
    if loss == "margin-mse":
        lists = [RankingList(x.query, x.passages, tuple(3.0 * y - 1 for y in x.labels)) for x in lists]
    method = RerankerMethod(loss=loss, lora=None, sampling=Sampling(hard=6, other=3, hard_depth=6))
    record = train_reranker(
        lists, settings(tmp_path / "model", max_steps=30, lists_per_step=5), model=base, method=method
    )
    assert record.losses[-1][1] < 0.5 * record.losses[0][1]
    assert record.best is None
    assert record.best_step == record.steps == 30


def test_a_prior_is_learned_around(base, tmp_path):
    """Where stage one is right already, and weighs much, there is nothing to learn."""
    with_priors = [RankingList(x.query, x.passages, x.labels, tuple(20.0 * y for y in x.labels)) for x in ten_lists()]
    method = RerankerMethod(lora=LoraSettings(4), prior_weight=5.0)
    record = train_reranker(with_priors, settings(tmp_path / "model", max_steps=4), model=base, method=method)
    assert max(loss for _, loss in record.losses) < 1e-6


# What is written.


def test_the_model_scores_alike_in_sentence_transformers_the_engine_and_a_search(undisturbed, tmp_path):
    _, output = undisturbed
    standard = CrossEncoder(str(output), device="cpu")
    expected = standard.predict([list(pair) for pair in pairs()], activation_fn=torch.nn.Identity())
    reranker = CrossEncoderReranker(output, device="cpu")
    assert reranker._packed is not None
    np.testing.assert_allclose(reranker.score(pairs()), expected, atol=1e-4)
    encoder = str(save_bi_encoder(tmp_path / "bi"))
    documents = [Document(f"{a}-{p}", f"the {a} sleeps in the {p}") for a, p in TOPICS]
    build_index(documents, tmp_path / "index", encoder=encoder, reranker=None)
    with SearchPipeline.open(tmp_path / "index", encoder=encoder, reranker=str(output), device="cpu") as pipeline:
        query = "what does the cat do in the park ?"
        results = pipeline.search(query, top_k=10)
        logits = standard.predict([[query, r.passage.text] for r in results], activation_fn=torch.nn.Identity())
        np.testing.assert_allclose([r.logit for r in results], logits, atol=1e-4)


def test_the_output_has_the_blend_the_record_and_no_checkpoints(undisturbed):
    record, output = undisturbed
    assert json.loads((output / "bicross.json").read_text()) == {"blend": record.best["blend"]}
    assert CrossEncoderReranker(output, device="cpu").blend == record.best["blend"]
    written = json.loads((output / "training.json").read_text())
    assert written["record"]["best_step"] == record.best_step
    assert [evaluation["step"] for evaluation in record.evaluations] == [2, 4, 6, 8, 9]
    assert written["lora"] == {"rank": 4, "scale": 2.0}
    assert not (output / "checkpoints").exists()
    assert not any(path.suffix in (".pt", ".pth", ".bin") for path in output.rglob("*"))
    assert record.best["quality"] == max(evaluation["quality"] for evaluation in record.evaluations)


def test_of_a_bare_encoder_the_adapter_is_kept_too_and_can_be_bundled(tmp_path, monkeypatch):
    monkeypatch.setenv("BICROSS_CACHE", str(tmp_path / "cache"))
    bare, output = save_base(tmp_path / "bare", bare=True), tmp_path / "model"
    train(bare, output)
    merged = merged_model(output / "adapter", find_base=Path)
    expected = CrossEncoderReranker(output, device="cpu").score(pairs())
    bundled = CrossEncoderReranker(merged, device="cpu")
    np.testing.assert_allclose(bundled.score(pairs()), expected, atol=0.05)  # its numbers are float16
    assert bundled.blend == CrossEncoderReranker(output, device="cpu").blend
    # New heads give logits, as bicross and sentence-transformers both understand them.
    np.testing.assert_allclose(CrossEncoder(str(output), device="cpu").predict(pairs()), expected, atol=1e-4)


def test_nothing_is_printed_or_written_elsewhere(base, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    train(base, "model")
    assert capfd.readouterr() == ("", "")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_training_stops_when_patience_is_over_and_keeps_the_best(base, tmp_path):
    values = iter([0.1, 0.5, 0.3, 0.2, 0.9])
    record = train_reranker(
        ten_lists(),
        settings(tmp_path / "model", max_steps=20, patience=2),
        model=base,
        method=METHOD,
        evaluate=lambda score: {"quality": next(values)},
    )
    assert (record.steps, record.best_step) == (8, 4)


# Going on.


def test_a_killed_training_goes_on_and_ends_as_an_undisturbed_one(base, undisturbed, tmp_path):
    environment = os.environ | {"PYTHONPATH": str(TESTS), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "helpers.tiny_reranker_training", str(base), str(tmp_path / "model"), "7"]
    killed = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert killed.returncode == -9, killed.stderr
    assert not (tmp_path / "model" / "model.safetensors").exists()
    assert checkpoints.newest_checkpoint(tmp_path / "model" / "checkpoints").name == "checkpoint-6"
    steps = []
    record = train(base, tmp_path / "model", watch=lambda now: steps.append(now.step))
    assert steps == [7, 8, 9]
    assert record == undisturbed[0]
    assert_same_weights(tmp_path / "model", undisturbed[1])


class Killed(BaseException):
    """As nothing in the program expects it."""


def raising(error):
    def fail(*_, **__):
        raise error

    return fail


def test_a_kill_while_a_checkpoint_is_written_leaves_the_one_before(base, undisturbed, tmp_path, monkeypatch):
    real = checkpoints.put_in_place

    def at_step_four(writing, best_step):
        if (writing / "checkpoint-4").is_dir():
            raise Killed
        real(writing, best_step)

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(checkpoints, "put_in_place", at_step_four)
        train(base, tmp_path / "model")
    assert (tmp_path / "model" / "checkpoints" / "writing" / "checkpoint-4").is_dir()
    assert checkpoints.newest_checkpoint(tmp_path / "model" / "checkpoints").name == "checkpoint-2"
    assert train(base, tmp_path / "model") == undisturbed[0]
    assert_same_weights(tmp_path / "model", undisturbed[1])


def test_a_kill_while_the_model_is_written_costs_no_step(base, undisturbed, tmp_path, monkeypatch):
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(CrossEncoder, "save_pretrained", raising(Killed))
        train(base, tmp_path / "model")
    steps = []
    assert train(base, tmp_path / "model", watch=lambda now: steps.append(now.step)) == undisturbed[0]
    assert steps == []
    assert_same_weights(tmp_path / "model", undisturbed[1])


def test_early_stopping_is_remembered(base, tmp_path, monkeypatch):
    def run():
        return train_reranker(
            ten_lists(),
            settings(tmp_path / "model", max_steps=20, patience=1),
            model=base,
            method=METHOD,
            evaluate=lambda score: {"quality": next(values)},
        )

    values = iter([0.5, 0.4])
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(CrossEncoder, "save_pretrained", raising(Killed))
        run()
    values = iter([])
    assert (run().steps, run_again_is_refused(run)) == (4, True)


def run_again_is_refused(run):
    with pytest.raises(ArgumentError, match="holds a finished model"):
        run()
    return True


def train_limited(base, output, limit):
    """On a disk that, from the third step on, takes files up to a size."""
    import resource  # not on every system

    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def watch(now):
        if now.step == 3:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))

    try:
        train(base, output, watch=watch)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_an_error_and_leaves_the_checkpoint_before(base, undisturbed, tmp_path):
    """This limit refuses the state of the optimizer, and lets the weights pass."""
    refusal = r"the checkpoint of step 4 cannot be written: .*free disk space and run the same again"
    with pytest.raises(TrainingError, match=refusal):
        train_limited(base, tmp_path / "model", 60_000)
    folder = tmp_path / "model" / "checkpoints"
    assert checkpoints.newest_checkpoint(folder).name == "checkpoint-2"
    assert not (folder / "writing").exists()
    assert train(base, tmp_path / "model") == undisturbed[0]
    assert_same_weights(tmp_path / "model", undisturbed[1])


def test_no_room_for_the_weights_is_an_error_too(base, tmp_path, monkeypatch):
    real = checkpoints.save_file

    def full(tensors, path):
        if path.parent.name == "checkpoint-4":
            raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")
        real(tensors, path)

    with monkeypatch.context() as patched:
        patched.setattr(checkpoints, "save_file", full)
        with pytest.raises(TrainingError, match=r"checkpoint of step 4 cannot be written: .*No space left on device"):
            train(base, tmp_path / "model")
    assert checkpoints.newest_checkpoint(tmp_path / "model" / "checkpoints").name == "checkpoint-2"
    assert not (tmp_path / "model" / "checkpoints" / "writing").exists()


def test_no_room_for_the_model_keeps_the_checkpoints(base, tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(CrossEncoder, "save_pretrained", raising(OSError(28, "No space left on device")))
        with pytest.raises(TrainingError, match=r"trained model cannot be written to .*No space left.*run the same"):
            train(base, tmp_path / "model")
    assert checkpoints.newest_checkpoint(tmp_path / "model" / "checkpoints").name == "checkpoint-9"


# What is refused.


def test_another_training_in_the_same_folder_is_refused(base, tmp_path, monkeypatch):
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(checkpoints, "put_in_place", raising(Killed))
        train(base, tmp_path / "model")
    with pytest.raises(ArgumentError, match=r"started with learning_rate=0.005, not with learning_rate=0.1"):
        train(base, tmp_path / "model", learning_rate=0.1)
    with pytest.raises(ArgumentError, match=r"started with lists=10, not with lists=9"):
        train_reranker(ten_lists()[:9], settings(tmp_path / "model", max_steps=9), model=base, method=METHOD)


@pytest.mark.parametrize(
    ("lists", "method", "message"),
    [
        ([], METHOD, "no lists to train on"),
        ([RankingList("q", ("a", "b"), (0.0, 0.0))], METHOD, "no list has a positive passage"),
        ([RankingList("q", ("a", "b"), (1.0, 2.0))], METHOD, "no list has a negative passage"),
        (
            [RankingList("q", ("a",), (1.0,)), RankingList("r", ("b",), (0.0,))],
            METHOD,
            "no list has a positive and a negative passage",
        ),
        ([RankingList("q", ("a", " "), (1.0, 0.0))], METHOD, "the list of 'q' has an empty text"),
        ([RankingList(" ", ("a", "b"), (1.0, 0.0))], METHOD, "the list of ' ' has an empty text"),
        (
            [RankingList("q", ("a", "b"), (1.0, 0.0))],
            RerankerMethod(prior_weight=1.0),
            "takes lists with prior scores",
        ),
        ([RankingList("q", ("a",), (1.0,))], RerankerMethod(loss="margin-mse"), "no list has a positive and a neg"),
    ],
)
def test_lists_that_teach_nothing_are_refused(base, tmp_path, lists, method, message):
    with pytest.raises(ArgumentError, match=message):
        train_reranker(lists, settings(tmp_path / "model"), model=base, method=method)
    assert not (tmp_path / "model").exists()


def test_a_loss_that_is_no_number_ends_the_training(base, tmp_path):
    with pytest.raises(
        TrainingError, match=r"the loss is nan at step \d+: train with a lower learning rate than 1e\+3"
    ):
        train_reranker(
            ten_lists(),
            settings(tmp_path / "model", learning_rate=1e30, warmup_share=0.0, max_steps=9),
            model=base,
            method=FULL,
        )


def test_folders_that_hold_something_else_are_refused(base, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for name, message in (
        ("full", "is not empty and holds no unfinished"),
        ("file", "is a file; name a folder"),
        ("file/x", "is a file; name another folder"),
    ):
        with pytest.raises(ArgumentError, match=message):
            train(base, tmp_path / name)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "epochs must be above 0, not 0"),
        ({"max_steps": 0}, "max_steps must be at least 1, not 0"),
        ({"warmup_share": 1.0}, "warmup_share must be from 0 to below 1"),
        ({"dtype": "float16"}, "one of float32, bfloat16, not 'float16'"),
        ({"device": "cuda:1"}, "cpu, cuda or mps, not 'cuda:1'; choose one of several GPUs with CUDA_VISIBLE_DEVICES"),
        ({"learning_rate": float("nan")}, "learning_rate must be above 0, not nan"),
    ],
)
def test_settings_that_cannot_be_are_refused(tmp_path, changes, message):
    with pytest.raises(ArgumentError, match=message):
        settings(tmp_path, **changes)


def test_without_the_extra_the_error_says_what_to_install(base, tmp_path, monkeypatch):
    real = checkpoints.__spec__  # any spec will do for what is there
    monkeypatch.setattr(
        "bicross.training.environment.importlib.util.find_spec", lambda name: None if name == "accelerate" else real
    )
    with pytest.raises(TrainingError, match=r"training needs accelerate: pip install 'bicross\[train\]'"):
        train(base, tmp_path / "model")
