"""Encoders that are trained: to rank their lists, as a teacher does, and to the same bytes after a kill."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from bicross.errors import ArgumentError, ModelError
from bicross.index import Document
from bicross.pipelines import SearchPipeline, build_index
from bicross.retrieval import BiEncoder
from bicross.training import QUALITY, RankingList
from bicross.training.encoders import EncoderObjective, train_encoder
from bicross.training.encoders.retrieval_evaluation import JudgedPassages, mean_ndcg
from helpers import tiny_encoder_training as encoder_training
from helpers.tiny_encoder_training import resumable, scored_lists, settings, ten_queries, texts
from helpers.tiny_models import save_bi_encoder
from safetensors.torch import load_file
from scipy.stats import kendalltau
from sentence_transformers import SentenceTransformer

TESTS = next(folder for folder in Path(__file__).parents if folder.name == "tests")

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]


def cosines(model: str | Path, lists: list[RankingList]) -> list[np.ndarray]:
    """Of each query with the passages of its list."""
    encoder = BiEncoder(model, device="cpu")
    return [
        encoder.encode_documents(ranking.passages) @ encoder.encode_queries([ranking.query])[0] for ranking in lists
    ]


def ndcg(model: str | Path, lists: list[RankingList]) -> float:
    encoder, held_out = BiEncoder(model, device="cpu"), JudgedPassages.of(lists)
    scores = encoder.encode_queries(held_out.queries) @ encoder.encode_documents(held_out.passages).T
    return mean_ndcg(scores, held_out.gains)


def mean_tau(model: str | Path, lists: list[RankingList]) -> float:
    taus = [
        kendalltau(predicted, ranking.labels).statistic
        for predicted, ranking in zip(cosines(model, lists), lists, strict=True)
    ]
    return float(np.mean(taus))


@pytest.fixture(scope="module")
def with_dropout(tmp_path_factory) -> Path:
    prompts = {"query": "what ", "document": "the "}
    return save_bi_encoder(tmp_path_factory.mktemp("models") / "dropout", prompts=prompts)


@pytest.fixture(scope="module")
def base(with_dropout) -> Path:
    """Without, it learns by heart in fewer steps, and the same from parts of a step as from the whole."""
    copy = with_dropout.with_name("base")
    shutil.copytree(with_dropout, copy)
    config = json.loads((copy / "config.json").read_text())
    none = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (copy / "config.json").write_text(json.dumps(config | none))
    return copy


@pytest.fixture(scope="module")
def overfitted(base, tmp_path_factory):
    """Trained on ten queries and held to the same ones."""
    output = tmp_path_factory.mktemp("trained") / "model"
    lists = ten_queries()
    return output, train_encoder(
        base, lists, settings(output), held_out=lists, describe=lambda record: f"{record.rows} rows\n"
    )


def test_ten_queries_are_learnt_by_heart(base, overfitted):
    output, trained = overfitted
    assert (trained.rows, trained.held_out) == (10, 10)
    assert trained.before == pytest.approx(ndcg(base, ten_queries()), abs=1e-6)
    assert trained.before < 0.8
    assert trained.after == ndcg(output, ten_queries()) == 1.0
    assert np.mean([loss for _, loss in trained.record.losses[-2:]]) < trained.record.losses[0][1] / 4


def test_the_folder_is_a_model_for_everyone(base, overfitted, tmp_path):
    output, _ = overfitted
    ours, theirs = BiEncoder(output, device="cpu"), SentenceTransformer(str(output), device="cpu")
    sentences = texts(12, seed=9)
    expected = theirs.encode_document(sentences, normalize_embeddings=True)
    np.testing.assert_allclose(ours.encode_documents(sentences), expected, atol=1e-5)
    np.testing.assert_allclose(
        ours.encode_queries(sentences), theirs.encode_query(sentences, normalize_embeddings=True), atol=1e-5
    )
    before = BiEncoder(base, device="cpu")
    assert np.abs(before.encode_documents(sentences) - expected).max() > 0.01
    assert ours.fingerprint.query_prompt == before.fingerprint.query_prompt == "what "
    assert ours.max_tokens == before.max_tokens
    documents = [Document(f"d{n}", passage) for n, passage in enumerate(texts(10, seed=2))]
    build_index(documents, tmp_path / "index", encoder=output, reranker=None)
    pipeline = SearchPipeline.open(tmp_path / "index", reranker=None, first_stage="dense", device="cpu")
    best_texts = [pipeline.search(ranking.query)[0].document.text for ranking in ten_queries()]
    assert best_texts == [ranking.passages[0] for ranking in ten_queries()]


def test_what_was_done_stands_beside_the_model(overfitted):
    output, trained = overfitted
    assert (output / "README.md").read_text() == "10 rows\n"
    record = json.loads((output / "training.json").read_text())
    assert (record["before"], record["after"]) == (trained.before, trained.after)
    assert record["record"]["steps"] == trained.record.steps
    assert not (output / "checkpoints").exists()
    with pytest.raises(ArgumentError, match="holds a finished model"):
        train_encoder("nothing", ten_queries(), settings(output))


def test_half_of_what_was_learned(base, overfitted, tmp_path):
    (whole, _), output, lists = overfitted, tmp_path / "half", ten_queries()
    trained = train_encoder(base, lists, settings(output), held_out=lists, objective=EncoderObjective(average=0.5))
    before, learned, half = (load_file(model / "model.safetensors") for model in (base, whole, output))
    for name, weights in half.items():
        torch.testing.assert_close(weights, (before[name] + learned[name]) / 2)
    assert trained.after == ndcg(output, lists)  # of what is written
    assert trained.before < trained.after
    assert trained.record.best[QUALITY] == 1.0  # of what was learned


@pytest.mark.parametrize("loss", ["margin-mse", "kl"])
def test_distillation_moves_the_order_towards_the_teachers(base, tmp_path, loss):
    lists, output = scored_lists(), tmp_path / "model"
    objective = EncoderObjective(loss=loss, passages=10)
    trained = train_encoder(base, lists, settings(output), held_out=lists, objective=objective)
    before, after = mean_tau(base, lists), mean_tau(output, lists)
    assert before < 0.25
    assert after > 0.6
    assert trained.after > trained.before


def test_steps_of_any_size_fit_into_memory(base, tmp_path):
    """Gradients of a step that is done in parts are those of the whole."""
    vectors = []
    for name, mini_batch in (("whole", None), ("parts", 2)):
        objective = EncoderObjective(passages=2, mini_batch=mini_batch)
        one_step = settings(tmp_path / name, max_steps=1, warmup_share=0.0, learning_rate=1e-4)
        train_encoder(base, ten_queries(), one_step, objective=objective)
        vectors.append(BiEncoder(tmp_path / name, device="cpu").encode_documents(texts(5, seed=6)))
    np.testing.assert_allclose(*vectors, atol=2e-4)
    assert np.abs(vectors[0] - BiEncoder(base, device="cpu").encode_documents(texts(5, seed=6))).max() > 1e-3


def kill(base: Path, output: Path, loss: str) -> None:
    """By a signal, in a process of its own."""
    command = [sys.executable, "-m", "helpers.tiny_encoder_training", str(base), str(output), loss]
    killed = subprocess.run(command, capture_output=True, text=True, check=False, cwd=TESTS)
    assert killed.returncode == -signal.SIGKILL, killed.stderr


def interrupt(base: Path, output: Path, loss: str) -> None:
    def watch(progress) -> None:
        if progress.step == encoder_training.KILLED_AT:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        resumable(base, output, loss, watch=watch)


@pytest.mark.parametrize(("loss", "end"), [("multiple-negatives", kill), ("kl", interrupt)])
def test_a_training_that_was_cut_off_goes_on_to_the_same_result(with_dropout, tmp_path, loss, end):
    straight = resumable(with_dropout, tmp_path / "straight", loss)
    end(with_dropout, tmp_path / "killed", loss)
    assert (tmp_path / "killed" / "checkpoints" / "checkpoint-5").is_dir()
    assert not (tmp_path / "killed" / "training.json").exists()
    steps = []
    resumed = resumable(with_dropout, tmp_path / "killed", loss, watch=lambda progress: steps.append(progress.step))
    assert steps == list(range(6, 13))
    assert resumed == straight
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("straight", "killed")]
    assert weights[0] == weights[1]


def test_training_stops_when_it_no_longer_gains(base, tmp_path):
    lists = ten_queries()
    plan = settings(tmp_path / "model", max_steps=400, evaluate_every=10, patience=2)
    trained = train_encoder(base, lists, plan, held_out=lists)
    best = max(evaluation["quality"] for evaluation in trained.record.evaluations)
    assert trained.after == best > 0.9 > trained.before
    assert trained.record.steps == trained.record.best_step + 20 < 400
    assert ndcg(tmp_path / "model", lists) == pytest.approx(best)


def test_without_held_out_queries_the_last_weights_are_kept(base, tmp_path):
    trained = train_encoder(base, ten_queries(), settings(tmp_path / "model", max_steps=3, evaluate_every=2))
    assert (trained.before, trained.after, trained.held_out) == (None, None, 0)
    assert (trained.record.steps, trained.record.evaluations) == (3, ())
    assert (tmp_path / "model" / "model.safetensors").is_file()


def test_half_precision_on_whatever_there_is(base, tmp_path):
    plan = settings(tmp_path / "model", max_steps=2, dtype="bfloat16", device=None)
    trained = train_encoder(base, ten_queries(), plan, held_out=ten_queries())
    assert trained.record.steps == 2
    before, after = (BiEncoder(model, device="cpu").encode_queries(["the cat"]) for model in (base, plan.output))
    assert np.abs(after - before).max() > 1e-3


def test_what_cannot_be_trained(base, tmp_path):
    lists = [RankingList("query", ("the passage",), (1.0,))]
    with pytest.raises(ArgumentError, match="all 1 passages are relevant to one query"):
        train_encoder(base, lists, settings(tmp_path / "model"))
    with pytest.raises(ModelError, match="does not exist"):
        train_encoder(tmp_path / "nowhere", ten_queries(), settings(tmp_path / "model"))
    with pytest.raises(ArgumentError, match="max_length is 2"):
        train_encoder(base, ten_queries(), settings(tmp_path / "model", max_length=2))
    assert not (tmp_path / "model").exists()
